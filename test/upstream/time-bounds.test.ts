import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/upstream/counters.ts";
import { answerTo, labelOf, upstreamLimits } from "../support/fake-upstream.ts";
import { labels, one, told, two } from "../support/fake-upstream-group.ts";

describe("time", () => {
  test("a query fails when its time is over, and its late answer is dropped", () => {
    const scene = one();
    const [asked] = scene.ask("a");
    scene.dial(0).secure();
    const others = [];
    for (let i = 0; i < 9; i++) {
      scene.clock.advance(400);
      others.push(...scene.ask(`n${i}`));
      scene.dial(0).send(answerTo(scene.dial(0).queries.at(-1)!));
    }
    scene.clock.advance(399);
    expect(asked!.told).toEqual([]);
    scene.clock.advance(21);
    expect(asked!.told).toEqual(["timeout"]);
    scene.dial(0).send(answerTo(scene.dial(0).queries[0]!));
    expect(told([asked!, ...others])).toEqual(["timeout", ...new Array(9).fill("answer 0")]);
    expect(scene.set.inFlight).toBe(0);
    scene.ask("again");
    expect(scene.network.dials).toHaveLength(1);
  });

  test("one name that is slow leaves the connection to the others", () => {
    const scene = one();
    scene.ask("slow");
    scene.dial(0).secure();
    for (let i = 0; i < 10; i++) {
      scene.clock.advance(500);
      const [asked] = scene.ask(`n${i}`);
      const { queries } = scene.dial(0);
      scene.dial(0).send(answerTo(queries.at(-1)!));
      expect(asked!.told).toEqual(["answer 0"]);
    }
    expect(scene.network.dials).toHaveLength(1);
    expect(scene.network.log.told).toEqual([]);
  });

  test("a burst into a dead connection fails with one more dial and not one each", () => {
    const scene = one();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(5);
    const asked = scene.ask(...labels(500));
    scene.clock.advance(4100);
    // 500 ms of silence, and 2500 ms for the dial.
    expect(told(asked)).toEqual(new Array(500).fill("connect"));
    expect(scene.network.dials).toHaveLength(2);
  });

  test("with another upstream left, an attempt is shorter", () => {
    const scene = two();
    const [asked] = scene.ask("a");
    scene.clock.advance(1499);
    expect(scene.hosts).toEqual(["10.0.0.1"]);
    scene.clock.advance(1);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    scene.dial(1).secure();
    scene.clock.advance(1440);
    expect(asked!.told).toEqual([]);
    scene.dial(1).answerAll();
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test.each([
    ["quick: the least there is", 5, 500],
    ["slow: eight times what 95 % of its answers take", 50, 800],
    ["very slow: the most there is", 400, 1500],
  ])("an upstream that was %s", (_what, answerMs, attemptMs) => {
    const scene = two({}, { strategy: "sticky" });
    for (let i = 0; i < 30; i++) {
      scene.ask("a");
      if (i === 0) scene.dial(0).secure();
      scene.clock.advance(answerMs);
      scene.dial(0).answerAll();
    }
    // The estimate begins at twice the mean, and comes down slowly.
    const { p95Ms } = scene.set.members.find(({ identity }) => identity.text === scene.hosts[0])!.times;
    const boundMs = Math.min(1500, Math.max(500, 8 * p95Ms));
    expect(Math.abs(boundMs - attemptMs)).toBeLessThanOrEqual(attemptMs / 5);
    scene.ask("a");
    let waitedMs = 0;
    // Another name of the same site keeps the connection from falling silent.
    while (scene.network.dials.length === 1) {
      scene.clock.advance(10);
      waitedMs += 10;
      scene.ask("b.a");
      scene.dial(0).send(answerTo(scene.dial(0).queries.at(-1)!));
    }
    expect(waitedMs).toBeGreaterThanOrEqual(boundMs);
    expect(waitedMs).toBeLessThanOrEqual(boundMs + 40);
  });

  test("a slow name is waited for while only failing upstreams are left, which are asked as well", () => {
    const scene = two();
    scene.set.warm();
    scene.dial(1).fail("ECONNREFUSED");
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    const [slow] = scene.ask("slow");
    for (let i = 0; i < 30; i++) {
      scene.clock.advance(100);
      scene.ask(`n${i}`);
      const query = scene.dial(0).queries.find((octets) => labelOf(octets) === `n${i}`)!;
      scene.dial(0).send(answerTo(query));
      if (i === 8) scene.network.last.fail("ECONNREFUSED"); // the probe, or the slow name's second server
    }
    expect(slow!.told).toEqual([]);
    scene.dial(0).send(answerTo(scene.dial(0).queries.find((octets) => labelOf(octets) === "slow")!));
    expect(slow!.told).toEqual(["answer 0"]);
  });

  test("failing upstreams are asked as well within the hedges' budget only", () => {
    const scene = two();
    scene.set.warm();
    scene.dial(1).fail("ECONNREFUSED");
    scene.ask(...labels(200));
    scene.clock.advance(4100);
    const { counters } = scene.set.members[1]!;
    expect(counters.of(COUNTER.HEDGES)).toBeGreaterThan(8);
    expect(counters.of(COUNTER.HEDGES)).toBeLessThanOrEqual(11);
  });

  test("a failing upstream that came back answers what the only working one does not", () => {
    const scene = two({ health: { ...upstreamLimits.health, minBackOffMs: 30_000 } });
    scene.set.warm();
    scene.dial(1).fail("ECONNREFUSED");
    const [asked] = scene.ask("a");
    scene.clock.advance(1500);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.2"]);
    scene.dial(2).secure().answerAll();
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test("no timer runs when nothing is in flight but the connection's own", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(100);
    expect(scene.clock.timers).toBe(1);
    scene.clock.advance(8000);
    expect(scene.clock.timers).toBe(0);
  });
});
