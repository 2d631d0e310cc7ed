import { describe, expect, test } from "bun:test";
import { againstTable, type Duel, fight, type Sides } from "./against.ts";
import { medianInterval } from "./statistics.ts";

const NO_SIDES = {} as Sides;

/** A duel whose `now` is these times its `before`, over and over; it notes that it was ended. */
function duelOf(ratios: readonly number[], bound: number): Duel & { ended: boolean } {
  const duel = {
    what: "queries",
    bound,
    ended: false,
    async *pairs(): AsyncGenerator<{ before: number; now: number }, never> {
      try {
        for (let i = 0; ; i++) yield { before: 2, now: 2 * ratios[i % ratios.length]! };
      } finally {
        duel.ended = true;
      }
    },
  };
  return duel;
}

const settled = (duel: Duel) => fight(duel, NO_SIDES, () => {});

describe("one executable against another", () => {
  test("pairs that agree decide at once, on either side of the bound", async () => {
    const [held, missed] = [duelOf([1.01, 1.02], 1.05), duelOf([1.08, 1.09], 1.05)];
    expect(await settled(held)).toMatchObject({ pairs: 7, result: "HELD" });
    expect(await settled(missed)).toMatchObject({ pairs: 7, result: "MISSED" });
    expect([held.ended, missed.ended]).toEqual([true, true]);
  });

  test("pairs that do not agree leave it open, after as many as are allowed", async () => {
    const duel = duelOf([0.7, 1.3, 0.8, 1.2, 1.0], 1.05);
    expect(await settled(duel)).toMatchObject({ pairs: 31, result: "undecided" });
    expect(duel.ended).toBe(true);
  });

  test("the table names the interval and the result", async () => {
    expect(againstTable([await settled(duelOf([1], 1.05))])).toContain(
      "| queries | 1.000 | 1.000 to 1.000 | 7 | 1.05 | HELD |",
    );
  });
});

describe("the interval of a median", () => {
  test("holds the median, narrows as values are added, and is the same for the same values", () => {
    const few = [0.9, 1.1, 1.0, 1.05, 0.95];
    const many = Array.from({ length: 40 }, (_, i) => few[i % few.length]!);
    const [wide, narrow] = [medianInterval(few), medianInterval(many)];
    expect(wide.median).toBe(1);
    expect(wide.low).toBeLessThanOrEqual(0.95);
    expect(wide.high).toBeGreaterThanOrEqual(1.05);
    expect(narrow.high - narrow.low).toBeLessThan(wide.high - wide.low);
    expect(medianInterval(few)).toEqual(wide);
  });
});
