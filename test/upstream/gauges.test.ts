import { expect, test } from "bun:test";
import type { UpstreamGauges } from "../../src/upstream/counters.ts";
import { GaugeFigures, mergedGauges } from "../../src/upstream/gauges.ts";

const known: UpstreamGauges = {
  inFlight: 3,
  connections: 2,
  breakers: [
    { family: 4, state: "half-open" },
    { family: 6, state: "open" },
  ],
  answerMs: 12.5,
  idleHorizonMs: 8000,
  certificateNotAfterMs: 1_900_000_000_000,
};
const unknown: UpstreamGauges = {
  inFlight: 0,
  connections: 0,
  breakers: [],
  answerMs: undefined,
  idleHorizonMs: undefined,
  certificateNotAfterMs: undefined,
};

test("what one thread writes another reads; nothing written, nothing known", () => {
  const figures = new GaugeFigures();
  expect(figures.read()).toEqual(unknown);
  for (const gauges of [known, unknown, { ...known, breakers: [{ family: 6, state: "closed" }] } as const]) {
    figures.write(gauges);
    expect(figures.read()).toEqual(gauges);
  }
  figures.clear();
  expect(figures.read()).toEqual(unknown);
});

test("of several workers: sums, means, and the worst", () => {
  const other: UpstreamGauges = {
    ...known,
    breakers: [{ family: 4, state: "closed" }],
    answerMs: 7.5,
    certificateNotAfterMs: 1_800_000_000_000,
  };
  expect(mergedGauges([known, other, unknown])).toEqual({
    inFlight: 6,
    connections: 4,
    breakers: [
      { family: 4, state: "half-open" },
      { family: 6, state: "open" },
    ],
    answerMs: 10,
    idleHorizonMs: 8000,
    certificateNotAfterMs: 1_800_000_000_000,
  });
  expect(mergedGauges([unknown, unknown])).toEqual(unknown);
});
