/**
 * How long an upstream keeps an idle connection, as it says (RFC 7828) or as it was seen to do; a connection that has
 * been idle for most of that time is retired before a query meets its end.
 */

export interface IdleLimits {
  /** Before anything is known. */
  readonly idleMs: number;
  /** Never longer, whatever an upstream says: what is idle costs both sides memory, and paths forget it. */
  readonly maxIdleMs: number;
}

/** The share of the upstream's own limit after which a connection is retired: its clock started a journey earlier. */
const SHARE = 0.8;
/** How much longer the next connection may live than one that was retired and still alive. */
const GROWTH = 1.25;
/** And at least so long, so that an upstream that was restarted just after an answer is not believed to close at once. */
const LEAST_GROWN_MS = 100;

export class IdleHorizon {
  readonly #limits: IdleLimits;
  #announcedMs: number | undefined;
  #observedMs: number | undefined;

  constructor(limits: IdleLimits) {
    this.#limits = limits;
  }

  /** What the upstream is believed to allow, in milliseconds; undefined before it said or showed anything. */
  get learnedMs(): number | undefined {
    return this.#announcedMs ?? this.#observedMs;
  }

  /** How long a connection may be idle before it is retired, in milliseconds. */
  get retireAfterMs(): number {
    const learnedMs = this.learnedMs;
    return learnedMs === undefined ? this.#limits.idleMs : Math.min(learnedMs * SHARE, this.#limits.maxIdleMs);
  }

  /** The upstream said how long it keeps idle connections; its word stands until its next one. */
  announced(ms: number): void {
    this.#announcedMs = ms;
  }

  /** The upstream ended a connection that had been idle for so long: its limit is no longer than that. */
  sawIdleClose(ms: number): void {
    this.#observedMs = ms;
    if (this.#announcedMs !== undefined && ms < this.#announcedMs * SHARE) this.#announcedMs = undefined;
  }

  /**
   * A connection was retired after so long, and the upstream had not ended it: the limit may be longer, as when the
   * close that was seen was a restart. The next one may live a little longer.
   */
  outlived(ms: number): void {
    if (this.#observedMs === undefined || ms < this.retireAfterMs) return;
    const grownMs = Math.max(this.#observedMs, (ms / SHARE) * GROWTH, LEAST_GROWN_MS);
    this.#observedMs = Math.min(grownMs, this.#limits.maxIdleMs / SHARE);
  }
}
