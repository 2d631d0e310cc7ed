/** Connections on which answers are due and nothing is heard. */

import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/upstream/counters.ts";
import { answerTo, type FakeDial, identity, labelOf } from "../support/fake-upstream.ts";
import { labels, one, Scene, told, two } from "../support/fake-upstream-group.ts";

/** One upstream with a connection that has answered so often, each time after so long. */
function measured(answerMs: number, answers = 200): Scene {
  const scene = one();
  for (let i = 0; i < answers; i++) {
    scene.ask(`m${i}`);
    if (i === 0) scene.dial(0).secure();
    scene.clock.advance(answerMs);
    scene.dial(0).answerAll();
  }
  return scene;
}

const answered = new WeakMap<FakeDial, Set<number>>();

/** Answers the queries with these labels that it has not answered before. */
function answer(dial: FakeDial, ...wanted: string[]): void {
  const done = answered.get(dial) ?? new Set();
  answered.set(dial, done);
  for (const [at, query] of dial.queries.entries()) {
    if (done.has(at) || !wanted.includes(labelOf(query))) continue;
    done.add(at);
    dial.send(answerTo(query));
  }
}

/** When a connection on which nobody answers is ended, in milliseconds from now; each query sent meanwhile is ignored. */
function silenceOf(scene: Scene, dial: FakeDial, eachMs: () => void = () => {}): number {
  const startMs = scene.clock.nowMs();
  while (!dial.stream.destroyed && scene.clock.nowMs() - startMs < 10_000) {
    scene.clock.advance(1);
    eachMs();
  }
  return scene.clock.nowMs() - startMs;
}

describe("silence", () => {
  test.each([
    ["before anything was measured: the most there is", 0, 1500],
    ["of a quick server: the least there is", 2, 500],
    ["of a slow one: four times what 95 % of its answers take", 150, 0],
  ])("%s", (_what, answerMs, expectedMs) => {
    const scene = answerMs === 0 ? one() : measured(answerMs);
    scene.ask("a");
    if (answerMs === 0) scene.dial(0).secure();
    const allowedMs = expectedMs || 4 * scene.set.members[0]!.times.p95Ms;
    const silentMs = silenceOf(scene, scene.dial(0));
    expect(silentMs).toBeGreaterThanOrEqual(allowedMs);
    expect(silentMs).toBeLessThanOrEqual(allowedMs + 40);
    if (answerMs === 150) expect([allowedMs > 600, allowedMs < 1400]).toEqual([true, true]);
  });

  test("is not shortened by what is sent", () => {
    const scene = measured(2);
    let sent = 0;
    expect(silenceOf(scene, scene.dial(0), () => void scene.ask(`n${sent++}`))).toBeLessThanOrEqual(540);
  });

  test("begins anew with any octet", () => {
    const scene = measured(2);
    scene.ask("slow", "x");
    scene.clock.advance(400);
    answer(scene.dial(0), "x");
    expect(silenceOf(scene, scene.dial(0))).toBeGreaterThanOrEqual(500);
  });

  test("is none while nothing is asked, or before the handshake is done", () => {
    const scene = measured(2);
    scene.clock.advance(7000);
    scene.ask("a");
    scene.clock.advance(20);
    expect(scene.dial(0).stream.destroyed).toBe(false);
    const dialling = one();
    dialling.ask("a");
    dialling.clock.advance(2400);
    expect(dialling.dial(0).stream.destroyed).toBe(false);
  });

  test("doubles with each connection that falls silent, up to the most, until an answer comes", () => {
    const scene = measured(2);
    const silencesMs = [];
    for (let i = 0; i < 4; i++) {
      scene.ask(`a${i}`);
      const { last } = scene.network;
      last.secure();
      silencesMs.push(Math.floor(silenceOf(scene, last) / 100) * 100);
      scene.clock.advance(4000); // until nobody waits any more
      for (const { stream } of scene.network.dials) stream.close();
      scene.clock.turn();
    }
    expect(silencesMs).toEqual([500, 1000, 2000, 3000]);
  });

  test("of a server that takes 2 s for everything ends one connection, and not each before its first answer", () => {
    const scene = one();
    const dueMs = new Map<FakeDial, number[]>();
    const serve = (dial: FakeDial): void => {
      const due = dueMs.get(dial) ?? [];
      if (!dueMs.has(dial)) dial.secure();
      dueMs.set(dial, due);
      const nowMs = scene.clock.nowMs();
      for (const [i, query] of dial.queries.entries()) {
        due[i] ??= nowMs + 2000;
        if (dial.stream.destroyed || due[i] > nowMs) continue;
        due[i] = Number.POSITIVE_INFINITY;
        dial.send(answerTo(query));
      }
    };
    for (let i = 0; i < 5; i++) {
      const asked = scene.ask(`a${i}`);
      while (told(asked).length === 0) {
        scene.clock.advance(20);
        for (const dial of [...scene.network.dials]) serve(dial);
      }
      expect(told(asked)).toEqual(["answer 0"]);
    }
    expect(scene.network.dials).toHaveLength(2);
  });
});

describe("a slow name", () => {
  test("among others times out alone, and harms nothing", () => {
    const scene = measured(2);
    const asked = scene.ask("slow");
    const others = [];
    for (let i = 0; i < 50; i++) {
      scene.clock.advance(100);
      others.push(...scene.ask(`n${i}`));
      answer(scene.dial(0), `n${i}`);
    }
    expect([told(asked), told(others)]).toEqual([["timeout"], new Array(50).fill("answer 0")]);
    expect([scene.network.dials.length, scene.network.log.told.length]).toEqual([1, 0]);
    expect(scene.set.members[0]!.healthy).toBe(true);
  });

  test("that is all there is: a question of our own shows that the connection lives, and its answer is awaited", () => {
    const scene = measured(2);
    const [slow] = scene.ask("slow");
    for (let i = 0; i < 350; i++) {
      scene.clock.advance(10);
      answer(scene.dial(0), "");
    }
    answer(scene.dial(0), "slow");
    expect(slow!.told).toEqual(["answer 0"]);
    expect([scene.network.dials.length, scene.network.log.told.length]).toEqual([1, 0]);
    const { counters } = scene.set.members[0]!;
    expect(counters.of(COUNTER.SILENT_CLOSES)).toBe(0);
    expect(counters.of(COUNTER.ATTEMPTS)).toBe(counters.of(COUNTER.ANSWERS));
    expect(scene.set.members[0]!.times.p95Ms).toBeLessThan(500);
  });

  test("that question is asked once while nothing is heard, and does not put off the end", () => {
    const scene = measured(2);
    scene.ask("a");
    expect(silenceOf(scene, scene.dial(0))).toBeLessThanOrEqual(540);
    expect(scene.dial(0).queries.map(labelOf).slice(200)).toEqual(["a", ""]);
  });
});

describe("what was in flight on a silent connection", () => {
  test("is sent once more on a fresh one, all of it, and the server is not blamed if that works", () => {
    const scene = measured(2);
    const asked = scene.ask(...labels(50));
    silenceOf(scene, scene.dial(0));
    expect(scene.network.dials).toHaveLength(2);
    expect(scene.dial(1).secure().queries.map(labelOf)).toEqual([...labels(50), ""]); // and a probe
    scene.dial(1).answerAll();
    expect(told(asked)).toEqual(new Array(50).fill("answer 0"));
    expect(scene.set.members[0]!.healthy).toBe(true);
    expect(scene.network.log.told).toEqual([]);
    expect(scene.set.members[0]!.counters.of(COUNTER.RESENDS)).toBe(50);
  });

  test("goes to another server, while a probe finds out about the first", () => {
    const scene = two({}, { strategy: "ordered" });
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    const asked = scene.ask(...labels(20));
    silenceOf(scene, scene.dial(0));
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    scene.dial(1).secure().answerAll();
    expect(told(asked)).toEqual(new Array(20).fill("answer 0"));
    expect(scene.set.members[0]!.gauges().breakers).toEqual([{ family: 4, state: "half-open" }]);
    expect(scene.dial(2).secure().queries.map(labelOf)).toEqual([""]);
    scene.dial(2).answerAll();
    expect(scene.set.members[0]!.gauges().breakers).toEqual([{ family: 4, state: "closed" }]);
    expect(scene.network.log.told).toEqual([]);
  });

  test("does not end the connection that is dialled for it, however old it is", () => {
    const scene = measured(2);
    const asked = [];
    // Fifty a second into the void; the new connection needs 300 ms for its handshake.
    for (let i = 0; i < 40; i++) {
      asked.push(...scene.ask(`n${i}`));
      scene.clock.advance(20);
    }
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).secure();
    for (let i = 0; i < 10; i++) {
      scene.clock.advance(20);
      asked.push(...scene.ask(`m${i}`));
    }
    scene.dial(1).answerAll();
    expect(told(asked)).toEqual(new Array(50).fill("answer 0"));
    expect(scene.network.dials).toHaveLength(2);
  });

  test("goes to the server's other address first", () => {
    const scene = new Scene([identity("both", { addresses: ["10.0.0.1", "2001:db8::1"] })]);
    scene.ask("a");
    scene.dial(0).secure();
    silenceOf(scene, scene.dial(0));
    expect(scene.hosts).toEqual(["10.0.0.1", "2001:db8::1"]);
    expect(scene.set.members[0]!.gauges().breakers).toEqual([
      { family: 4, state: "half-open" },
      { family: 6, state: "half-open" },
    ]);
    scene.dial(1).secure().answerAll();
    expect(scene.set.members[0]!.gauges().breakers).toEqual([
      { family: 4, state: "open" },
      { family: 6, state: "closed" },
    ]);
  });
});

describe("a connection that the server ends", () => {
  test("while idle is nobody's fault, and the next query finds a fresh one", () => {
    const scene = two();
    scene.ask("a");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(3000);
    scene.dial(0).close();
    const asked = scene.ask("b");
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.1"]);
    scene.dial(1).secure().answerAll();
    expect(told(asked)).toEqual(["answer 0"]);
    expect(scene.network.log.told).toEqual([]);
    expect(scene.set.members[0]!.counters.of(COUNTER.IDLE_CLOSES)).toBe(1);
  });

  test.each([
    ["by a close", undefined],
    ["by a reset", "ECONNRESET"],
  ])("%s under queries: all are sent once more, and answered", (_how, code) => {
    const scene = measured(2);
    const asked = scene.ask(...labels(10));
    if (code === undefined) scene.dial(0).close();
    else scene.dial(0).fail(code);
    scene.dial(1).secure().answerAll();
    expect(told(asked)).toEqual(new Array(10).fill("answer 0"));
    expect(scene.network.log.told).toEqual([]);
  });
});
