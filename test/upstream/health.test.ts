import { describe, expect, test } from "bun:test";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { Health } from "../../src/upstream/health/health.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { fakeRandom } from "../support/fake-random.ts";

const refused = new UpstreamError("connect", "connection refused");
const silent = new UpstreamError("timeout", "nothing was heard");

/** A breaker whose jitter is that of the octet given. */
function breaker(octet = 0) {
  const clock = new FakeClock();
  const random = { fill: (octets: Uint8Array) => void octets.fill(octet) };
  return { clock, health: new Health(clock, random, { redialMs: 1000, minBackOffMs: 1000, maxBackOffMs: 5000 }) };
}

describe("the circuit breaker", () => {
  test("closed, open, half-open with one probe, closed", () => {
    const { clock, health } = breaker();
    expect([health.state, health.healthy, health.takeProbe()]).toEqual(["closed", true, false]);
    health.failed(refused);
    expect([health.state, health.healthy, health.takeProbe()]).toEqual(["open", false, false]);
    clock.advance(999);
    expect(health.takeProbe()).toBe(false);
    clock.advance(1);
    expect([health.takeProbe(), health.takeProbe(), health.state]).toEqual([true, false, "half-open"]);
    expect(health.worked()).toBe(true);
    expect([health.state, health.takeProbe(), health.worked()]).toEqual(["closed", false, false]);
  });

  test("the back-off doubles with each failed probe up to its bound, and begins anew after it worked", () => {
    const { clock, health } = breaker();
    const backOffMs = () => {
      const sinceMs = clock.nowMs();
      while (!health.takeProbe()) clock.advance(10);
      return clock.nowMs() - sinceMs;
    };
    health.failed(refused);
    const seen = [backOffMs()];
    for (let i = 0; i < 4; i++) {
      health.failed(refused);
      seen.push(backOffMs());
    }
    expect(seen).toEqual([1000, 2000, 4000, 5000, 5000]);
    health.worked();
    health.failed(refused);
    expect(backOffMs()).toBe(1000);
  });

  test("connections that fail together are one failure", () => {
    const { clock, health } = breaker();
    for (let i = 0; i < 16; i++) health.failed(refused);
    clock.advance(1000);
    expect(health.takeProbe()).toBe(true);
    // Clients' queries that fail meanwhile do not put off the next probe.
    health.failed(refused);
    for (let i = 0; i < 19; i++) {
      clock.advance(100);
      health.failed(refused);
    }
    clock.advance(100);
    expect(health.takeProbe()).toBe(true);
  });

  test("a failure right after it worked counts", () => {
    const { health } = breaker();
    health.failed(refused);
    health.worked();
    health.failed(refused);
    expect(health.healthy).toBe(false);
  });

  test("the back-off is up to a quarter shorter, never longer", () => {
    const { clock, health } = breaker(255);
    health.failed(refused);
    clock.advance(750);
    expect(health.takeProbe()).toBe(false);
    clock.advance(1);
    expect(health.takeProbe()).toBe(true);
    const starts = new Set<number>();
    const random = fakeRandom(9);
    for (let i = 0; i < 50; i++) {
      const own = new FakeClock();
      const one = new Health(own, random, { redialMs: 1000, minBackOffMs: 1000, maxBackOffMs: 5000 });
      one.failed(refused);
      while (!one.takeProbe()) own.advance(1);
      starts.add(own.nowMs());
    }
    expect(starts.size).toBeGreaterThan(25);
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(1750);
    expect(Math.max(...starts)).toBeLessThanOrEqual(2000);
  });

  test("suspected: a probe at once, which decides; a server that is failing already stays as it is", () => {
    const { clock, health } = breaker();
    expect(health.suspected(silent)).toBe(true);
    expect([health.healthy, health.takeProbe(), health.state]).toEqual([false, true, "half-open"]);
    expect(health.suspected(silent)).toBe(false);
    health.failed(silent);
    expect([health.state, health.takeProbe()]).toEqual(["open", false]);
    clock.advance(500);
    expect(health.suspected(silent)).toBe(false);
    expect(health.takeProbe()).toBe(false);
  });

  test("a failed dial is remembered for a second; silence is not, as a new connection may well work", () => {
    const { clock, health } = breaker();
    health.failed(refused);
    clock.advance(999);
    expect(health.remembered).toBe(refused);
    clock.advance(1);
    expect(health.remembered).toBeUndefined();
    health.failed(silent);
    expect(health.remembered).toBeUndefined();
    health.failed(refused);
    health.worked();
    expect(health.remembered).toBeUndefined();
  });

  test("the same failure again is no news, another one is", () => {
    const { health } = breaker();
    expect([health.failed(refused), health.failed(refused), health.failed(silent)]).toEqual([true, false, true]);
  });
});
