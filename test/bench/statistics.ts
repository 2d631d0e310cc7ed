/** Medians, ranges, and ratios taken round by round. */

/** What a figure was over the rounds. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Of the values that are there; undefined if none is. */
export function spreadOf(values: readonly (number | undefined)[]): Spread | undefined {
  const sorted = values.filter((value) => value !== undefined && !Number.isNaN(value)) as number[];
  if (sorted.length === 0) return undefined;
  sorted.sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, low: sorted[0]!, high: sorted.at(-1)! };
}

/** a / b of each round that has both. */
export function ratios(a: readonly (number | undefined)[], b: readonly (number | undefined)[]): (number | undefined)[] {
  return a.map((value, round) => combine(value, b[round], (x, y) => x / y));
}

/** a - b of each round that has both. */
export function differences(
  a: readonly (number | undefined)[],
  b: readonly (number | undefined)[],
): (number | undefined)[] {
  return a.map((value, round) => combine(value, b[round], (x, y) => x - y));
}

function combine(a: number | undefined, b: number | undefined, how: (a: number, b: number) => number) {
  return a === undefined || b === undefined ? undefined : how(a, b);
}

/** The best of several in each round: the most, or the least. */
export function bestOf(
  series: readonly (readonly (number | undefined)[])[],
  best: "most" | "least",
): (number | undefined)[] {
  const rounds = Math.max(0, ...series.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, round) => {
    const values = series.map((one) => one[round]).filter((value) => value !== undefined);
    if (values.length === 0) return undefined;
    return best === "most" ? Math.max(...values) : Math.min(...values);
  });
}

/** A median, and the interval that holds the true one in 95 of 100 cases. */
export type Interval = Spread;

const RESAMPLES = 2000;
const OUTSIDE = 0.025;

/** By the bootstrap: medians of samples drawn from the sample (Efron, 1979). The same values give the same interval. */
export function medianInterval(values: readonly number[]): Interval {
  let state = 1;
  // Park and Miller's generator.
  const draw = () => {
    state = (state * 48_271) % 0x7fffffff;
    return values[state % values.length]!;
  };
  const medians = Array.from({ length: RESAMPLES }, () => spreadOf(Array.from(values, draw))!.median);
  medians.sort((a, b) => a - b);
  const { median } = spreadOf(values)!;
  const outside = Math.floor(RESAMPLES * OUTSIDE);
  return { median, low: medians[outside]!, high: medians[RESAMPLES - 1 - outside]! };
}
