/**
 * The clock that the age of answers is told by, in tenths of a second ("Ds"). It follows the monotonic clock, so that
 * a step of the wall clock ages nothing, and adds the time the host spent suspended, which that clock does not count
 * (clock_gettime(2), CLOCK_BOOTTIME) and TTLs do. It never goes back.
 */

import type { Clock } from "../runtime/runtime.ts";

/** Where it starts: 38 days, so that what is restored from a file can be older than the process. 2^32 are 13 years. */
const START_DS = 2 ** 25;

/** The uptime comes in whole seconds, so a difference below this may be rounding; it waits until it has grown. */
const LEAST_DIFFERENCE_MS = 2000;

/** Callers may pass a time they took earlier in the same turn. What is further back is a step of the clock itself. */
const BACKWARD_MS = 1000;

export interface CacheTimeParts {
  readonly clock: Pick<Clock, "nowMs" | "eachSecond">;
  /** As Runtime.uptimeMs. */
  readonly uptimeMs: () => number | undefined;
  /** One place, for other threads to follow: what is added to the monotonic clock, in milliseconds. */
  readonly shift?: Float64Array;
}

export class CacheTime {
  readonly #parts: CacheTimeParts;
  /** One place: what is added to the monotonic clock. */
  readonly #shift: Float64Array;
  /** The latest the monotonic clock was seen at. */
  #latestMs: number;
  /** What the uptime was when it was last set equal with this clock. */
  #equal: { readonly uptimeMs: number | undefined; readonly ownMs: number };
  readonly #endLooks: () => void;

  constructor(parts: CacheTimeParts) {
    this.#parts = parts;
    this.#latestMs = parts.clock.nowMs();
    this.#shift = parts.shift ?? new Float64Array(1);
    this.#shift[0] = START_DS * 100 - this.#latestMs;
    this.#equal = { uptimeMs: parts.uptimeMs(), ownMs: this.#ownMs };
    // After the host slept, ages are short of that time until the next look.
    this.#endLooks = parts.clock.eachSecond(() => this.#look());
  }

  /** Now. */
  get nowDs(): number {
    return this.at(this.#parts.clock.nowMs());
  }

  /** The same for a reading of Clock.nowMs() that was just made, for callers that have one. */
  at(nowMs: number): number {
    if (nowMs > this.#latestMs) this.#latestMs = nowMs;
    else if (nowMs < this.#latestMs - BACKWARD_MS) {
      // No kernel's monotonic clock does so; virtual machines and tests do.
      this.#shift[0]! += this.#latestMs - nowMs;
      this.#latestMs = nowMs;
    }
    return Math.floor(this.#ownMs / 100);
  }

  /** The same in milliseconds, as a signed number of 32 bits that wraps: to tell which of two moments was first. */
  msAt(nowMs: number): number {
    this.at(nowMs);
    return Math.floor(this.#ownMs) | 0;
  }

  /** Looks at the uptime no more. */
  stop(): void {
    this.#endLooks();
  }

  get #ownMs(): number {
    return this.#latestMs + this.#shift[0]!;
  }

  /** Only what the uptime is ahead counts: where it is behind, it is the monotonic clock that was moved. */
  #look(): void {
    const { clock, uptimeMs } = this.#parts;
    const upMs = uptimeMs();
    this.at(clock.nowMs());
    const aheadMs = (upMs ?? Number.NaN) - (this.#equal.uptimeMs ?? Number.NaN) - (this.#ownMs - this.#equal.ownMs);
    if (aheadMs >= LEAST_DIFFERENCE_MS) this.#shift[0]! += aheadMs;
    if (!(Math.abs(aheadMs) < LEAST_DIFFERENCE_MS)) this.#equal = { uptimeMs: upMs, ownMs: this.#ownMs };
  }
}

/** The same time in another thread, whose clock tells what the first one's does: it alone looks for time suspended. */
export class FollowedCacheTime {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #shift: Float64Array;

  /** `shift`: the place that a CacheTime writes. */
  constructor(clock: Pick<Clock, "nowMs">, shift: Float64Array) {
    this.#clock = clock;
    this.#shift = shift;
  }

  get nowDs(): number {
    return this.at(this.#clock.nowMs());
  }

  at(nowMs: number): number {
    return Math.floor((nowMs + this.#shift[0]!) / 100);
  }

  msAt(nowMs: number): number {
    return Math.floor(nowMs + this.#shift[0]!) | 0;
  }
}
