import { describe, expect, test } from "bun:test";
import { decode } from "@leichtgewicht/dns-packet";
import fc from "fast-check";
import { writeDenial, writeDenialQuestion } from "../../src/cache/denial.ts";
import { ageTtls, mostAnswerOctets, writeAnswer } from "../../src/wire/compose.ts";
import { parentAt } from "../../src/wire/name.ts";
import { EDE } from "../../src/wire/protocol.ts";
import { Query } from "../../src/wire/query.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import {
  type MessageParts,
  message,
  name,
  nameOfOctets,
  opt,
  question,
  response,
  TO_QUESTION,
} from "../support/fake-messages.ts";
import { NSEC3, nsec, rrsig, SOA, soa, timed } from "../support/timed-records.ts";

const NXDOMAIN_AD = 0x81a3;
const SENTINEL = 0xa5;

interface Decoded {
  readonly questions: { name: string; type: string }[];
  readonly authorities: { name: string; type: string; ttl: number }[];
  readonly additionals: { type: string }[];
}
const decoded = (octets: Uint8Array) => decode(Uint8Array.from(octets)) as unknown as Decoded;
const wire = (text: string) => Buffer.from(name(text)).toString("latin1");

/** The denial made of a validated NXDOMAIN. */
function denialOf(parts: MessageParts): Uint8Array {
  const octets = response({ flags: NXDOMAIN_AD, ...parts });
  const layout = new ResponseLayout();
  expect(layout.scan(octets, 0, octets.length)).toBe(true);
  const room = new Uint8Array(4096);
  const length = writeDenial(room, octets, 0, layout);
  expect(length).toBeGreaterThan(0);
  return room.subarray(0, length);
}

function queryOf(parts: MessageParts): Query {
  const query = new Query();
  expect(query.parse(message(parts), 0, message(parts).length)).toBe(0);
  return query;
}

/** What a client is sent from a denial that was kept for some seconds. */
function answerFrom(denial: Uint8Array, query: Query, ageSeconds: number, limit = 4096, ede: number = EDE.NONE) {
  const layout = new ResponseLayout();
  expect(layout.scan(denial, 0, denial.length)).toBe(true);
  const room = new Uint8Array(5000).fill(SENTINEL);
  const length = writeAnswer(room, 7, limit, query, 1232, denial, 0, layout, ede);
  if ((room[9]! & 2) === 0) ageTtls(room, 7, layout, ageSeconds, query.questionOctets);
  expect(length).toBeLessThanOrEqual(Math.min(limit, mostAnswerOctets(query, layout)));
  expect([...room.subarray(0, 7), ...room.subarray(7 + length)].every((octet) => octet === SENTINEL)).toBe(true);
  return room.slice(7, 7 + length);
}

describe("an answer from a denial", () => {
  const denial = denialOf({
    questions: [question("b.a.test")],
    authority: [soa({ owner: [0xc0, 16] }), nsec([0xc0, 14], name("c.a.test"), 100)],
  });

  test("has the client's ID, flags, question and case, and the denial's records, aged", () => {
    const questions = [question("X.y.B.a.Test", 28)];
    const sent = answerFrom(denial, queryOf({ id: 0xbeef, flags: 0x0130, questions }), 60);
    expect([...sent.subarray(0, 12)]).toEqual([0xbe, 0xef, 0x81, 0xb3, 0, 1, 0, 0, 0, 2, 0, 0]);
    expect([...sent.subarray(12, 12 + questions[0]!.length)]).toEqual(questions[0]!);
    expect(decoded(sent).authorities).toMatchObject([
      { name: "test", type: "SOA", ttl: 3540, data: { mname: "ns.test", rname: "admin.test", minimum: 900 } },
      { name: "a.test", type: "NSEC", ttl: 40, data: { nextDomain: "c.a.test" } },
    ]);
  });

  test("for the very name too, with an OPT, DO and an error of our own", () => {
    const query = queryOf({ questions: [question("b.a.test", 16)], additional: [opt({ dnssecOk: true })] });
    const sent = answerFrom(denial, query, 5000, 4096, EDE.STALE_NXDOMAIN_ANSWER);
    expect(decoded(sent).authorities.map(({ ttl }) => ttl)).toEqual([0, 0]);
    expect(decoded(sent).additionals).toMatchObject([{ type: "OPT", flag_do: true, options: [{ code: 15 }] }]);
    expect([...sent.subarray(-6)]).toEqual([0, 15, 0, 2, 0, 19]);
  });

  test("that does not fit is cut, with the whole question", () => {
    const long = [...name("b.a.test")];
    const questions = [question([...nameOfOctets(255 - long.length + 1).slice(0, -1), ...long])];
    const query = queryOf({ questions });
    const whole = answerFrom(denial, query, 0);
    expect(answerFrom(denial, query, 0, whole.length)).toEqual(whole);
    const cut = answerFrom(denial, query, 0, whole.length - 1);
    expect([cut.length, cut[2]! & 2, cut[3]! & 15]).toEqual([12 + 259, 2, 3]);
  });

  const label = fc.stringMatching(/^[a-zA-Z0-9]{1,12}$/);
  test("whatever is denied, and asked below it: the same records, whose TTLs are their age less", () => {
    fc.assert(
      fc.property(
        fc.array(label, { minLength: 1, maxLength: 5 }),
        fc.array(label, { minLength: 1, maxLength: 4 }),
        fc.nat(4000),
        fc.array(fc.nat(4000), { minLength: 4, maxLength: 4 }),
        (above, below, ageSeconds, ttls) => {
          const deniedName = [...above, "Zone"].join(".");
          const toZone = [0xc0, 12 + name(above.join(".")).length - 1];
          const names = [2, 0x6e, 0x73, ...toZone, 1, 0x78, ...TO_QUESTION];
          const authority = [
            soa({ owner: toZone, ttlSeconds: ttls[0]!, names }),
            rrsig(toZone, SOA, name("zone"), ttls[1]!),
            nsec([1, 0x61, ...TO_QUESTION], name("b.zone"), ttls[2]!),
            timed("hash.zone", NSEC3, ttls[3]!, [1, 0, 0, 0, 0, 4, 1, 2, 3, 4, 0, 1, 0x40]),
          ];
          const parts = { questions: [question(deniedName)], authority };
          const kept = denialOf(parts);
          const asked = [...below, deniedName].join(".");
          const sent = decoded(answerFrom(kept, queryOf({ questions: [question(asked, 28)] }), ageSeconds));
          expect(sent.questions).toMatchObject([{ name: asked, type: "AAAA" }]);
          expect(sent).toMatchObject({ rcode: "NXDOMAIN", answers: [], additionals: [] });
          const before = decoded(response({ ...parts, flags: NXDOMAIN_AD })).authorities;
          const aged = before.map((one) => ({ ...one, ttl: Math.max(0, one.ttl - ageSeconds) }));
          // Only the denied name was folded; where a name pointed to it, the response's own case stays.
          expect(sent.authorities).toEqual(aged);
        },
      ),
      { seed: 8, numRuns: 500 },
    );
  });
});

describe("looking for a denial", () => {
  /** The questions under which a denial of the name or of one above it would be kept. */
  function keysOf(asked: readonly number[]): string[] {
    const octets = Uint8Array.from(asked);
    const room = new Uint8Array(259);
    const keys: string[] = [];
    for (let at = 0; at >= 0; at = parentAt(octets, at)) {
      const length = writeDenialQuestion(room, octets, octets.length, at);
      expect([...room.subarray(length - 4, length)]).toEqual([0, 0, 0, 1]);
      keys.push(Buffer.from(room.subarray(0, length - 4)).toString("latin1"));
    }
    return keys;
  }

  test("at the name, then at each above it, but not at the root", () => {
    expect(keysOf(question("c.b.a.test", 28))).toEqual(["c.b.a.test", "b.a.test", "a.test", "test"].map(wire));
    expect(keysOf(question("test"))).toEqual([wire("test")]);
  });
  test("127 labels", () => {
    const asked = question(new Array(127).fill("a").join("."));
    expect(keysOf(asked)).toHaveLength(127);
  });
  test("finds the key of the denial that was made", () => {
    const denial = denialOf({ questions: [question("B.a.TEST")], authority: [soa()] });
    expect(keysOf(question("x.y.b.a.test"))).toContain(Buffer.from(denial.subarray(12, 22)).toString("latin1"));
  });
});
