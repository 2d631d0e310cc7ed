import { describe, expect, test } from "bun:test";
import { defaults } from "../../src/config/defaults.ts";
import { COUNTER } from "../../src/upstream/counters.ts";
import { Lifespan } from "../../src/upstream/dot/lifespan.ts";
import { answerTo, type FakeDial } from "../support/fake-upstream.ts";
import { labels, one, type Scene, some, told } from "../support/fake-upstream-group.ts";

describe("how many queries a connection is good for", () => {
  test("any number, on few connections, dialled one at a time, as long as nothing else was seen", () => {
    const lifespan = new Lifespan(4);
    expect([lifespan.maxQueries, lifespan.maxConnections, lifespan.maxDialling]).toEqual([Infinity, 4, 1]);
    lifespan.cutShort(1); // once: it may have been restarted
    expect(lifespan.maxQueries).toBe(Infinity);
    lifespan.cutShort(5000); // a long life in between
    lifespan.cutShort(1);
    expect(lifespan.maxQueries).toBe(Infinity);
  });

  test("as many as it answered, after two lives of that length in a row; then more connections", () => {
    const lifespan = new Lifespan(4);
    for (const answers of [3, 2, 3, 2]) lifespan.cutShort(answers); // as when resets come now and then
    expect(lifespan.maxQueries).toBe(Infinity);
    lifespan.cutShort(2);
    expect([lifespan.maxQueries, lifespan.maxConnections, lifespan.maxDialling]).toEqual([2, 64, 16]);
    for (const answers of [1, 1]) lifespan.cutShort(answers);
    expect(lifespan.maxQueries).toBe(1);
    for (const answers of [0, 0]) lifespan.cutShort(answers);
    expect(lifespan.maxQueries).toBe(1);
  });

  test("twice as many after sixteen lives without an accident, and any number in the end", () => {
    const lifespan = new Lifespan(4);
    lifespan.cutShort(1);
    lifespan.cutShort(1);
    const seen = [];
    for (let i = 0; i < 5; i++) {
      for (let j = 0; j < 15; j++) lifespan.ranOut(lifespan.maxQueries);
      seen.push(lifespan.maxQueries);
      lifespan.ranOut(lifespan.maxQueries);
    }
    expect(seen).toEqual([1, 2, 4, 8, 16]);
    expect(lifespan.maxQueries).toBe(Infinity);
  });

  test("an attempt at more that fails is taken back at once, and the next one waits for twice as many lives", () => {
    const lifespan = new Lifespan(4);
    lifespan.cutShort(1);
    lifespan.cutShort(1);
    const livesBetween = [];
    for (let i = 0; i < 11; i++) {
      let lives = 0;
      for (; lifespan.maxQueries === 1; lives++) lifespan.ranOut(1);
      livesBetween.push(lives);
      lifespan.cutShort(1);
      lifespan.cutShort(1); // those that were begun with it
      expect(lifespan.maxQueries).toBe(1);
    }
    expect(livesBetween).toEqual([16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096]);
    // Then it can: from here on as fast as ever.
    for (let i = 0; i < 4096; i++) lifespan.ranOut(1);
    for (let i = 0; i < 6 * 16; i++) lifespan.ranOut(lifespan.maxQueries);
    expect(lifespan.maxQueries).toBe(Infinity);
  });

  test("a life that did not use what it was allowed says nothing", () => {
    const lifespan = new Lifespan(4);
    lifespan.cutShort(8);
    lifespan.cutShort(8);
    for (let i = 0; i < 100; i++) lifespan.ranOut(7);
    expect(lifespan.maxQueries).toBe(8);
  });
});

describe("a server that ends each connection after so many answers", () => {
  /** Answers so far, by connection; one that is not in here has not done its handshake. */
  const answers = new WeakMap<FakeDial, number>();

  function work(dial: FakeDial, answersEach: number): void {
    const before = answers.get(dial) ?? 0;
    if (!answers.has(dial)) dial.secure();
    const due = dial.queries.slice(before, answersEach);
    answers.set(dial, before + due.length);
    for (const query of due) dial.send(answerTo(query));
    if (before + due.length >= answersEach) dial.close();
  }

  /** Lets the server work until nothing is left to do; returns the most handshakes that were under way at once. */
  function serve(scene: Scene, answersEach: number): number {
    let most = 0;
    for (let round = 0; round < 2000 && scene.set.inFlight > 0; round++) {
      const open = scene.network.dials.filter((dial) => !dial.stream.closed);
      most = Math.max(most, open.filter((dial) => !answers.has(dial)).length);
      for (const dial of open) work(dial, answersEach);
      scene.clock.advance(1);
    }
    return most;
  }

  test.each([1, 2, 5])("%p: every query of a burst is answered, and the handshakes are bounded", (answersEach) => {
    const scene = some(1, { maxConnections: 4 }, { maxResends: defaults.upstreamResends.value });
    const asked = scene.ask(...labels(200));
    const most = serve(scene, answersEach);
    expect(told(asked)).toEqual(new Array(200).fill("answer 0"));
    expect(most).toBeLessThanOrEqual(16);
    // Two lives to learn it, and what growing again costs now and then.
    expect(scene.network.dials.length).toBeLessThanOrEqual(Math.ceil(200 / answersEach) * 1.3 + 8);
    expect([scene.set.members[0]!.healthy, scene.network.log.told]).toEqual([true, []]);
  });

  test("one after another: no query is sent twice", () => {
    const scene = one();
    for (let i = 0; i < 50; i++) {
      const asked = scene.ask(`n${i}`);
      serve(scene, 1);
      expect(told(asked)).toEqual(["answer 0"]);
      scene.clock.advance(10);
    }
    expect(scene.set.members[0]!.counters.of(COUNTER.ATTEMPTS)).toBe(50);
  });

  test("when it stops doing so, its connections live long again", () => {
    const scene = one({ maxConnections: 4 });
    scene.ask(...labels(50));
    serve(scene, 1);
    const before = scene.network.dials.length;
    for (let i = 0; i < 60; i++) {
      const asked = scene.ask(...labels(50));
      serve(scene, Number.POSITIVE_INFINITY);
      expect(told(asked)).toEqual(new Array(50).fill("answer 0"));
    }
    expect(scene.network.dials.length - before).toBeLessThan(200);
    const after = scene.network.dials.length;
    for (let i = 0; i < 20; i++) {
      scene.ask(...labels(50));
      serve(scene, Number.POSITIVE_INFINITY);
    }
    expect(scene.network.dials.length - after).toBeLessThan(2);
  });
});
