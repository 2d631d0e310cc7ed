import { describe, expect, test } from "bun:test";
import type { UpstreamError } from "../../src/upstream/exchange.ts";
import { GUILTY, pauseMs } from "../../src/upstream/guilt.ts";
import { answerTo, type FakeDial, labelOf } from "../support/fake-upstream.ts";
import { labels, one, type Scene, told, two } from "../support/fake-upstream-set.ts";

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
    expect(scene.set.servers.map(({ healthy }) => healthy)).toEqual(scene.set.servers.map(() => true));
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
    expect([scene.set.servers[0]!.healthy, scene.network.log.told]).toEqual([true, []]);
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
