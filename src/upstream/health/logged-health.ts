/** The health of an upstream; the operator is told when it begins to fail, of what, and when it works again: each once. */

import type { Log } from "../../observe/log.ts";
import type { Clock, Random } from "../../runtime/runtime.ts";
import type { UpstreamError } from "../exchange.ts";
import { Health, type HealthLimits } from "./health.ts";

export interface LoggedHealthParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: { readonly health: HealthLimits };
}

export class LoggedHealth extends Health {
  readonly #upstream: string;
  readonly #log: Log;
  /** Whether the log was told that it fails. */
  #told = false;

  constructor(upstream: string, { clock, random, log, limits }: LoggedHealthParts) {
    super(clock, random, limits.health);
    this.#upstream = upstream;
    this.#log = log;
  }

  /** Whether there is something that an answer would end. */
  get isTroubled(): boolean {
    return this.#told || !this.healthy;
  }

  override failed(error: UpstreamError, isPassing?: boolean): boolean {
    const isNews = super.failed(error, isPassing);
    if (this.#told && !isNews) return false;
    this.#told = true;
    this.#log.warn(`upstream ${this.#upstream}: ${error.message}`, { upstream: this.#upstream, code: error.code });
    return true;
  }

  override worked(): boolean {
    if (this.#told) this.#log.info(`upstream ${this.#upstream}: works again`, { upstream: this.#upstream });
    this.#told = false;
    return super.worked();
  }
}
