/** Failures (RFC 9520), and old answers instead of none (RFC 8767). */

import { describe, expect, test } from "bun:test";
import type { UpstreamErrorCode } from "../../src/upstream/exchange.ts";
import { a, CacheScene, type CacheSceneOptions, DAY_SECONDS, positive } from "../support/cache-scene.ts";
import { type MessageParts, name, opt, option } from "../support/fake-messages.ts";
import { A, NS, soa, timed } from "../support/timed-records.ts";

const SERVFAIL = 0x8182;
const REFUSED = 0x8185;
const NXDOMAIN = 0x8183;
const STALE = { rcode: 0, ede: [3], addresses: ["192.0.2.1"], ttls: [[30], [], []] };
const withEde = (flags: number, code: number): MessageParts => ({
  flags,
  additional: [opt({ options: option(15, [0, code]) })],
});

/** With an answer that ended 40 s ago. */
function ended(options?: CacheSceneOptions, parts: MessageParts = positive(60)): CacheScene {
  const scene = new CacheScene(options);
  scene.learn(parts);
  scene.seconds(100);
  return scene;
}

describe("a failure is remembered briefly (RFC 9520, 3.2)", () => {
  test("SERVFAIL: nobody is asked again for 1 s", () => {
    const scene = new CacheScene();
    scene.learn({ flags: SERVFAIL });
    scene.clock.advance(999);
    expect(scene.ask().reply.rcode).toBe(2);
    scene.clock.advance(1);
    expect(scene.ask().isAnswered).toBe(false);
    expect(scene.askedInAll).toBe(2);
  });

  test("never over a good answer: while that lives, it is given", () => {
    const scene = new CacheScene();
    scene.learn(positive(100));
    scene.seconds(95);
    scene.ask();
    scene.answer({ flags: SERVFAIL });
    expect(scene.ask().reply).toMatchObject({ rcode: 0, ede: [], ttls: [[5], [], []] });
  });

  test("a good answer ends it", () => {
    const scene = new CacheScene();
    scene.learn({ flags: SERVFAIL });
    scene.clock.advance(1000);
    scene.learn(positive(1));
    scene.seconds(1.5);
    const client = scene.ask();
    // Had the failure still counted, this would have been stale at once.
    expect(client.isAnswered).toBe(false);
  });
});

describe("a stale answer after 1.8 s without one (RFC 8767, 5)", () => {
  test("with TTL 30 and EDE 3, while the refresh goes on", () => {
    const scene = ended();
    const clients = [scene.ask(), scene.ask()];
    scene.clock.advance(1799);
    expect(clients.some(({ isAnswered }) => isAnswered)).toBe(false);
    scene.clock.advance(1);
    for (const { reply } of clients) expect(reply).toMatchObject(STALE);
    expect(scene.asked).toHaveLength(1);
    scene.answer(positive(60, 2));
    expect(scene.ask().reply).toMatchObject({ addresses: ["192.0.2.2"], ede: [], ttls: [[60], [], []] });
    for (const { reply } of clients) expect(reply).toMatchObject(STALE);
    expect(scene.askedInAll).toBe(2);
  });

  test("who asks from then on has it at once, and no second query is made", () => {
    const scene = ended();
    scene.ask();
    scene.clock.advance(1800);
    for (let i = 0; i < 5; i++) expect(scene.ask().reply).toMatchObject(STALE);
    expect(scene.asked).toHaveLength(1);
  });

  test("who joins late waits no longer than the first", () => {
    const scene = ended();
    scene.ask();
    scene.clock.advance(1700);
    const late = scene.ask();
    scene.clock.advance(100);
    expect(late.reply).toMatchObject(STALE);
  });

  test("with EDE 19 where the name did not exist", () => {
    const scene = ended({}, { flags: NXDOMAIN, authority: [soa({ minimumSeconds: 60 })] });
    const client = scene.ask();
    scene.clock.advance(1800);
    expect(client.reply).toMatchObject({ rcode: 3, ede: [19], ttls: [[], [30], []] });
  });

  test("TTL 30 in every section, and no EDE for a client without EDNS", () => {
    const glue = timed("ns.test", A, 500, [192, 0, 2, 53]);
    const scene = ended(
      {},
      {
        answers: [a(60), a(70)],
        authority: [timed("test", NS, 400, name("ns.test"))],
        additional: [glue],
      },
    );
    const clients = [scene.ask(), scene.ask("a.test", { size: null })];
    scene.clock.advance(1800);
    for (const { reply } of clients) expect(reply.ttls).toEqual([[30, 30], [30], [30]]);
    expect(clients.map(({ reply }) => reply.ede)).toEqual([[3], []]);
  });

  test("an answer within 1.8 s is given as it is", () => {
    const scene = ended();
    const client = scene.ask();
    scene.clock.advance(1799);
    scene.answer(positive(60, 2));
    scene.clock.advance(10_000);
    expect(client.reply).toMatchObject({ addresses: ["192.0.2.2"], ede: [] });
  });

  test("one evicted meanwhile is not given: the clients go on waiting", () => {
    const scene = ended();
    const client = scene.ask();
    scene.store!.flush();
    scene.clock.advance(2000);
    expect(client.isAnswered).toBe(false);
    scene.answer(positive(60, 2));
    expect(client.reply.addresses).toEqual(["192.0.2.2"]);
  });
});

describe("a stale answer at once where the refresh fails", () => {
  const failures: [string, (scene: CacheScene) => void][] = [
    ...(["connect", "authentication", "closed", "unresolved", "timeout", "malformed", "overloaded"] as const).map(
      (code: UpstreamErrorCode): [string, (scene: CacheScene) => void] => [code, (scene) => scene.fail(code)],
    ),
    ["SERVFAIL", (scene) => scene.answer({ flags: SERVFAIL })],
    ["SERVFAIL with an error that is the upstream's (EDE 22)", (scene) => scene.answer(withEde(SERVFAIL, 22))],
    ["REFUSED", (scene) => scene.answer({ flags: REFUSED })],
  ];

  test.each(failures)("to those who wait: %s", (_what, fails) => {
    const scene = ended();
    const clients = [scene.ask(), scene.ask()];
    fails(scene);
    for (const { reply } of clients) expect(reply).toMatchObject(STALE);
  });

  test.each(failures.filter(([what]) => what !== "overloaded"))("for 30 s to those who ask: %s", (_what, fails) => {
    const scene = ended();
    scene.ask();
    fails(scene);
    for (let second = 1; second < 30; second += 4) {
      scene.seconds(4);
      expect(scene.ask().reply).toMatchObject(STALE);
      // The refresh goes on, but this test does not let it end.
      expect(scene.asked).toHaveLength(1);
    }
  });

  test("the refresh goes on after a second: its answer is given to who asks next", () => {
    const scene = ended();
    scene.ask();
    scene.fail("connect");
    expect(scene.ask().reply).toMatchObject(STALE);
    expect(scene.asked).toHaveLength(0);
    scene.seconds(1);
    expect(scene.ask().reply).toMatchObject(STALE);
    scene.answer(positive(60, 2));
    expect(scene.ask().reply).toMatchObject({ addresses: ["192.0.2.2"], ede: [] });
  });

  test("no refresh within the second a timeout is remembered (RFC 9520)", () => {
    const scene = ended();
    scene.ask();
    scene.fail("timeout");
    const before = scene.askedInAll;
    scene.clock.advance(999);
    expect(scene.ask().reply).toMatchObject(STALE);
    expect(scene.askedInAll).toBe(before);
    scene.clock.advance(1);
    scene.ask();
    expect(scene.askedInAll).toBe(before + 1);
  });

  test("30 s after the last failure a client waits again", () => {
    const scene = ended();
    scene.ask();
    scene.fail("connect");
    scene.clock.advance(29_999);
    expect(scene.ask().isAnswered).toBe(true);
    scene.fail("connect");
    scene.clock.advance(30_000);
    const client = scene.ask();
    expect(client.isAnswered).toBe(false);
    scene.clock.advance(1800);
    expect(client.reply).toMatchObject(STALE);
  });

  test("when too many queries wait: stale rather than SERVFAIL, and no refresh", () => {
    const scene = new CacheScene({ parts: { maxInFlight: 1 } });
    scene.learn(positive(60));
    scene.seconds(100);
    scene.ask("other.test");
    expect(scene.ask().reply).toMatchObject(STALE);
    expect(scene.asked).toHaveLength(1);
    expect(scene.ask("unknown.test").reply).toMatchObject({ rcode: 2, ede: [0] });
  });
});

test("refreshes are no more than queries may be, however many stale answers are given", () => {
  const scene = new CacheScene({ parts: { maxInFlight: 3 } });
  const names = Array.from({ length: 10 }, (_, i) => `n${i}.test`);
  for (const name of names) scene.learn(positive(60), name);
  scene.seconds(100);
  for (const name of names) {
    scene.ask(name);
    scene.fail("connect");
  }
  scene.seconds(1);
  for (const name of names) expect(scene.ask(name).reply).toMatchObject(STALE);
  expect(scene.asked).toHaveLength(3);
  // Who has nothing to be given still waits for an answer of its own.
  expect(scene.ask("new.test").isAnswered).toBe(false);
  expect(scene.asked).toHaveLength(4);
});

describe("what validation or a policy says is passed on, and no stale answer instead (RFC 8914)", () => {
  test.each([6, 7, 15, 16, 17, 18])("SERVFAIL with EDE %d: to who waits, and to who asks soon after", (code) => {
    const scene = ended();
    const passedOn = { rcode: 2, ede: [code] };
    const waiting = [scene.ask(), scene.ask()];
    scene.answer(withEde(SERVFAIL, code));
    for (const { reply } of waiting) expect(reply).toMatchObject(passedOn);
    expect(scene.ask().reply).toMatchObject(passedOn);
    scene.seconds(1);
    const later = scene.ask();
    expect(later.isAnswered).toBe(false);
    scene.answer(withEde(SERVFAIL, code));
    expect(later.reply).toMatchObject(passedOn);
  });

  test.each([15, 18])("REFUSED with EDE %d too", (code) => {
    const scene = ended();
    for (let i = 0; i < 2; i++) {
      const client = scene.ask();
      scene.answer(withEde(REFUSED, code));
      expect(client.reply).toMatchObject({ rcode: 5, ede: [code] });
      expect(scene.ask().reply).toMatchObject({ rcode: 5, ede: [code] });
      scene.seconds(1);
    }
  });
});

describe("how stale at most", () => {
  const waited = (scene: CacheScene) => {
    const client = scene.ask();
    scene.clock.advance(1800);
    return client;
  };

  test.each([
    ["a day", DAY_SECONDS],
    ["10 s", 10],
  ])("%s past its end, and then SERVFAIL", (_what, staleSeconds) => {
    for (const [afterSeconds, isGiven] of [
      [staleSeconds - 2, true],
      [staleSeconds - 1.7, false],
      [staleSeconds, false],
    ] as const) {
      const scene = new CacheScene({ staleSeconds });
      scene.learn(positive(60));
      scene.seconds(60 + afterSeconds);
      const client = waited(scene);
      expect(client.isAnswered).toBe(isGiven);
      if (isGiven) continue;
      scene.fail("timeout");
      expect(client.reply).toMatchObject({ rcode: 2, ede: [22] });
    }
  });

  test("0: never", () => {
    const scene = ended({ staleSeconds: 0 });
    const client = waited(scene);
    expect(client.isAnswered).toBe(false);
    scene.fail("connect");
    expect(client.reply).toMatchObject({ rcode: 2, ede: [23] });
  });

  test("one that is given does not live longer for it", () => {
    const scene = new CacheScene({ staleSeconds: 300 });
    scene.learn(positive(60));
    scene.seconds(60);
    for (let second = 0; second < 300; second += 20) {
      expect(waited(scene).reply).toMatchObject(STALE);
      scene.fail("connect");
      scene.clock.advance(20_000 - 1800);
    }
    const client = scene.ask();
    expect(client.isAnswered).toBe(false);
    scene.fail("connect");
    expect(client.reply.rcode).toBe(2);
  });
});
