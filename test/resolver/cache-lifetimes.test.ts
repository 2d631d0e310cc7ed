/** For how long an answer is given, and what its TTLs say meanwhile. */

import { describe, expect, test } from "bun:test";
import { a, CacheScene, type CacheSceneOptions, DAY_SECONDS, positive } from "../support/cache-scene.ts";
import { type MessageParts, name, opt, TO_QUESTION } from "../support/fake-messages.ts";
import { A, CNAME, DNAME, NS, soa, timed } from "../support/timed-records.ts";

const NXDOMAIN = 0x8183;
const VALIDATED_NXDOMAIN = 0x81a3;
const NS_SET = timed("test", NS, 200, name("ns.test"));
const GLUE = timed("ns.test", A, 100, [192, 0, 2, 53]);

/** The answer is given without asking again until so many seconds have passed, and then no more. */
function expectKept(seconds: number, parts: MessageParts, limits: CacheSceneOptions["limits"] = {}): void {
  const isKeptAfter = (ms: number): boolean => {
    const scene = new CacheScene({ staleSeconds: 0, limits });
    scene.learn(parts);
    scene.clock.advance(ms);
    return scene.ask().isAnswered;
  };
  if (seconds > 0) expect(isKeptAfter(seconds * 1000 - 100)).toBe(true);
  expect(isKeptAfter(seconds * 1000)).toBe(false);
}

describe("TTLs (RFC 1035, 3.2.1)", () => {
  test.each([
    ["answer", { answers: [a(300), a(60)] }],
    ["authority", { answers: [a(300)], authority: [timed("test", NS, 60, name("ns.test"))] }],
    ["additional", { answers: [a(300)], additional: [timed("ns.test", A, 60, [192, 0, 2, 9])] }],
  ] as [string, MessageParts][])("the lowest counts: in the %s section", (_section, parts) => {
    expectKept(60, parts);
  });

  test("go down by age in every section; the OPT has none", () => {
    const scene = new CacheScene();
    const parts = { answers: [a(300), a(90)], authority: [NS_SET], additional: [GLUE, opt()] };
    expect(scene.learn(parts).ttls).toEqual([[300, 90], [200], [100]]);
    expect(scene.ask().reply.ttls).toEqual([[300, 90], [200], [100]]);
    for (const age of [0.9, 1, 1.5, 80, 89.9]) {
      scene.clock.advance(1000 + age * 1000 - scene.clock.nowMs());
      const whole = Math.floor(age);
      const { ttls, octets } = scene.ask().reply;
      expect(ttls).toEqual([[300 - whole, 90 - whole], [200 - whole], [100 - whole]]);
      expect([...octets.slice(-11)]).toEqual(opt({ size: 1232 }));
    }
  });

  test("are the same for all who waited for the answer, and for the first who did not", () => {
    const scene = new CacheScene({ limits: { minSeconds: 20, maxSeconds: 100 } });
    const waiting = [scene.ask(), scene.ask()];
    scene.answer({ answers: [a(300), a(5)] });
    for (const { reply } of [...waiting, scene.ask()]) expect(reply.ttls[0]).toEqual([100, 20]);
  });

  test("are at least 1 until the end, and the answer is gone then", () => {
    const scene = new CacheScene({ staleSeconds: 0 });
    scene.learn(positive(2));
    scene.clock.advance(1999);
    expect(scene.ask().reply.ttls[0]).toEqual([1]);
    scene.clock.advance(1);
    scene.fail("stopping");
    expect(scene.ask().isAnswered).toBe(false);
  });

  test.each([
    ["a floor raises it", 5, { minSeconds: 20 }, 20],
    ["a ceiling lowers it", 5000, { maxSeconds: 40 }, 40],
    ["of 0 is not stored, whatever the floor", 0, { minSeconds: 20 }, 0],
    ["with the top bit is large, and capped (RFC 8767, 4)", 0x8000_0001, {}, DAY_SECONDS],
    ["of -1, read as a signed number, too", 0xffff_ffff, { maxSeconds: 1000 }, 1000],
  ])("%s", (_what, ttl, limits, wanted) => {
    expectKept(wanted, positive(ttl), limits);
  });

  test("of 0: each client makes a query of its own, once the one before it was answered", () => {
    const scene = new CacheScene();
    for (let i = 1; i <= 3; i++) expect(scene.learn(positive(0, i)).addresses).toEqual([`192.0.2.${i}`]);
  });

  test("time that the host spent suspended counts as age", () => {
    const scene = new CacheScene();
    scene.learn(positive(300));
    scene.seconds(10);
    scene.suspendedMs += 100_000;
    scene.seconds(1);
    expect(scene.ask().reply.ttls[0]).toEqual([300 - 111]);
    scene.suspendedMs += 200_000;
    scene.seconds(1);
    expect(scene.ask().isAnswered).toBe(false);
  });
});

describe("what does not exist (RFC 2308)", () => {
  const denied = (minimumSeconds: number, ttlSeconds = 3600, flags = NXDOMAIN): MessageParts => ({
    flags,
    authority: [soa({ ttlSeconds, minimumSeconds })],
  });

  test.each([
    ["NXDOMAIN, for the SOA's MINIMUM (5)", denied(70), {}, 70],
    ["NXDOMAIN, for the SOA's TTL if that is less", denied(70, 50), {}, 50],
    ["NODATA too", denied(70, 3600, 0x8180), {}, 70],
    [
      "an alias without the type asked for",
      { ...denied(70, 3600, 0x8180), answers: [timed(TO_QUESTION, CNAME, 60, name("b.test"))] },
      {},
      60,
    ],
    ["at most the ceiling of such answers", denied(5000), { maxNegativeSeconds: 90 }, 90],
    ["not at all where that is 0", denied(5000), { maxNegativeSeconds: 0 }, 0],
    ["not without an SOA", { flags: NXDOMAIN, authority: [NS_SET] }, {}, 0],
    ["not without any record", { flags: NXDOMAIN }, {}, 0],
    ["not with a MINIMUM of 0", denied(0), {}, 0],
  ] as [string, MessageParts, object, number][])("%s", (_what, parts, limits, wanted) => {
    expectKept(wanted, parts, limits);
  });

  test("the SOA's TTL that clients are shown is what is left of the MINIMUM", () => {
    const scene = new CacheScene();
    expect(scene.learn(denied(70)).ttls).toEqual([[], [70], []]);
    scene.seconds(30);
    expect(scene.ask().reply).toMatchObject({ rcode: 3, ttls: [[], [40], []] });
  });

  test("NODATA of one type says nothing of another, NXDOMAIN without validation neither", () => {
    for (const flags of [0x8180, NXDOMAIN]) {
      const scene = new CacheScene();
      scene.learn(denied(70, 3600, flags));
      expect(scene.ask("a.test", { type: 28 }).isAnswered).toBe(false);
    }
  });
});

describe("nothing below a name that does not exist (RFC 8020)", () => {
  const parts: MessageParts = { flags: VALIDATED_NXDOMAIN, authority: [soa({ minimumSeconds: 70 })] };

  test("a validated NXDOMAIN answers for every name below it, of any type, for as long as it lives", () => {
    const scene = new CacheScene({ staleSeconds: 0 });
    scene.learn(parts, "gone.test");
    scene.seconds(30);
    for (const below of ["a.gone.test", "B.a.GONE.test", `${"x".repeat(63)}.gone.test`]) {
      for (const type of [A, 28, 15]) {
        const client = scene.ask(below, { type });
        expect(client.reply).toMatchObject({ rcode: 3, id: client.id, ttls: [[], [40], []] });
        expect(client.reply.question.startsWith(Buffer.from(name(below)).toString("latin1"))).toBe(true);
      }
    }
    expect(scene.ask("gone.test", { type: 28 }).reply.rcode).toBe(3);
    expect(scene.askedInAll).toBe(1);
    scene.seconds(40);
    expect(scene.ask("a.gone.test").isAnswered).toBe(false);
  });

  test("it does not for names beside or above it, nor for those with other DO or CD bits", () => {
    const scene = new CacheScene();
    scene.learn(parts, "gone.test");
    scene.ask("test");
    scene.ask("xgone.test");
    scene.ask("gone.test.test");
    scene.ask("a.gone.test", { dnssecOk: true });
    scene.ask("a.gone.test", { flags: 0x0110 });
    expect(scene.asked).toHaveLength(5);
  });

  test("an NXDOMAIN that was not validated answers for its own name only", () => {
    const scene = new CacheScene();
    scene.learn({ ...parts, flags: NXDOMAIN }, "gone.test");
    expect(scene.ask("gone.test").isAnswered).toBe(true);
    expect(scene.ask("a.gone.test").isAnswered).toBe(false);
  });

  test("behind aliases it denies the last target, and not the name that was asked (RFC 6604, 3)", () => {
    const scene = new CacheScene();
    const chain = [timed(TO_QUESTION, CNAME, 300, name("b.test")), timed("b.test", CNAME, 300, name("gone.test"))];
    scene.learn({ ...parts, answers: chain }, "a.test");
    expect(scene.ask("x.gone.test").reply.rcode).toBe(3);
    expect(scene.ask("gone.test").reply.rcode).toBe(3);
    for (const asked of ["x.a.test", "x.b.test", "b.test"]) expect(scene.ask(asked).isAnswered).toBe(false);
  });

  test("the owner of a DNAME exists", () => {
    const scene = new CacheScene();
    const dname = [timed("old.test", DNAME, 300, name("new.test")), timed(TO_QUESTION, CNAME, 300, name("x.new.test"))];
    scene.learn({ ...parts, answers: dname }, "x.old.test");
    expect(scene.ask("y.old.test").isAnswered).toBe(false);
  });

  test("an answer of its own goes before a denial of an ancestor", () => {
    const scene = new CacheScene();
    scene.learn(positive(300), "a.gone.test");
    scene.learn(parts, "gone.test");
    expect(scene.ask("a.gone.test").reply).toMatchObject({ rcode: 0, addresses: ["192.0.2.1"] });
    expect(scene.ask("b.gone.test").reply.rcode).toBe(3);
  });

  test("the answer for the longest name below fits what was reserved for it", () => {
    const scene = new CacheScene();
    const long = [60, 60, 60, 50].map((octets, i) => `${i}`.repeat(octets)).join(".");
    const names = [
      ...name(`${"m".repeat(63)}.${"m".repeat(63)}.test`),
      ...name(`${"r".repeat(63)}.${"r".repeat(63)}.test`),
    ];
    scene.learn({ ...parts, authority: [soa({ minimumSeconds: 70, names })] }, "gone.test");
    const { reply } = scene.ask(`${long}.gone.test`);
    expect(reply).toMatchObject({ rcode: 3, tc: false, ttls: [[], [70], []] });
    expect(scene.ask(`${long}.gone.test`, { size: null }).reply).toMatchObject({ rcode: 3, tc: true });
  });
});
