/**
 * Which upstreams a query goes to, by the host's clock: the strict ones always, but while the clock is behind the
 * names of time servers go to those that are authenticated without dates, so that the clock can be set at all.
 */

import type { Log } from "../observe/log.ts";
import { isBehind, type TimeServerNames } from "../policy/wrong-clock.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Exchange } from "../upstream/exchange.ts";
import type { UpstreamGroup } from "../upstream/group/upstream-group.ts";

type Upstreams = Pick<UpstreamGroup, "ask" | "inFlight" | "renew" | "stop">;

export interface ByClockParts {
  readonly clock: Clock;
  readonly log: Log;
  /** A time that is past for certain, in milliseconds since 1970. */
  readonly builtMs: number;
  readonly strict: Upstreams;
  /** undefined if none are listed. */
  readonly timeServers: TimeServerNames | undefined;
  /** Makes the set whose certificates' dates are waived; undefined if no upstream has a pin. Called at most once. */
  readonly datesWaived: (() => Upstreams) | undefined;
  /** The clock is right again: what failed before may work now. */
  readonly onRight: () => void;
}

/** How long the clock may be right again before that is noticed without a query. */
const LOOK_MS = 1000;

export class UpstreamsByClock {
  readonly #parts: ByClockParts;
  #behind = false;
  #waived: Upstreams | undefined;
  #cancelLook: (() => void) | undefined;

  constructor(parts: ByClockParts) {
    this.#parts = parts;
  }

  get inFlight(): number {
    return this.#parts.strict.inFlight + (this.#waived?.inFlight ?? 0);
  }

  /** As UpstreamGroup.ask(). */
  ask(exchange: Exchange, nowMs: number): void {
    this.look();
    const { strict, timeServers, datesWaived } = this.#parts;
    if (!this.#behind || datesWaived === undefined || !timeServers?.has(exchange.query)) {
      strict.ask(exchange, nowMs);
    } else {
      this.#waived ??= datesWaived();
      this.#waived.ask(exchange, nowMs);
    }
  }

  /** Looks at the clock, and says so when it turned out wrong, or right again. */
  look(): void {
    const { clock, builtMs } = this.#parts;
    const wallMs = clock.wallMs();
    const behind = isBehind(wallMs, builtMs);
    if (behind === this.#behind) return;
    this.#behind = behind;
    if (behind) this.#becameWrong(wallMs);
    else this.#becameRight(wallMs);
  }

  /** Waits until nothing is in flight, at most `boundMs`; then ends every connection. */
  async stop(boundMs: number): Promise<void> {
    this.#cancelLook?.();
    await Promise.all([this.#parts.strict.stop(boundMs), this.#waived?.stop(boundMs)]);
  }

  #becameWrong(wallMs: number): void {
    this.#parts.log.warn(
      `the clock of this host says ${utc(wallMs)}, before this fdns was built (${utc(this.#parts.builtMs)}): ` +
        `certificates cannot be checked; ${this.#advice()}`,
    );
    this.#lookLater();
  }

  #becameRight(wallMs: number): void {
    this.#cancelLook?.();
    this.#waived?.renew();
    // They failed because of the clock, and need not wait for a back-off.
    this.#parts.strict.renew();
    this.#parts.onRight();
    this.#parts.log.info(`the clock of this host says ${utc(wallMs)} now: certificates are checked, dates included`);
  }

  #lookLater(): void {
    this.#cancelLook = this.#parts.clock.after(LOOK_MS, () => {
      this.look();
      if (this.#behind) this.#lookLater();
    });
  }

  #advice(): string {
    const { timeServers, datesWaived } = this.#parts;
    if (timeServers === undefined) {
      const pin = datesWaived === undefined ? " and pin an upstream" : "";
      return `set it, or list its time servers with --time-server${pin}`;
    }
    return datesWaived === undefined
      ? "set it, or pin an upstream, over which the names of --time-server can be resolved"
      : "until it is set, the names of --time-server are resolved over the upstreams with pins";
  }
}

/** RFC 3339 to the second. */
function utc(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
