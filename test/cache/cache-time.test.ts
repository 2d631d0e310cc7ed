import { describe, expect, test } from "bun:test";
import { CacheTime } from "../../src/cache/cache-time.ts";
import { uptimeMs } from "../../src/runtime/host/uptime.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A host whose monotonic clock can be moved, and that can be suspended. */
class FakeHost {
  readonly clock = new FakeClock();
  /** What the monotonic clock is off from true time, and what it did not count. */
  movedMs = 0;
  suspendedMs = 0;
  knowsUptime = true;
  readonly time = new CacheTime({
    clock: {
      nowMs: () => this.clock.nowMs() + this.movedMs,
      eachSecond: (callback) => this.clock.eachSecond(callback),
    },
    // In whole seconds, rounded up, as Linux does.
    uptimeMs: () =>
      this.knowsUptime ? Math.ceil((987_654 + this.clock.nowMs() + this.suspendedMs) / 1000) * 1000 : undefined,
  });

  move(ms: number): void {
    this.movedMs += ms;
  }

  /** Tenths of a second that the cache's clock went on by during `what`. */
  during(what: () => void): number {
    const fromDs = this.time.nowDs;
    what();
    return this.time.nowDs - fromDs;
  }
}

describe("the cache's clock", () => {
  test("counts tenths of a second, for hours, whatever the uptime is rounded to", () => {
    for (const stepMs of [100, 333, 999, 1000, 1001, 7000]) {
      const host = new FakeHost();
      const passed = host.during(() => {
        for (let ms = 0; ms < 7_200_000; ms += stepMs) host.clock.advance(stepMs);
      });
      expect(Math.abs(passed - (Math.ceil(7_200_000 / stepMs) * stepMs) / 100)).toBeLessThanOrEqual(1);
    }
  });

  test("starts high enough for entries of 14 days before the process, and fits in 32 bits for years", () => {
    const { nowDs } = new FakeHost().time;
    expect(nowDs).toBeGreaterThan(14 * 86_400 * 10);
    expect(nowDs + 10 * 365 * 86_400 * 10).toBeLessThan(2 ** 32);
  });

  test("counts time suspended, within a second of waking up", () => {
    const host = new FakeHost();
    host.clock.advance(5000);
    const passed = host.during(() => {
      host.suspendedMs += 3_600_000;
      host.clock.advance(1000);
    });
    expect(Math.abs(passed - 36_010)).toBeLessThanOrEqual(10);
    // Once only.
    expect(host.during(() => host.clock.advance(10_000))).toBe(100);
  });

  test("counts every suspension", () => {
    const host = new FakeHost();
    const passed = host.during(() => {
      for (let i = 0; i < 100; i++) {
        host.suspendedMs += 60_000;
        host.clock.advance(2000);
      }
    });
    expect(passed).toBeGreaterThan(100 * 610);
    expect(passed).toBeLessThan(100 * 630);
  });

  test("counts many short suspensions together", () => {
    const host = new FakeHost();
    const passed = host.during(() => {
      for (let i = 0; i < 600; i++) {
        host.suspendedMs += 500;
        host.clock.advance(1000);
      }
    });
    expect(Math.abs(passed - 9000)).toBeLessThanOrEqual(30);
  });

  test("goes on by the uptime while the monotonic clock stands still", () => {
    const host = new FakeHost();
    const passed = host.during(() => {
      for (let i = 0; i < 600; i++) {
        host.clock.advance(1000);
        host.move(-1000);
      }
    });
    expect(Math.abs(passed - 6000)).toBeLessThanOrEqual(30);
  });

  test("follows a monotonic clock that is moved ahead: the uptime does not take it back", () => {
    const host = new FakeHost();
    host.clock.advance(5000);
    expect(host.during(() => host.move(3_600_000))).toBe(36_000);
    expect(host.during(() => host.clock.advance(60_000))).toBe(600);
  });

  test("goes on where it was when the monotonic clock is moved back, and counts that not as suspended", () => {
    const host = new FakeHost();
    host.clock.advance(5000);
    expect(host.during(() => host.move(-3_600_000))).toBe(0);
    expect(host.during(() => host.clock.advance(60_000))).toBe(600);
    expect(host.during(() => host.move(3_600_000))).toBe(36_000);
    expect(host.during(() => host.clock.advance(60_000))).toBe(600);
  });

  test("never goes back for a time taken a little earlier, nor runs fast for it", () => {
    const host = new FakeHost();
    const passed = host.during(() => {
      for (let i = 0; i < 1000; i++) {
        const earlierMs = host.clock.nowMs();
        host.clock.advance(500);
        const nowDs = host.time.nowDs;
        expect(host.time.at(earlierMs)).toBe(nowDs);
      }
    });
    expect(passed).toBe(5000);
  });

  test("does without an uptime, and with one that comes and goes", () => {
    const host = new FakeHost();
    host.knowsUptime = false;
    host.clock.advance(5000);
    const passed = host.during(() => {
      host.suspendedMs += 60_000;
      host.clock.advance(5000);
      host.knowsUptime = true;
      host.clock.advance(5000);
      host.suspendedMs += 60_000;
      host.clock.advance(5000);
    });
    expect(Math.abs(passed - 750)).toBeLessThanOrEqual(10);
  });

  test("leaves no timer behind", () => {
    const host = new FakeHost();
    host.clock.advance(5000);
    host.time.stop();
    expect(host.clock.timers).toBe(0);
  });
});

test("this host's uptime is known, in whole seconds", () => {
  expect(uptimeMs()! % 1000).toBe(0);
  expect(uptimeMs()).toBeGreaterThan(0);
});
