import { describe, expect, test } from "bun:test";
import { ResponseTimes } from "../../src/upstream/dot/response-times.ts";
import { numbersFrom } from "../support/fake-random.ts";

describe("the estimates of a server's answer times", () => {
  test("nothing before the first; then the first, and twice that", () => {
    const times = new ResponseTimes();
    expect([times.meanMs, times.p95Ms]).toEqual([0, 0]);
    times.record(12);
    expect([times.meanMs, times.p95Ms]).toEqual([12, 24]);
  });

  test("the mean follows a change within some twenty answers", () => {
    const times = new ResponseTimes();
    for (let i = 0; i < 50; i++) times.record(10);
    for (let i = 0; i < 20; i++) times.record(100);
    expect(times.meanMs).toBeGreaterThan(90);
  });

  test.each([1, 7, 42])("about one answer in twenty takes longer than the quantile (seed %p)", (seed) => {
    const times = new ResponseTimes();
    const next = numbersFrom(seed);
    // Exponential around 20 ms, as answers of a cache with misses may be.
    const draw = () => -20 * Math.log(1 - next() / 2 ** 32);
    for (let i = 0; i < 2000; i++) times.record(draw());
    let above = 0;
    for (let i = 0; i < 10_000; i++) {
      const ms = draw();
      if (ms > times.p95Ms) above++;
      times.record(ms);
    }
    expect(above).toBeGreaterThan(430);
    expect(above).toBeLessThan(570);
  });

  test("a single answer that took for ever moves the quantile by a tenth at most", () => {
    const times = new ResponseTimes();
    for (let i = 0; i < 1000; i++) times.record(10);
    const beforeMs = times.p95Ms;
    times.record(4000);
    expect(times.p95Ms).toBeLessThanOrEqual(beforeMs * 1.1);
  });

  test("answers within the clock's tick do not make it nothing", () => {
    const times = new ResponseTimes();
    for (let i = 0; i < 10_000; i++) times.record(0);
    expect(times.p95Ms).toBeGreaterThan(0);
    expect(times.meanMs).toBeGreaterThan(0);
  });
});
