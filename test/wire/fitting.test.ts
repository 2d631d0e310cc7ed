/** Answers that do not fit whole: what is kept, and when TC says that something is missing. */

import { describe, expect, test } from "bun:test";
import { decode } from "@leichtgewicht/dns-packet";
import fc from "fast-check";
import { ageTtls, writeAnswer } from "../../src/wire/compose.ts";
import { Query } from "../../src/wire/query.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import {
  type MessageParts,
  message,
  name,
  opt,
  question,
  record,
  response,
  TO_QUESTION,
} from "../support/fake-messages.ts";
import { NS, nsec, rrsig, SOA, soa } from "../support/timed-records.ts";

const layout = new ResponseLayout();
const SENTINEL = 0xa5;

interface Sent {
  readonly tc: boolean;
  readonly length: number;
  /** In each section, owners and types; the OPT among them. */
  readonly answers: string[];
  readonly authority: string[];
  readonly additional: string[];
  readonly ttls: number[];
}

/** What the client gets of a response, aged by 16 s, within so many octets. */
function sent(from: Uint8Array, limit: number, withEdns: boolean): Sent {
  const asked = message({ flags: 0x0120, additional: withEdns ? [opt({ dnssecOk: true })] : [] });
  const query = new Query();
  expect(query.parse(asked, 0, asked.length)).toBe(0);
  const octets = Uint8Array.from(from);
  expect(layout.scan(octets, 0, octets.length)).toBe(true);
  const room = new Uint8Array(limit + 20).fill(SENTINEL);
  const length = writeAnswer(room, 5, limit, query, 1232, octets, 0, layout);
  ageTtls(room, 5, layout, 16);
  expect(length).toBeLessThanOrEqual(limit);
  expect(room.subarray(0, 5).every((octet) => octet === SENTINEL)).toBe(true);
  expect(room.subarray(5 + length).every((octet) => octet === SENTINEL)).toBe(true);
  const { answers, authorities, additionals, flag_tc: tc } = decode(room.slice(5, 5 + length)) as never as Decoded;
  const told = (records: readonly DecodedRecord[]) => records.map((one) => `${one.name} ${one.type}`);
  const all = [...answers, ...authorities, ...additionals].filter(({ type }) => type !== "OPT");
  return {
    tc,
    length,
    answers: told(answers),
    authority: told(authorities),
    additional: told(additionals),
    ttls: all.map(({ ttl }) => ttl),
  };
}
interface DecodedRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
}
interface Decoded {
  readonly answers: DecodedRecord[];
  readonly authorities: DecodedRecord[];
  readonly additionals: DecodedRecord[];
  readonly flag_tc: boolean;
}

const twelve = Array.from({ length: 12 }, (_, i) => i);
const exchanges = twelve.map((i) => record(TO_QUESTION, 15, [0, i, ...name(`mx${i + 10}.example`)]));
const addresses = twelve.flatMap((i) => {
  const owner = name(`mx${i + 10}.example`);
  return [record(owner, 1, [1, 2, 3, i]), record(owner, 1, [1, 2, 4, i]), record(owner, 28, new Array(16).fill(i))];
});
const MX = new Array(12).fill("a.test MX");

describe("additional records give way before TC (RFC 2181, 9)", () => {
  const from = response({ answers: exchanges, additional: [...addresses, opt()] });

  test("12 MX with addresses, asked without EDNS", () => {
    const { tc, answers, additional, ttls } = sent(from, 512, false);
    expect({ tc, answers }).toEqual({ tc: false, answers: MX });
    const [one, other] = ["mx10.example", "mx11.example"];
    expect(additional).toEqual([`${one} A`, `${one} A`, `${one} AAAA`, `${other} A`, `${other} A`]);
    expect(ttls).toEqual(new Array(17).fill(240));
  });

  test("whole RRsets, at any limit, and the OPT stays", () => {
    for (let limit = 470; limit < from.length + 20; limit++) {
      const { tc, answers, additional } = sent(from, limit, true);
      expect(additional.pop()).toBe(". OPT");
      if (tc) continue;
      expect(answers).toEqual(MX);
      expect(additional.filter((one) => one.endsWith(" A")).length % 2).toBe(0);
    }
    expect(sent(from, from.length, true).additional).toHaveLength(37);
  });

  test("also where the records of an RRset do not stand together", () => {
    const [one, two, other] = [addresses[0]!, addresses[1]!, addresses[3]!];
    const apart = response({
      answers: exchanges,
      additional: [other, one, record(name("x"), 13, [200, ...new Array(200).fill(0), 0]), two],
    });
    expect(sent(apart, apart.length - 1, false)).toMatchObject({ tc: false, additional: ["mx11.example A"] });
  });

  test("more than can be compared: none", () => {
    const many = response({ answers: exchanges, additional: [...addresses, ...addresses] });
    expect(sent(many, many.length - 1, false)).toMatchObject({ tc: false, answers: MX, additional: [] });
  });

  test("TC when an answer is missing", () => {
    expect(sent(from, 359, false)).toMatchObject({ tc: true, length: 24, answers: [], additional: [], ttls: [] });
  });
});

describe("the authority section", () => {
  const long = (octets: number) => record(name("z"), 16, new Array(octets).fill(0));
  const a = record(TO_QUESTION, 1, [1, 2, 3, 4]);
  const ns = record(name("a.test"), NS, name("ns.a.test"));

  test.each([
    ["of a positive answer gives way, whole", { answers: [a], authority: [ns, long(400), ns] }, false],
    ["that denies is needed", { flags: 0x8183, authority: [soa(), long(400)] }, true],
    [
      "of an alias without end is needed",
      { answers: [record(TO_QUESTION, 5, name("b"))], authority: [soa(), long(400)] },
      true,
    ],
    [
      "that proves a wildcard right is needed (RFC 4035, 3.1.3.3)",
      { answers: [a], authority: [nsec("a.test", name("c")), long(400)] },
      true,
    ],
    ["that only signs its servers gives way", { answers: [a], authority: [ns, rrsig("a.test", NS), long(400)] }, false],
    [
      "of a denial, without what follows it",
      { flags: 0x8183, authority: [soa(), rrsig("test", SOA)], additional: [long(400)] },
      false,
    ],
    [
      "of a referral is needed with its glue (RFC 9471, 3.1)",
      { authority: [ns], additional: [record(name("ns.a.test"), 1, [1, 2, 3, 4]), long(400)] },
      true,
    ],
  ] as [string, MessageParts, boolean][])("%s", (_what, parts, tc) => {
    const octets = response(parts);
    expect(octets.length).toBeGreaterThan(420);
    const cut = sent(octets, 420, false);
    expect(cut.tc).toBe(tc);
    expect(cut.answers).toHaveLength(tc ? 0 : (parts.answers?.length ?? 0));
    expect(sent(octets, 65_535, false).tc).toBe(false);
  });
});

describe("over TCP", () => {
  const records = (octets: number) => record([0], 65_280, new Array(octets - 24 - 11).fill(1));

  test("the OPT is left out rather than an answer that fits without", () => {
    for (const octets of [65_524, 65_525, 65_535]) {
      const { tc, answers, additional } = sent(response({ answers: [records(octets)] }), 65_535, true);
      expect({ tc, answers: answers.length, opts: additional.length }).toEqual({
        tc: false,
        answers: 1,
        opts: octets > 65_524 ? 0 : 1,
      });
    }
  });

  test("an additional record is, before that", () => {
    const additional = [record([0], 65_280, [1])];
    const { tc, additional: left } = sent(response({ answers: [records(65_520)], additional }), 65_535, true);
    expect({ tc, left }).toEqual({ tc: false, left: [". OPT"] });
  });
});

test("of any answer at any limit: a whole beginning, or TC and nothing", () => {
  const some = fc.array(fc.tuple(fc.constantFrom("a", "b", "c.a"), fc.constantFrom(1, 16), fc.nat(60)), {
    maxLength: 9,
  });
  const written = (list: readonly [string, number, number][]) =>
    list.map(([owner, type, n]) => record(name(owner), type, type === 1 ? [1, 2, 3, n] : new Array(n + 1).fill(0)));
  fc.assert(
    fc.property(some, some, some, fc.nat(400), fc.boolean(), (answers, authority, additional, less, withEdns) => {
      const from = response({
        questions: [question("a.test")],
        answers: written(answers),
        authority: written(authority),
        additional: written(additional),
      });
      const whole = sent(from, from.length + 11, withEdns);
      const cut = sent(from, Math.max(40, from.length + 11 - less), withEdns);
      const opts = withEdns ? 1 : 0;
      if (cut.tc) {
        expect([cut.answers, cut.authority, cut.additional.length]).toEqual([[], [], opts]);
        return;
      }
      const isWhole = cut.authority.length === whole.authority.length;
      expect(cut.answers).toEqual(whole.answers);
      if (!isWhole) expect([cut.authority, cut.additional.length]).toEqual([[], opts]);
      const kept = cut.additional.slice(0, cut.additional.length - opts);
      expect(kept).toEqual(whole.additional.slice(0, kept.length));
      const dropped = whole.additional.slice(kept.length, whole.additional.length - opts);
      expect(dropped.filter((one) => kept.includes(one))).toEqual([]);
    }),
    { seed: 20_261_132, numRuns: 1500 },
  );
});
