import { describe, expect, test } from "bun:test";
import { COUNTER, failureKinds, UpstreamCounters } from "../../src/upstream/counters.ts";

describe("the counters of an upstream", () => {
  test("each is a place of its own", () => {
    const counters = new UpstreamCounters();
    const all = Object.values(COUNTER);
    for (const [i, counter] of all.entries()) counters.add(counter, i + 1);
    for (const [i, kind] of failureKinds.entries()) for (let n = 0; n <= i; n++) counters.failed(kind);
    expect(all.map((counter) => counters.of(counter))).toEqual(all.map((_, i) => i + 1));
    expect(failureKinds.map((kind) => counters.failures(kind))).toEqual(failureKinds.map((_, i) => i + 1));
  });

  test("an answer is counted and timed", () => {
    const counters = new UpstreamCounters();
    counters.answered(3);
    counters.answered(5);
    expect(counters.of(COUNTER.ANSWERS)).toBe(2);
    expect(counters.answerTimes.sumMs).toBe(8);
  });

  test("a handshake is full, resumed, or unknown where the runtime does not tell", () => {
    const counters = new UpstreamCounters();
    for (const resumed of [false, true, true, undefined]) counters.handshake(resumed);
    expect(counters.of(COUNTER.HANDSHAKES_FULL)).toBe(1);
    expect(counters.of(COUNTER.HANDSHAKES_RESUMED)).toBe(2);
    expect(counters.of(COUNTER.HANDSHAKES_UNKNOWN)).toBe(1);
  });
});
