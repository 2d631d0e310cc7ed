/**
 * How quickly an upstream answers, as far as its answers tell: two running estimates in two numbers, no list of samples.
 */

/** How much one answer moves the mean: RFC 6298, 2's alpha for round-trip times. */
const MEAN_SHARE = 1 / 8;
/** How much of its own size one answer can move the quantile. */
const QUANTILE_STEP = 0.1;
const QUANTILE = 0.95;
/** Estimates never fall below this: the clock is no finer when the event loop is busy. */
const LEAST_MS = 0.1;

export class ResponseTimes {
  /** The running mean, in milliseconds; 0 before the first answer. */
  meanMs = 0;
  /**
   * The time that one answer in twenty exceeds, in milliseconds; 0 before the first answer. By stochastic
   * approximation: each answer above moves it up by 95 parts, each below moves it down by 5, so that it rests
   * where 5 % are above.
   */
  p95Ms = 0;

  record(ms: number): void {
    if (this.meanMs === 0) {
      this.meanMs = Math.max(ms, LEAST_MS);
      this.p95Ms = 2 * this.meanMs;
      return;
    }
    this.meanMs += (ms - this.meanMs) * MEAN_SHARE;
    const step = this.p95Ms * QUANTILE_STEP;
    this.p95Ms = Math.max(LEAST_MS, this.p95Ms + (ms > this.p95Ms ? step * QUANTILE : -step * (1 - QUANTILE)));
  }
}
