/**
 * Asking a second upstream when the first is late: later than it is with 19 of 20 answers. The budget keeps the extra
 * queries to 5 %, so that upstreams that are slow for everyone do not get twice the load.
 */

import type { ResponseLayout } from "../../wire/response.ts";
import { Exchange, type UpstreamError } from "../exchange.ts";

/** Extra queries allowed for each query asked. */
const BUDGET_SHARE = 0.05;
/** Unused budget that is kept for a bad moment, by all workers. */
export const MAX_HEDGES_SAVED = 50;
/** Not earlier than this, however quick the upstream: below, the extra query saves nobody anything. */
export const LEAST_HEDGE_MS = 20;

export class HedgeBudget {
  readonly #most: number;
  #left = 1;

  constructor(most = MAX_HEDGES_SAVED) {
    this.#most = most;
  }

  /** A query was asked. */
  earn(): void {
    this.#left = Math.min(this.#most, this.#left + BUDGET_SHARE);
  }

  /** Whether there is any left. */
  get isEmpty(): boolean {
    return this.#left < 1;
  }

  /** Whether one extra query may be asked; it is then spent. */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** The same question as another exchange's, asked of a second upstream. Whichever is answered first answers both. */
export class Hedge extends Exchange {
  first: Exchange | undefined = undefined;

  follow(first: Exchange): void {
    this.begin(first.deadlineMs);
    this.first = first;
    this.isSuspect = first.isSuspect;
    this.deaths = first.deaths;
    this.query.copyFrom(first.query);
  }

  // The set of upstreams sees what becomes of it (upstream-group.ts).
  override onResponse(_octets: Uint8Array, _start: number, _layout: ResponseLayout): void {}
  override onFailure(_error: UpstreamError): void {}
}
