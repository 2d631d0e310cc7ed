import { describe, expect, test } from "bun:test";
import { GUILTY, pauseMs } from "../../src/upstream/dot/guilt.ts";
import type { UpstreamError } from "../../src/upstream/exchange.ts";
import { answerTo, type FakeDial, labelOf } from "../support/fake-upstream.ts";
import { labels, one, type Scene, told, two } from "../support/fake-upstream-group.ts";

const isPoison = (query: Uint8Array) => labelOf(query).startsWith("poison");

/** The server's side of every connection: answers after `delayMs`, and resets one at once that carries poison. */
class Servers {
  readonly #scene: Scene;
  readonly #delayMs: number;
  readonly #poisonous: (dial: FakeDial) => boolean;
  /** Open connections, and how many of their queries were seen to. */
  #open = new Map<FakeDial, number>();
  #dials = 0;

  constructor(scene: Scene, delayMs: number, poisonous = (_dial: FakeDial) => true) {
    this.#scene = scene;
    this.#delayMs = delayMs;
    this.#poisonous = poisonous;
  }

  /** Lets time pass, with `each` called every millisecond. */
  serve(ms: number, each = (_ms: number): void => {}): void {
    for (let i = 0; i < ms; i++) {
      each(i);
      const { dials } = this.#scene.network;
      for (; this.#dials < dials.length; this.#dials++) this.#open.set(dials[this.#dials]!.secure(), 0);
      for (const [dial, seen] of this.#open) this.#work(dial, seen);
      this.#scene.clock.advance(1);
    }
  }

  #work(dial: FakeDial, seen: number): void {
    const queries = dial.queries.slice(seen);
    this.#open.set(dial, dial.queries.length);
    if (this.#poisonous(dial) && queries.some(isPoison)) dial.fail("ECONNRESET");
    if (dial.stream.closed) this.#open.delete(dial);
    else for (const query of queries) this.#scene.clock.after(this.#delayMs, () => dial.send(answerTo(query)));
  }
}

const sendsOf = (scene: Scene, label: string) =>
  scene.network.dials.flatMap(({ queries }) => queries.filter((query) => labelOf(query) === label)).length;

describe("a name for which connections are reset", () => {
  test.each([
    [1, 10],
    [1, 100],
    [2, 10],
    [2, 100],
  ])("costs no other query its answer: %d upstreams, answers after %d ms", (count, delayMs) => {
    const scene = count === 1 ? one({ maxIsolated: 64 }) : two({ maxIsolated: 64 });
    const others = scene.ask("first");
    const poison: ReturnType<Scene["ask"]> = [];
    const servers = new Servers(scene, delayMs);
    servers.serve(50);
    servers.serve(2500, (ms) => {
      if (ms % 4 === 0 && ms < 1000) others.push(...scene.ask(`n${ms}`));
      if (ms % 33 === 0 && ms < 1000) poison.push(...scene.ask(`poison${ms}`));
    });
    expect(told(others)).toEqual(others.map(() => "answer 0"));
    expect(told(poison)).toEqual(poison.map(() => "closed"));
    for (const { label } of poison) expect(sendsOf(scene, label)).toBeLessThanOrEqual(6);
    expect(scene.set.members.map(({ healthy }) => healthy)).toEqual(scene.set.members.map(() => true));
    expect(scene.network.log.told).toEqual([]);
  });

  test("is asked few times, with pauses, when nothing else is asked, and is told to be the cause", () => {
    const scene = one();
    const [asked] = scene.ask("poison");
    let failedOf: UpstreamError | undefined;
    asked!.onFailure = (error) => {
      failedOf = error;
    };
    const servers = new Servers(scene, 10);
    servers.serve(1000);
    expect(failedOf).toBe(GUILTY);
    expect(sendsOf(scene, "poison")).toBeLessThanOrEqual(4);
    expect([scene.set.members[0]!.healthy, scene.network.log.told]).toEqual([true, []]);
    const after = scene.ask("n");
    servers.serve(30);
    expect(told(after)).toEqual(["answer 0"]);
  });

  test("is asked of the next upstream alone, and answered there if that one can", () => {
    const scene = two();
    const servers = new Servers(scene, 10, ({ host }) => host === "10.0.0.1");
    const asked = scene.ask("first");
    servers.serve(50);
    asked.push(...scene.ask("a", "poison", "b"));
    servers.serve(500);
    expect(told(asked)).toEqual(asked.map(() => "answer 0"));
    const there = scene.network.dials.filter(({ host, queries }) => host === "10.0.0.2" && queries.some(isPoison));
    expect(there.map(({ queries }) => queries.map(labelOf))).toEqual([["poison"]]);
  });
});

/** The length of a message that never comes: all answers behind it are taken to be part of it. */
const CUT = Uint8Array.of(0xff, 0xff);

/** The server's side of every connection, with answers after 10 ms: one that carries poison is answered nothing more, or cut. */
class SilencedServers {
  readonly #scene: Scene;
  readonly #cuts: boolean;
  readonly #seen = new Map<FakeDial, number>();
  readonly #silent = new Set<FakeDial>();
  #dials = 0;

  constructor(scene: Scene, cuts: boolean) {
    this.#scene = scene;
    this.#cuts = cuts;
  }

  serve(): void {
    const { dials } = this.#scene.network;
    for (; this.#dials < dials.length; this.#dials++) this.#seen.set(dials[this.#dials]!.secure(), 0);
    for (const [dial, seen] of this.#seen) {
      if (dial.stream.closed) this.#seen.delete(dial);
      else this.#work(dial, dial.queries.slice(seen));
    }
    this.#scene.clock.advance(5);
  }

  #work(dial: FakeDial, queries: readonly Uint8Array[]): void {
    this.#seen.set(dial, this.#seen.get(dial)! + queries.length);
    if (!this.#silent.has(dial) && queries.some(isPoison)) {
      this.#silent.add(dial);
      if (this.#cuts) dial.stream.receive(CUT);
    }
    for (const query of queries) this.#scene.clock.after(10, () => this.#answer(dial, query));
  }

  #answer(dial: FakeDial, query: Uint8Array): void {
    if (!dial.stream.closed && (this.#cuts || !this.#silent.has(dial))) dial.send(answerTo(query));
  }
}

describe("a name for which connections fall silent", () => {
  test.each([
    ["one upstream that says nothing more", 1, false],
    ["one that sends the length of a message that never comes", 1, true],
    ["two that say nothing more", 2, false],
  ])("costs no other query its answer: %s", (_how, count, cuts) => {
    const scene = count === 1 ? one({ maxIsolated: 64 }) : two({ maxIsolated: 64 }, { strategy: "balanced" });
    const servers = new SilencedServers(scene, cuts);
    const asked = scene.ask("first");
    const poison: ReturnType<Scene["ask"]> = [];
    for (let ms = 0; ms < 7000; ms += 5) {
      if (ms % 20 === 0 && ms < 2500) asked.push(...scene.ask(`n${ms}`));
      if (ms % 1000 === 500 && ms < 2500) poison.push(...scene.ask(`poison${ms}`));
      servers.serve();
    }
    expect(asked.filter(({ told }) => told.join() !== "answer 0").map(({ label }) => label)).toEqual([]);
    expect(told(poison).filter((one) => one === "answer 0")).toEqual([]);
    for (const { label } of poison) expect(sendsOf(scene, label)).toBeLessThanOrEqual(6);
    expect(scene.set.members.map(({ healthy }) => healthy)).toEqual(scene.set.members.map(() => true));
  });
});

test("a burst that was in flight with it is asked again, a few together where connections are short", () => {
  const scene = one({ maxIsolated: 4 });
  const asked = scene.ask(...labels(100), "poison");
  new Servers(scene, 10).serve(2000);
  expect(told(asked).filter((one) => one === "answer 0")).toHaveLength(100);
  expect(scene.network.dials.length).toBeLessThan(40);
});

test("an answer that trickles in is asked for again alone, the others together", () => {
  const scene = one();
  scene.ask("first");
  scene.dial(0).secure().answerAll();
  const asked = scene.ask("slow", "b", "c");
  const slow = answerTo(scene.dial(0).queries.find((query) => labelOf(query) === "slow")!);
  const frame = Uint8Array.of(0, slow.length, ...slow);
  for (let i = 0; i < 8; i++) {
    scene.dial(0).stream.receive(frame.slice(i, i + 1));
    scene.clock.advance(100);
  }
  expect(scene.dial(0).stream.destroyed).toBe(true);
  const next = scene.network.dials.slice(1).map((dial) => dial.secure().queries.map(labelOf).sort().join());
  expect(next.sort()).toEqual(["b,c", "slow"]);
  for (const dial of scene.network.dials.slice(1)) dial.answerAll();
  expect(told(asked)).toEqual(["answer 0", "answer 0", "answer 0"]);
});

/** Sends the answers of a connection one after another, the length of each 300 ms before it. */
function sendSlowly(scene: Scene, dial: FakeDial, next = 0): void {
  const query = dial.queries[next];
  if (query === undefined) {
    if (!dial.stream.closed) scene.clock.after(5, () => sendSlowly(scene, dial, next));
    return;
  }
  const answer = answerTo(query);
  dial.stream.receive(Uint8Array.of(0, answer.length));
  scene.clock.after(300, () => {
    dial.stream.receive(answer);
    sendSlowly(scene, dial, next + 1);
  });
}

test("messages whose length comes 300 ms before them, under load: all answered, on few connections", () => {
  const scene = one({ maxConnections: 4 });
  const asked = scene.ask("first");
  let dials = 0;
  for (let ms = 0; ms < 6000; ms += 5) {
    if (ms % 100 === 0 && ms < 2000) asked.push(...scene.ask(`n${ms}`));
    for (; dials < scene.network.dials.length; dials++) sendSlowly(scene, scene.dial(dials).secure());
    scene.clock.advance(5);
  }
  expect(told(asked)).toEqual(asked.map(() => "answer 0"));
  expect(dials).toBeLessThanOrEqual(4);
});

test("pauses double up to a second, and are up to a quarter shorter", () => {
  const all = (octet: number) => [0, 1, 2, 3, 9].map((n) => pauseMs(n, { fill: (octets) => void octets.fill(octet) }));
  expect(all(0)).toEqual([50, 100, 200, 400, 1000]);
  for (const [i, ms] of all(255).entries()) expect(ms).toBeGreaterThan(all(0)[i]! * 0.75 - 1);
});
