/** Whatever is newer and an answer replaces or removes what is older (RFC 8767, 4: stale is what could not be refreshed). */

import { describe, expect, test } from "bun:test";
import { type AskParts, CacheScene, type CacheSceneOptions, positive } from "../support/cache-scene.ts";
import { type MessageParts, name, opt, option, TO_QUESTION } from "../support/fake-messages.ts";
import { A, CNAME, rrsig, soa, timed } from "../support/timed-records.ts";

const SERVFAIL = 0x8182;
const NXDOMAIN = 0x8183;
const VALIDATED_NXDOMAIN = 0x81a3;
const NOTIMP = 0x8184;
const REFUSED = 0x8185;
const AAAA = 28;
const DO: AskParts = { dnssecOk: true };
const CD: AskParts = { flags: 0x0110 };
const OLD = "192.0.2.1";

const withEde = (flags: number, ...codes: number[]): MessageParts => ({
  flags,
  additional: [opt({ options: codes.flatMap((code) => option(15, [0, code])) })],
});
const denied = (ttlSeconds = 60): MessageParts => ({
  flags: VALIDATED_NXDOMAIN,
  authority: [soa({ owner: "", ttlSeconds, minimumSeconds: ttlSeconds })],
});
/** An address with its signature. */
const signed = (last: number): MessageParts => ({
  flags: 0x81a0,
  answers: [timed(TO_QUESTION, A, 60, [192, 0, 2, last]), rrsig(TO_QUESTION, A)],
});

/** With an answer for 60 s that ended 40 s ago. */
function ended(options?: CacheSceneOptions, ask?: AskParts, parts: MessageParts = positive(60)): CacheScene {
  const scene = new CacheScene(options);
  scene.learn(parts, "a.test", ask);
  scene.seconds(100);
  return scene;
}

/** The reply when no upstream answers, which is one failure long. */
function whenSilent(scene: CacheScene, owner = "a.test", ask?: AskParts) {
  const client = scene.ask(owner, ask);
  while (!client.isAnswered) scene.fail("timeout");
  while (scene.asked.length > 0) scene.fail("timeout");
  return client.reply;
}

const unkept = (
  [
    ["an address with TTL 0", positive(0, 2)],
    ["no such type, without an SOA", {}],
    ["no such name, without an SOA", { flags: NXDOMAIN }],
    ["no such name, its SOA with TTL 0", { flags: NXDOMAIN, authority: [soa({ ttlSeconds: 0 })] }],
    [
      "no such name, where none may be kept",
      { flags: NXDOMAIN, authority: [soa()] },
      { limits: { maxNegativeSeconds: 0 } },
    ],
    [
      "more than the cache takes",
      { answers: Array.from({ length: 3000 }, (_, i) => timed(TO_QUESTION, A, 60, [10, 0, i >> 8, i & 255])) },
      { cacheOctets: 2 ** 18 },
    ],
    ["REFUSED, blocked (EDE 15)", withEde(REFUSED, 15)],
    ["REFUSED, censored (EDE 16)", withEde(REFUSED, 16)],
    ["SERVFAIL, filtered (EDE 17)", withEde(SERVFAIL, 17)],
    ["NXDOMAIN, blocked (EDE 15)", withEde(NXDOMAIN, 15)],
    ["another RCODE, blocked (EDE 15)", withEde(NOTIMP, 15)],
    ["REFUSED, blocked, said second (EDE 0 and 15)", withEde(REFUSED, 0, 15)],
  ] as [string, MessageParts, CacheSceneOptions?][]
).map(([what, parts, options = {}]) => [what, parts, options] as const);

describe("a newer answer that may not be kept", () => {
  test.each(unkept)("%s: the older one is given no more", (_what, parts, options) => {
    const scene = ended(options);
    scene.learn(parts);
    scene.seconds(60);
    expect(whenSilent(scene)).toMatchObject({ rcode: 2, addresses: [] });
  });

  test.each(unkept)("%s: nor to other queries, whatever their DO and CD", (_what, parts, options) => {
    for (const newer of [DO, CD]) {
      const scene = ended(options);
      scene.learn(parts, "a.test", newer);
      scene.seconds(60);
      for (const ask of [{}, DO, CD]) expect(whenSilent(scene, "a.test", ask).addresses).toEqual([]);
    }
  });

  test.each(unkept)("%s: nor is one asked for before, which comes later", (_what, parts, options) => {
    const scene = new CacheScene(options);
    scene.ask("a.test", DO);
    scene.clock.advance(1);
    scene.ask("a.test");
    scene.answer(parts, scene.asked[1]);
    scene.clock.advance(3000);
    scene.answer(positive(60));
    scene.seconds(1);
    for (const ask of [{}, DO]) expect(whenSilent(scene, "a.test", ask).addresses).toEqual([]);
  });

  test("nothing else is forgotten", () => {
    const scene = ended();
    scene.learn(positive(60, 7), "b.test");
    scene.learn({ answers: [timed(TO_QUESTION, AAAA, 60, new Array(16).fill(1))] }, "a.test", { type: AAAA });
    scene.learn(positive(0, 2));
    scene.seconds(61);
    expect(whenSilent(scene, "b.test").addresses).toEqual(["192.0.2.7"]);
    expect(whenSilent(scene, "a.test", { type: AAAA }).rcode).toBe(0);
  });

  test("what is answered again is kept again", () => {
    const scene = ended();
    scene.learn(positive(0, 2));
    scene.learn(positive(60, 3));
    scene.seconds(61);
    expect(whenSilent(scene).addresses).toEqual(["192.0.2.3"]);
  });

  test("a stale answer that is given while the refresh goes on is the last", () => {
    const scene = ended();
    const client = scene.ask();
    scene.clock.advance(1800);
    expect(client.reply).toMatchObject({ addresses: [OLD], ede: [3] });
    scene.answer({ flags: NXDOMAIN });
    expect(whenSilent(scene).addresses).toEqual([]);
  });
});

describe("what is no answer removes nothing", () => {
  test.each([
    ["SERVFAIL", { flags: SERVFAIL }],
    ["REFUSED", { flags: REFUSED }],
    ["NOTIMP", { flags: NOTIMP }],
    ["REFUSED, prohibited (EDE 18)", withEde(REFUSED, 18)],
    ["SERVFAIL, bogus (EDE 6)", withEde(SERVFAIL, 6)],
    ["SERVFAIL, not reachable (EDE 22)", withEde(SERVFAIL, 22)],
  ] as [string, MessageParts][])("%s", (_what, parts) => {
    const scene = ended();
    scene.ask();
    scene.answer(parts);
    scene.seconds(40);
    expect(whenSilent(scene)).toMatchObject({ rcode: 0, addresses: [OLD], ede: [3] });
  });
});

describe("a newer answer that is kept", () => {
  test("takes the older one's place for other DO and CD, too", () => {
    const scene = ended();
    scene.learn(positive(60, 2), "a.test", DO);
    scene.seconds(61);
    expect(whenSilent(scene)).toMatchObject({ addresses: ["192.0.2.2"], ede: [3] });
  });

  test("leaves what is still fresh, until its end", () => {
    const scene = new CacheScene();
    scene.learn(positive(60, 1));
    scene.clock.advance(1);
    scene.learn({ flags: NXDOMAIN, authority: [soa()] }, "a.test", DO);
    expect(scene.ask().reply.addresses).toEqual([OLD]);
    scene.seconds(61);
    expect(whenSilent(scene)).toMatchObject({ rcode: 3, ede: [19] });
  });

  test("stays where one that was asked for before comes later", () => {
    const scene = new CacheScene();
    scene.ask("a.test", DO);
    scene.clock.advance(1);
    scene.ask("a.test");
    scene.answer({ flags: NXDOMAIN, authority: [soa()] }, scene.asked[1]);
    scene.clock.advance(2000);
    scene.answer(positive(60));
    scene.seconds(3600);
    for (const ask of [{}, DO]) expect(whenSilent(scene, "a.test", ask)).toMatchObject({ rcode: 3, ede: [19] });
  });
});

describe("an answer to another query stands in when nobody answers", () => {
  const kept = (parts: MessageParts, ask: AskParts) => ended({}, ask, parts);

  test("one without signatures for DO: rather than SERVFAIL, as stale, and not as validated", () => {
    const scene = kept({ ...positive(60), flags: 0x81a0 }, {});
    const reply = whenSilent(scene, "a.test", DO);
    expect(reply).toMatchObject({ rcode: 0, addresses: [OLD], ede: [3], ad: false, ttls: [[30], [], []] });
  });

  test("also while it is fresh, and not before anyone was asked", () => {
    const scene = new CacheScene();
    scene.learn(positive(300));
    const client = scene.ask("a.test", DO);
    expect(client.isAnswered).toBe(false);
    scene.clock.advance(1800);
    expect(client.reply).toMatchObject({ addresses: [OLD], ede: [3] });
  });

  test("one to a DO query for one without, if it has no signatures (RFC 4035, 3.2.1)", () => {
    expect(whenSilent(kept(positive(60), DO))).toMatchObject({ addresses: [OLD], ede: [3] });
    expect(whenSilent(kept(signed(1), DO))).toMatchObject({ rcode: 2, ede: [22] });
  });

  test("one that was checked for CD, and none that was not for a query without", () => {
    expect(whenSilent(kept(positive(60), {}), "a.test", CD)).toMatchObject({ addresses: [OLD], ede: [3] });
    expect(whenSilent(kept(positive(60), CD))).toMatchObject({ rcode: 2, ede: [22] });
  });

  test("the client's own older one is given if the newest says the same", () => {
    for (const [parts, ask] of [
      [signed(1), DO],
      [positive(60), CD],
    ] as const) {
      const scene = ended();
      scene.learn(parts, "a.test", ask);
      scene.seconds(61);
      expect(whenSilent(scene)).toMatchObject({ rcode: 0, addresses: [OLD], ede: [3] });
    }
  });

  test("and is not if the newest says otherwise", () => {
    for (const [parts, ask] of [
      [signed(2), DO],
      [positive(60, 2), CD],
    ] as const) {
      const scene = ended();
      scene.learn(parts, "a.test", ask);
      scene.seconds(61);
      expect(whenSilent(scene)).toMatchObject({ rcode: 2, addresses: [] });
    }
  });

  test("none where nothing stale may be given", () => {
    const scene = new CacheScene({ staleSeconds: 0 });
    scene.learn(positive(300));
    expect(whenSilent(scene, "a.test", DO).rcode).toBe(2);
  });
});

describe("denials (RFC 8020)", () => {
  test("an older address below a name that is denied is given no more", () => {
    const scene = ended();
    scene.learn(denied(), "test", { type: AAAA });
    scene.seconds(61);
    expect(whenSilent(scene)).toMatchObject({ rcode: 3, addresses: [], ede: [19] });
  });

  test("nor where no denial may be kept", () => {
    const scene = ended({ limits: { maxNegativeSeconds: 0 } });
    scene.learn(denied(), "test", { type: AAAA });
    scene.seconds(61);
    expect(whenSilent(scene)).toMatchObject({ rcode: 2, addresses: [] });
  });

  test.each([
    ["an address", {}, "www.x.test"],
    ["of TTL 0", { ttl: 0 }, "www.x.test"],
    ["of the very name", {}, "x.test"],
  ])("a newer answer shows that something exists below: %s", (_what, { ttl = 60 }: { ttl?: number }, owner) => {
    const scene = new CacheScene();
    // Fresh since before, so that the denial does not answer it, and about to end, so that it is asked for again.
    scene.learn(positive(100), owner);
    scene.learn(denied(600), "x.test", { type: AAAA });
    expect(scene.ask("mail.x.test").reply.rcode).toBe(3);
    scene.seconds(95);
    scene.ask(owner);
    scene.answer(positive(ttl, 2));
    expect(scene.ask("mail.x.test").isAnswered).toBe(false);
    expect(scene.ask("x.test", { type: 16 }).isAnswered).toBe(false);
  });

  test("so does one to a query with another CD, and the target of an alias", () => {
    for (const [owner, parts] of [
      ["www.x.test", positive(60, 2)],
      ["www.x.test", { answers: [], authority: [soa()] }],
      ["www.x.test", { ...denied(), answers: [timed(TO_QUESTION, CNAME, 60, name("gone.test"))] }],
      [
        "alias.test",
        {
          answers: [timed(TO_QUESTION, CNAME, 60, name("www.x.test")), timed("www.x.test", A, 60, [192, 0, 2, 2])],
        },
      ],
    ] as [string, MessageParts][]) {
      const scene = new CacheScene();
      scene.learn(denied(600), "x.test");
      scene.seconds(1);
      expect(scene.ask("mail.x.test").reply.rcode).toBe(3);
      scene.learn(parts, owner, CD);
      expect(scene.ask("mail.x.test").isAnswered).toBe(false);
    }
  });

  test("what does not show it leaves the denial", () => {
    for (const [owner, parts] of [
      ["www.x.test", { flags: NXDOMAIN }],
      ["www.x.test", { flags: SERVFAIL }],
      ["www.x.test", withEde(REFUSED, 15)],
      ["other.test", positive(60)],
    ] as [string, MessageParts][]) {
      const scene = new CacheScene();
      scene.learn(denied(600), "x.test");
      scene.learn(parts, owner, CD);
      expect(scene.ask("mail.x.test").reply.rcode).toBe(3);
    }
  });
});

test("a removal waits for a thread that is writing, and nothing stale is given meanwhile", () => {
  const memory = new SharedArrayBuffer(2 ** 20);
  const scene = ended({ memory });
  const lock = new Int32Array(memory);
  lock[32] = 7;
  scene.learn({ flags: NXDOMAIN });
  scene.seconds(1);
  expect(whenSilent(scene)).toMatchObject({ rcode: 2, addresses: [] });
  lock[32] = 0;
  scene.seconds(1);
  expect(scene.store!.counters.entries).toBe(0);
  expect(whenSilent(scene)).toMatchObject({ rcode: 2, addresses: [] });
});
