import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BOUNDS_SECONDS, Histogram } from "../../src/observe/histogram.ts";

function histogramOf(durationsMs: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const ms of durationsMs) histogram.record(ms);
  return histogram;
}

/** Microseconds, written in milliseconds: near a bound, and anywhere. */
const durationMs = fc.oneof(
  fc.double({ min: 0, max: 20_000, noNaN: true }),
  fc
    .tuple(fc.integer({ min: 0, max: 25 }), fc.integer({ min: -2, max: 2 }))
    .map(([bits, off]) => Math.max(0, 2 ** bits + off) / 1000),
);

describe("a histogram", () => {
  test("of nothing", () => {
    const histogram = new Histogram();
    expect(histogram.count).toBe(0);
    expect(histogram.sumMs).toBe(0);
    expect(histogram.quantileMs(0.5)).toBeUndefined();
    expect(histogram.cumulative()).toEqual(BOUNDS_SECONDS.map(() => 0));
  });

  test("counts up to each bound exactly, the bound included", () =>
    fc.assert(
      fc.property(fc.array(durationMs, { maxLength: 50 }), (durations) => {
        const histogram = histogramOf(durations);
        // ms * 1000 is what record() sees; a bound is a whole number of microseconds.
        const expected = BOUNDS_SECONDS.map(
          (bound) => durations.filter((ms) => ms * 1000 <= Math.round(bound * 1e6)).length,
        );
        expect(histogram.cumulative()).toEqual(expected);
        expect(histogram.count).toBe(durations.length);
      }),
    ));

  test("shows quantiles at most an eighth, or a microsecond, above the truth and never below", () =>
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 16_000, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0, 0.5, 0.95, 0.99, 1),
        (durations, part) => {
          const sorted = durations.toSorted((a, b) => a - b);
          const truth = sorted[Math.max(1, Math.ceil(part * sorted.length)) - 1]!;
          const shown = histogramOf(durations).quantileMs(part)!;
          expect(shown).toBeGreaterThanOrEqual(truth);
          expect(shown).toBeLessThanOrEqual(Math.max(truth * 1.125, truth + 0.001) + 1e-9);
        },
      ),
    ));

  test("keeps what is longer than its last bound, and takes a clock that went back as no time", () => {
    const histogram = histogramOf([60_000, -5, Number.NaN]);
    expect(histogram.count).toBe(3);
    expect(histogram.sumMs).toBe(60_000);
    expect(histogram.cumulative()).toEqual(BOUNDS_SECONDS.map(() => 2));
    expect(histogram.quantileMs(1)).toBe(Number.POSITIVE_INFINITY);
  });
});
