/**
 * How often a duration fell where, in flat memory: recording allocates nothing, and quantiles are worked out when read.
 *
 * Log-linear buckets over whole microseconds: each power of two is cut into 8 equal parts, so a quantile is at most
 * an eighth above the truth, from 16 µs to 16.8 s.
 *
 *   µs:     0 1 2 .. 15 | 16 18 20 .. 30 | 32 36 40 .. 60 | ...  2^24 | everything longer
 *   bucket: 0 1 2 .. 15 | 16 17 18 .. 23 | 24 25 26 .. 31 | ...   175 | 176
 *
 * A bucket holds what is above its lower bound up to and with its upper one, as `le` of Prometheus means it.
 */

import { Figures } from "./figures.ts";

const PARTS_BITS = 3;
const PARTS = 1 << PARTS_BITS;
/** 2^24 µs: longer than any query may take (defaults.ts). */
const MAX_BITS = 24;
const LAST = (MAX_BITS - PARTS_BITS + 1) * PARTS;
const MAX_MS = 2 ** MAX_BITS / 1000;

/** The bounds that cumulative() counts up to, in seconds: 2^6 µs (64 µs) to 2^24 µs (16.8 s). */
const FIRST_BOUND_BITS = 6;
export const BOUNDS_SECONDS: readonly number[] = Array.from(
  { length: MAX_BITS - FIRST_BOUND_BITS + 1 },
  (_, i) => 2 ** (FIRST_BOUND_BITS + i) / 1e6,
);

export class Histogram {
  readonly #counts: Float64Array;
  /** One place: the sum of what was recorded, in milliseconds. */
  readonly #sum: Float64Array;

  constructor(figures = new Figures()) {
    this.#counts = figures.take(LAST + 1);
    this.#sum = figures.take(1);
  }

  record(ms: number): void {
    const positive = Math.max(ms || 0, 0); // no NaN, which would stay in the sum
    this.#sum[0]! += positive;
    this.#counts[positive <= MAX_MS ? bucketOf(Math.ceil(positive * 1000) - 1) : LAST]!++;
  }

  get count(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  get sumMs(): number {
    return this.#sum[0]!;
  }

  /** How many durations were within each of BOUNDS_SECONDS; those longer than the last are in `count` alone. */
  cumulative(): number[] {
    const within: number[] = [];
    let total = 0;
    let bucket = 0;
    for (let bits = FIRST_BOUND_BITS; bits <= MAX_BITS; bits++) {
      for (const end = (bits - PARTS_BITS + 1) * PARTS; bucket < end; bucket++) total += this.#counts[bucket]!;
      within.push(total);
    }
    return within;
  }

  /** The duration that so great a part (0 to 1) did not exceed, in milliseconds; undefined when nothing was recorded. */
  quantileMs(part: number): number | undefined {
    const rank = Math.max(1, Math.ceil(part * this.count));
    let total = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      total += count;
      if (total >= rank) return upperMicroseconds(bucket) / 1000;
    }
    return undefined;
  }
}

/** The bucket of `µs` < v <= `µs` + 1. */
function bucketOf(microseconds: number): number {
  if (microseconds < 2 * PARTS) return Math.max(microseconds, 0);
  const shift = 31 - PARTS_BITS - Math.clz32(microseconds);
  return shift * PARTS + (microseconds >> shift);
}

function upperMicroseconds(bucket: number): number {
  if (bucket < 2 * PARTS) return bucket + 1;
  if (bucket === LAST) return Number.POSITIVE_INFINITY;
  const shift = Math.floor(bucket / PARTS) - 1;
  return (bucket - shift * PARTS + 1) * 2 ** shift;
}
