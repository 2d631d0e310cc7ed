/** Answers are asked for again in the last tenth of their lives, so that nobody has to wait for them. */

import { describe, expect, test } from "bun:test";
import { CacheScene, positive, respond } from "../support/cache-scene.ts";
import { type MessageParts, opt, option } from "../support/fake-messages.ts";
import { soa } from "../support/timed-records.ts";

const SERVFAIL = 0x8182;
/** What the budget holds at first. */
const BUDGET = 100;

/** With an answer of so many seconds that is 90 % of them old. */
function ending(lifetimeSeconds = 100): CacheScene {
  const scene = new CacheScene();
  scene.learn(positive(lifetimeSeconds));
  scene.seconds(lifetimeSeconds * 0.9);
  return scene;
}

describe("an answer asked for in the last tenth of its life", () => {
  test("is refreshed, and is given meanwhile with the TTL it has left", () => {
    const scene = ending();
    expect(scene.ask().reply).toMatchObject({ ttls: [[10], [], []], addresses: ["192.0.2.1"] });
    expect(scene.asked).toHaveLength(1);
    scene.answer(positive(100, 2));
    scene.seconds(10);
    expect(scene.ask().reply).toMatchObject({ ttls: [[90], [], []], addresses: ["192.0.2.2"], ede: [] });
    expect(scene.resolver.counters.prefetches).toBe(1);
  });

  test("not before", () => {
    const scene = new CacheScene();
    scene.learn(positive(100));
    scene.clock.advance(89_900);
    scene.ask();
    expect(scene.asked).toEqual([]);
  });

  test("not without being asked for", () => {
    const scene = new CacheScene();
    scene.learn(positive(100));
    scene.seconds(100);
    expect(scene.asked).toEqual([]);
  });

  test("once, however many ask", () => {
    const scene = ending();
    for (let i = 0; i < 50; i++) scene.ask();
    scene.seconds(3);
    for (let i = 0; i < 50; i++) scene.ask();
    expect(scene.asked).toHaveLength(1);
  });

  test.each([
    ["has TTL 0", positive(0)],
    ["says that there is no such name, without an SOA", { flags: 0x8183 }],
  ])("and is given no more if what comes may not be kept: it %s", (_what, fresh) => {
    const scene = ending();
    expect(scene.ask().reply).toMatchObject({ rcode: 0, addresses: ["192.0.2.1"] });
    scene.answer(fresh);
    expect(scene.asked).toEqual([]);
    expect(scene.ask().isAnswered).toBe(false);
    expect(scene.asked).toHaveLength(1);
  });

  test("once, also if an upstream fails then", () => {
    const scene = ending();
    scene.ask();
    scene.answer({ flags: 0x8182 });
    for (let second = 0; second < 10; second++) {
      expect(scene.ask().reply).toMatchObject({ rcode: 0, addresses: ["192.0.2.1"] });
      scene.seconds(1);
    }
    expect(scene.asked).toEqual([]);
  });

  test("each time that a new answer has come to its end", () => {
    const scene = ending();
    for (let life = 1; life <= 3; life++) {
      scene.ask();
      scene.answer(positive(100, 1 + life));
      scene.seconds(95);
    }
    expect(scene.resolver.counters.prefetches).toBe(3);
  });

  test.each([1, 2, 9])("also with a life of %d s", (lifetimeSeconds) => {
    const scene = ending(lifetimeSeconds);
    scene.ask();
    expect(scene.asked).toHaveLength(1);
  });

  test("also one that says what does not exist", () => {
    const scene = new CacheScene();
    const denied: MessageParts = { flags: 0x8183, authority: [soa({ minimumSeconds: 100 })] };
    scene.learn(denied);
    scene.seconds(95);
    expect(scene.ask().reply).toMatchObject({ rcode: 3, ttls: [[], [5], []] });
    scene.answer(denied);
    expect(scene.ask().reply.ttls).toEqual([[], [100], []]);
  });

  test("not a denial of an ancestor, for which there is no question to ask", () => {
    const scene = new CacheScene();
    scene.learn({ flags: 0x81a3, authority: [soa({ minimumSeconds: 100 })] }, "gone.test");
    scene.seconds(95);
    expect(scene.ask("a.gone.test").reply.rcode).toBe(3);
    expect(scene.asked).toEqual([]);
  });

  test("the refresh asks for the same: DO, CD, and AD for whoever comes", () => {
    const scene = new CacheScene();
    const flags = { dnssecOk: true, flags: 0x0110 };
    scene.learn(positive(100), "a.test", flags);
    scene.seconds(95);
    scene.ask("a.test", flags);
    expect(scene.asked[0]!.query).toMatchObject({ dnssecOk: true, cd: true, ad: true, rd: true });
  });
});

describe("when a refresh fails", () => {
  test.each([
    ["with SERVFAIL", (scene: CacheScene) => scene.answer({ flags: SERVFAIL })],
    ["with REFUSED", (scene: CacheScene) => scene.answer({ flags: 0x8185 })],
    ["as no upstream answers", (scene: CacheScene) => scene.fail("timeout")],
    ["as none is there", (scene: CacheScene) => scene.fail("connect")],
  ])("%s, it is not tried again before the answer ends", (_what, fails) => {
    const scene = ending(300);
    scene.ask();
    fails(scene);
    for (let second = 0; second < 30; second++) {
      expect(scene.ask().reply).toMatchObject({ rcode: 0, ede: [] });
      scene.seconds(1);
    }
    expect(scene.asked).toEqual([]);
  });

  test("what a policy says of the new answer does not end the old one", () => {
    const scene = ending();
    scene.ask();
    scene.answer({ flags: SERVFAIL, additional: [opt({ options: option(15, [0, 6]) })] });
    expect(scene.ask().reply).toMatchObject({ rcode: 0, ttls: [[10], [], []] });
    scene.seconds(10);
    const client = scene.ask();
    scene.answer({ flags: SERVFAIL, additional: [opt({ options: option(15, [0, 6]) })] });
    expect(client.reply).toMatchObject({ rcode: 2, ede: [6] });
  });
});

describe("where the answer ends before the refresh", () => {
  test("who asks waits for it, and gets what comes", () => {
    const scene = ending(10);
    scene.ask();
    scene.seconds(1);
    const client = scene.ask();
    expect(client.isAnswered).toBe(false);
    expect(scene.asked).toHaveLength(1);
    scene.answer(positive(10, 2));
    expect(client.reply).toMatchObject({ addresses: ["192.0.2.2"], ede: [] });
  });

  test("a stale answer goes out 1.8 s after the refresh began (RFC 8767, 5)", () => {
    const scene = ending(10);
    scene.ask();
    scene.seconds(1);
    const client = scene.ask();
    scene.clock.advance(799);
    expect(client.isAnswered).toBe(false);
    scene.clock.advance(1);
    expect(client.reply).toMatchObject({ addresses: ["192.0.2.1"], ede: [3], ttls: [[30], [], []] });
    expect(scene.ask().isAnswered).toBe(true);
  });
});

describe("the budget", () => {
  const answers = (scene: CacheScene) => {
    for (const exchange of scene.asked.splice(0)) respond(exchange, positive(100));
  };

  test("100 refreshes at first, then one for every ten answers from the cache", () => {
    const scene = new CacheScene();
    for (let i = 0; i < 3 * BUDGET; i++) scene.ask(`n${i}.test`);
    answers(scene);
    scene.seconds(95);
    for (let i = 0; i < 3 * BUDGET; i++) scene.ask(`n${i}.test`);
    const refreshes = scene.asked.length;
    expect(refreshes).toBeGreaterThanOrEqual(BUDGET + 2 * BUDGET * 0.1);
    expect(refreshes).toBeLessThanOrEqual(BUDGET + 3 * BUDGET * 0.1 + 2);
    expect(scene.resolver.counters.prefetches).toBe(refreshes);
  });

  test("what is left without one is answered all the same, and resolved when it ended", () => {
    const scene = new CacheScene();
    const names = Array.from({ length: 2 * BUDGET }, (_, i) => `n${i}.test`);
    for (const name of names) scene.ask(name);
    answers(scene);
    scene.seconds(95);
    for (const name of names) expect(scene.ask(name).reply.rcode).toBe(0);
    scene.asked.splice(0);
    scene.seconds(5);
    const client = scene.ask(names.at(-1)!);
    expect(client.isAnswered).toBe(false);
    scene.answer(positive(100));
    expect(client.reply.rcode).toBe(0);
  });
});
