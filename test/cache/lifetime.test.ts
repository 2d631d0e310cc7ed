import { describe, expect, test } from "bun:test";
import { decode } from "@leichtgewicht/dns-packet";
import fc from "fast-check";
import { type LifetimeLimits, lifetimeOf } from "../../src/cache/lifetime.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { address, type MessageParts, name, opt, response, TO_QUESTION } from "../support/fake-messages.ts";
import { A, ANY, CNAME, DNAME, NS, NSEC, nsec, RRSIG, rrsig, SOA, soa, timed } from "../support/timed-records.ts";

const limits: LifetimeLimits = { minSeconds: 0, maxSeconds: 86_400, maxNegativeSeconds: 10_800 };
const a = (ttlSeconds: number) => timed(TO_QUESTION, A, ttlSeconds, [192, 0, 2, 1]);
const START = 3;

/** The seconds, and the TTLs of a message that is kept. The octets around it must stay as they are. */
function kept(parts: MessageParts, some: Partial<LifetimeLimits> = {}, qtype = A): { seconds: number; ttls: number[] } {
  const before = response(parts);
  const octets = Uint8Array.of(9, 9, 9, ...before, 9, 9, 9);
  const layout = new ResponseLayout();
  expect(layout.scan(octets, START, before.length)).toBe(true);
  const seconds = lifetimeOf(octets, START, layout, qtype, { ...limits, ...some });
  const after = octets.slice(START, START + before.length);
  expect([...octets.subarray(0, START), ...octets.subarray(START + before.length)]).toEqual([9, 9, 9, 9, 9, 9]);
  if (seconds === 0) expect([...after]).toEqual([...before]);
  return { seconds, ttls: seconds === 0 ? [] : ttlsOf(after) };
}

function ttlsOf(octets: Uint8Array): number[] {
  const { answers = [], authorities = [], additionals = [] } = decode(octets);
  return [...answers, ...authorities, ...additionals].flatMap((one) =>
    one.type === "OPT" ? [] : [(one as { ttl: number }).ttl],
  );
}
const secondsOf = (...of: Parameters<typeof kept>) => kept(...of).seconds;

describe("the lowest TTL counts", () => {
  test.each([
    ["answer", { answers: [a(300), a(60), a(900)] }],
    ["authority", { answers: [a(300)], authority: [timed("test", NS, 60, name("ns.test"))] }],
    ["additional", { answers: [a(300)], additional: [timed("ns.test", A, 60, [192, 0, 2, 9])] }],
  ] as [string, MessageParts][])("in the %s section", (_section, parts) => {
    expect(kept(parts)).toMatchObject({ seconds: 60, ttls: expect.arrayContaining([300, 60]) });
  });

  test("the OPT has none (RFC 6891, 6.1.3)", () => {
    expect(kept({ answers: [a(300)], additional: [opt()] })).toEqual({ seconds: 300, ttls: [300] });
  });

  test("behind an OPT too, for that record is passed on", () => {
    expect(secondsOf({ answers: [a(300)], additional: [opt(), timed([0], 16, 20, [0])] })).toBe(20);
  });

  test("of 0: not kept, whatever the floor (RFC 1035, 3.2.1)", () => {
    expect(secondsOf({ answers: [a(0)] }, { minSeconds: 60 })).toBe(0);
    expect(secondsOf({ answers: [a(300)], additional: [timed("x.test", A, 0, [1, 2, 3, 4])] })).toBe(0);
  });

  test.each([0x8000_0000, 0xffff_ffff])("with its top bit set it is positive, and large: %p (RFC 8767, 4)", (ttl) => {
    expect(kept({ answers: [a(ttl)] })).toEqual({ seconds: 86_400, ttls: [86_400] });
    expect(kept({ answers: [a(ttl), a(30)] })).toEqual({ seconds: 30, ttls: [86_400, 30] });
  });

  test("TTLs are raised to the floor and lowered to the ceiling, and so shown", () => {
    const parts = { answers: [a(1), a(59), a(60), a(900), a(901), a(0x7fff_ffff)] };
    const shown = [60, 60, 60, 900, 900, 900];
    expect(kept(parts, { minSeconds: 60, maxSeconds: 900 })).toEqual({ seconds: 60, ttls: shown });
  });
});

describe("what is never kept", () => {
  test.each([1, 2, 4, 5, 9, 15])("RCODE %p", (rcode) => {
    expect(secondsOf({ flags: 0x8180 | rcode, answers: [a(300)], authority: [soa()] })).toBe(0);
  });
  test("an RCODE whose lower bits alone look like NOERROR or NXDOMAIN (RFC 6891, 6.1.3)", () => {
    expect(secondsOf({ answers: [a(300)], additional: [opt({ rcodeBits: 1 })] })).toBe(0);
    expect(secondsOf({ flags: 0x8183, authority: [soa()], additional: [opt({ rcodeBits: 1 })] })).toBe(0);
  });
  test("a truncated answer (RFC 2181, 9)", () => expect(secondsOf({ flags: 0x8380, answers: [a(300)] })).toBe(0));
  test("one without a question", () =>
    expect(secondsOf({ questions: [], answers: [timed([0], A, 9, [1, 2, 3, 4])] })).toBe(0));
  test("one without records", () => {
    expect(secondsOf({})).toBe(0);
    expect(secondsOf({ additional: [opt()] })).toBe(0);
  });
});

const negative: [string, MessageParts][] = [
  ["NXDOMAIN", { flags: 0x8183 }],
  ["NODATA", {}],
];
describe.each(negative)("a negative answer: %s", (_what, parts) => {
  const denied = (ttlSeconds: number, minimumSeconds: number, some: Partial<LifetimeLimits> = {}) =>
    kept({ ...parts, authority: [soa({ ttlSeconds, minimumSeconds })] }, some);

  test("is kept for the lower of the SOA's TTL and its MINIMUM, and so shown (RFC 2308, 5)", () => {
    expect(denied(3600, 900)).toEqual({ seconds: 900, ttls: [900] });
    expect(denied(300, 900)).toEqual({ seconds: 300, ttls: [300] });
    expect(denied(0xffff_ffff, 900)).toEqual({ seconds: 900, ttls: [900] });
  });
  test("not with a MINIMUM or a TTL of 0, whatever the floor", () => {
    expect(denied(3600, 0, { minSeconds: 60 }).seconds).toBe(0);
    expect(denied(0, 900, { minSeconds: 60 }).seconds).toBe(0);
  });
  test("within floor, ceiling and the negative ceiling, which is the last word", () => {
    expect(denied(3600, 5, { minSeconds: 60 })).toEqual({ seconds: 60, ttls: [60] });
    expect(denied(3600, 900, { maxSeconds: 600 })).toEqual({ seconds: 600, ttls: [600] });
    expect(denied(86_400, 86_400)).toEqual({ seconds: 10_800, ttls: [10_800] });
    expect(denied(3600, 5, { minSeconds: 60, maxNegativeSeconds: 30 })).toEqual({ seconds: 30, ttls: [30] });
    expect(denied(3600, 900, { maxNegativeSeconds: 0 }).seconds).toBe(0);
  });
  test("other records' TTLs count, and are not lowered to the MINIMUM", () => {
    const authority = [soa(), nsec("a.test", name("c.test"), 7200), rrsig("test", SOA, name("test"), 77)];
    expect(kept({ ...parts, authority })).toEqual({ seconds: 77, ttls: [900, 7200, 77] });
  });
  test("not without an SOA in the authority section (RFC 2308, 5)", () => {
    expect(secondsOf({ ...parts, authority: [timed("test", NS, 300, name("ns.test"))] })).toBe(0);
    expect(secondsOf({ ...parts, additional: [soa()] })).toBe(0);
    expect(secondsOf({ ...parts, answers: [soa()] })).toBe(0);
  });
});

describe("what answers the question", () => {
  const alias = (ttlSeconds: number) => timed(TO_QUESTION, CNAME, ttlSeconds, name("b.test"));

  test("a CNAME that ends without the type is NODATA (RFC 2308, 2.2)", () => {
    expect(secondsOf({ answers: [alias(300)] })).toBe(0);
    expect(kept({ answers: [alias(3000)], authority: [soa()] })).toEqual({ seconds: 900, ttls: [3000, 900] });
    expect(secondsOf({ answers: [alias(30)], authority: [soa()] })).toBe(30);
  });
  test("and so is a DNAME, or a signature alone", () => {
    expect(secondsOf({ answers: [timed("test", DNAME, 300, name("b")), alias(300)] })).toBe(0);
    expect(secondsOf({ answers: [rrsig(TO_QUESTION, CNAME)] })).toBe(0);
  });
  test("a CNAME with the type behind it is an answer", () => {
    expect(secondsOf({ answers: [alias(300), timed("b.test", A, 200, [1, 2, 3, 4])] })).toBe(200);
  });
  test("NXDOMAIN behind a CNAME is negative (RFC 6604, 3)", () => {
    expect(secondsOf({ flags: 0x8183, answers: [alias(300)] })).toBe(0);
    expect(secondsOf({ flags: 0x8183, answers: [alias(3000)], authority: [soa()] })).toBe(900);
  });
  test("a CNAME, an SOA, a signature that was asked for", () => {
    expect(secondsOf({ answers: [alias(300)] }, {}, CNAME)).toBe(300);
    expect(kept({ answers: [soa()] }, {}, SOA)).toEqual({ seconds: 3600, ttls: [3600] });
    expect(secondsOf({ answers: [rrsig(TO_QUESTION, A)] }, {}, RRSIG)).toBe(900);
  });
  test("ANY: any record (RFC 8482), but one", () => {
    expect(secondsOf({ answers: [timed(TO_QUESTION, 13, 300, [0, 0])] }, {}, ANY)).toBe(300);
    expect(secondsOf({ authority: [soa()] }, {}, ANY)).toBe(900);
    expect(secondsOf({ additional: [timed("x.test", A, 300, [1, 2, 3, 4])] }, {}, ANY)).toBe(0);
  });
  test("a wildcard's answer is kept as long as its proof (RFC 4035, 5.3.4)", () => {
    const parts = { answers: [a(3000), rrsig(TO_QUESTION, A, name("test"), 3000)] };
    expect(kept({ ...parts, authority: [nsec("a.test", name("c.test"), 60)] })).toMatchObject({ seconds: 60 });
  });
  test("in a positive answer an SOA's MINIMUM says nothing", () => {
    expect(kept({ answers: [a(3000)], authority: [soa()] })).toEqual({ seconds: 3000, ttls: [3000, 3600] });
  });
});

/** The rules once more, over a decoded message, as plainly as they can be said. */
function naive(octets: Uint8Array, qtype: number, { minSeconds, maxSeconds, maxNegativeSeconds }: LifetimeLimits) {
  const names: Record<string, number> = { A, CNAME, SOA, NS, NSEC };
  type Decoded = { type: string; ttl: number; data: { minimum: number } };
  const message = decode(octets) as unknown as Record<"answers" | "authorities" | "additionals", Decoded[]>;
  const isNegative =
    (octets[3]! & 15) === 3 || !message.answers.some(({ type }) => qtype === ANY || names[type] === qtype);
  if (isNegative && !message.authorities.some(({ type }) => type === "SOA")) return { seconds: 0, ttls: [] };
  const shown = (ttl: number, max: number) => (ttl === 0 ? 0 : Math.min(max, Math.max(minSeconds, ttl)));
  const ttls = [
    ...message.answers.map(({ ttl }) => shown(ttl, maxSeconds)),
    ...message.authorities.map(({ type, ttl, data }) =>
      isNegative && type === "SOA"
        ? shown(Math.min(ttl, data.minimum), Math.min(maxSeconds, maxNegativeSeconds))
        : shown(ttl, maxSeconds),
    ),
    ...message.additionals.filter(({ type }) => type !== "OPT").map(({ ttl }) => shown(ttl, maxSeconds)),
  ];
  return { seconds: ttls.reduce((lowest, ttl) => Math.min(lowest, ttl), maxSeconds), ttls };
}

const seconds = fc.oneof(
  fc.integer({ min: 1, max: 5000 }),
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);
const anyRecord = fc.oneof(
  seconds.map((ttl) => a(ttl)),
  seconds.map((ttl) => timed("x.test", CNAME, ttl, name("b.test"))),
  fc.tuple(seconds, seconds).map(([ttlSeconds, minimumSeconds]) => soa({ ttlSeconds, minimumSeconds })),
  seconds.map((ttl) => timed("test", NS, ttl, name("ns.test"))),
  seconds.map((ttl) => nsec("a.test", name("c.test"), ttl)),
);
const section = fc.array(anyRecord, { maxLength: 3 });

describe("any message", () => {
  test("is kept for as long as the rules say, and shows what they say", () => {
    let keptOnes = 0;
    fc.assert(
      fc.property(
        fc.record({
          flags: fc.constantFrom(0x8180, 0x8183),
          answers: section,
          authority: section,
          additional: section,
        }),
        fc.boolean(),
        fc.constantFrom(A, CNAME, SOA, ANY),
        fc.record({
          minSeconds: fc.nat(300),
          maxSeconds: fc.integer({ min: 300, max: 9000 }),
          maxNegativeSeconds: fc.integer({ min: 1, max: 9000 }),
        }),
        (parts, withOpt, qtype, some) => {
          const additional = withOpt ? [...parts.additional, opt()] : parts.additional;
          const octets = response({ ...parts, additional });
          const records = parts.answers.length + parts.authority.length + parts.additional.length;
          const expected = records === 0 ? { seconds: 0 } : naive(octets, qtype, some);
          const found = kept({ ...parts, additional }, some, qtype);
          expect(found.seconds).toBe(expected.seconds);
          if (found.seconds === 0) return;
          keptOnes++;
          expect(found).toEqual(expected as typeof found);
        },
      ),
      { seed: 20_261_123, numRuns: 2000 },
    );
    expect(keptOnes).toBeGreaterThan(400);
  });

  test("changed at random, is read without an exception and within its octets", () => {
    const good = response({
      answers: [address()],
      authority: [soa(), nsec("a.test", name("c.test"))],
      additional: [opt()],
    });
    const layout = new ResponseLayout();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 5 }), (changes) => {
        const octets = Uint8Array.of(...good, ...new Array(30).fill(9));
        for (const [at, octet] of changes) octets[at] = octet;
        if (!layout.scan(octets, 0, good.length)) return;
        expect(lifetimeOf(octets, 0, layout, A, limits)).toBeLessThanOrEqual(limits.maxSeconds);
        expect(octets.subarray(good.length).every((octet) => octet === 9)).toBe(true);
      }),
      { seed: 4, numRuns: 5000 },
    );
  });
});
