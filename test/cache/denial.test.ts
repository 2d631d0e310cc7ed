import { describe, expect, test } from "bun:test";
import { decode } from "@leichtgewicht/dns-packet";
import fc from "fast-check";
import { writeDenial } from "../../src/cache/denial.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import {
  type MessageParts,
  name,
  nameOf,
  nameOfOctets,
  opt,
  option,
  question,
  response,
  TO_QUESTION,
} from "../support/fake-messages.ts";
import { A, CNAME, DNAME, NS, NSEC, NSEC3, nsec, rrsig, SOA, soa, timed } from "../support/timed-records.ts";

const NXDOMAIN_AD = 0x81a3;
const SENTINEL = 0xa5;
const START = 3;
/** Labels of the question b.a.test, as pointers: "a.test", "test". */
const TO_A_TEST = [0xc0, 14];
const TO_TEST = [0xc0, 16];

interface Record {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
}
interface Decoded {
  readonly questions: { name: string; type: string; class: string }[];
  readonly answers: Record[];
  readonly authorities: Record[];
  readonly additionals: Record[];
}
const decoded = (octets: Uint8Array) => decode(Uint8Array.from(octets)) as unknown as Decoded;

/** The denial made of a response to a question for b.a.test, or undefined. Nothing is written behind it. */
function denialOf(parts: MessageParts, roomOctets = 4096): Uint8Array | undefined {
  const from = response({ flags: NXDOMAIN_AD, questions: [question("b.a.test")], ...parts });
  const octets = Uint8Array.of(9, 9, 9, ...from, 9);
  const layout = new ResponseLayout();
  expect(layout.scan(octets, START, from.length)).toBe(true);
  const room = new Uint8Array(roomOctets + 8).fill(SENTINEL);
  const length = writeDenial(room.subarray(4, 4 + roomOctets), octets, START, layout);
  expect(octets).toEqual(Uint8Array.of(9, 9, 9, ...from, 9));
  expect(length).toBeLessThanOrEqual(roomOctets);
  expect([...room.subarray(0, 4), ...room.subarray(4 + roomOctets)]).toEqual(new Array(8).fill(SENTINEL));
  return length === 0 ? undefined : room.slice(4, 4 + length);
}

/** The name that the denial denies, as its labels in wire form. */
function deniedBy(denial: Uint8Array | undefined): string | undefined {
  if (denial === undefined) return undefined;
  const layout = new ResponseLayout();
  expect(layout.scan(denial, 0, denial.length)).toBe(true);
  const asked = denial.subarray(12, 12 + layout.questionOctets);
  expect([...asked.subarray(-4)]).toEqual([0, 0, 0, 1]);
  return Buffer.from(asked.subarray(0, -4)).toString("latin1");
}
const wire = (text: string) => Buffer.from(name(text)).toString("latin1");
const denied = (parts: MessageParts) => deniedBy(denialOf(parts));

describe("a denial is made", () => {
  test("of a validated NXDOMAIN: its authority section behind the denied name in lower case (RFC 8020, 2)", () => {
    const denial = denialOf({ id: 7, questions: [question("B.a.TEST", 28)], authority: [soa()] })!;
    expect(deniedBy(denial)).toBe(wire("b.a.test"));
    expect([...denial.subarray(0, 12)]).toEqual([0, 0, 0x80, 0xa3, 0, 1, 0, 0, 0, 1, 0, 0]);
    expect(decoded(denial).authorities).toMatchObject([
      { name: "test", type: "SOA", ttl: 3600, data: { mname: "ns.test", rname: "admin.test", minimum: 900 } },
    ]);
  });

  test("not without AD, of another RCODE, of a truncated answer, of one without question or SOA", () => {
    expect(denied({ authority: [soa()] })).toBe(wire("b.a.test"));
    expect(denied({ flags: 0x8183, authority: [soa()] })).toBeUndefined();
    for (const flags of [0x81a0, 0x81a2, 0x81a5, 0x83a3]) expect(denied({ flags, authority: [soa()] })).toBeUndefined();
    expect(denied({ authority: [soa()], additional: [opt({ rcodeBits: 1 })] })).toBeUndefined();
    expect(denied({ questions: [], authority: [nsec("b.a.test", name("c.test")), soa()] })).toBeUndefined();
    expect(denied({ authority: [nsec("a.test", name("c.test"))] })).toBeUndefined();
    expect(denied({ additional: [soa()] })).toBeUndefined();
  });

  test("with no flags but RA and AD, which writeAnswer() gives to those who asked", () => {
    expect([...denialOf({ flags: 0x85f3, authority: [soa()] })!.subarray(2, 4)]).toEqual([0x80, 0xa3]);
    expect([...denialOf({ flags: 0x8123, authority: [soa()] })!.subarray(2, 4)]).toEqual([0x80, 0x23]);
  });

  test("compressed owners and the SOA's names are written out", () => {
    const names = [2, 0x6e, 0x73, ...TO_TEST, 5, ...Buffer.from("admin"), ...TO_A_TEST];
    const authority = [
      soa({ owner: TO_A_TEST, names }),
      rrsig(TO_A_TEST, SOA, name("a.test")),
      nsec(TO_A_TEST, name("c.a.test")),
      timed([4, ...Buffer.from("hash"), ...TO_A_TEST], NSEC3, 900, [1, 0, 0, 0, 0, 4, 1, 2, 3, 4, 0, 1, 0x40]),
    ];
    const denial = denialOf({ authority })!;
    const from = response({ flags: NXDOMAIN_AD, questions: [question("b.a.test")], authority });
    expect(decoded(denial).authorities).toEqual(decoded(from).authorities);
    expect(denial.subarray(12).some((octet) => octet >= 0xc0)).toBe(false);
  });

  test("without the additional section, and of the authority section only what denies", () => {
    const ns = [timed(TO_A_TEST, NS, 900, name("ns.test")), rrsig(TO_A_TEST, NS)];
    const authority = [...ns, soa(), rrsig("test", SOA), nsec("a.test", name("c.test")), rrsig("a.test", NSEC)];
    const options = option(15, [0, 22]);
    const denial = denialOf({ authority, additional: [timed("ns.test", A, 60, [1, 2, 3, 4]), opt({ options })] })!;
    expect(decoded(denial).authorities.map(({ type }) => type)).toEqual(["SOA", "RRSIG", "NSEC", "RRSIG"]);
    expect(decoded(denial).additionals).toEqual([]);
  });

  test("not by an SOA of another zone, or of the very name", () => {
    for (const owner of ["other", "x.b.a.test", "b.a.test", "st", "c.test"]) {
      expect(denied({ authority: [soa({ owner })] })).toBeUndefined();
    }
    for (const owner of ["", "TEST", "a.test"]) expect(denied({ authority: [soa({ owner })] })).toBe(wire("b.a.test"));
    expect(denied({ authority: [soa(), soa({ owner: "other" })] })).toBeUndefined();
    // The end of the label looks like the zone's name.
    const questions = [question(nameOf([[0x78, 2, 0x73, 0x74]]))];
    expect(denied({ questions, authority: [soa({ owner: "st" })] })).toBeUndefined();
  });

  test("of a wildcard's own name, which denies nothing beside it (RFC 4592, 2.3)", () => {
    expect(denied({ questions: [question("*.a.test")], authority: [soa()] })).toBe(wire("*.a.test"));
  });

  test("not of the root", () => {
    expect(denied({ questions: [question("")], authority: [soa({ owner: "" })] })).toBeUndefined();
  });
});

describe("an alias's NXDOMAIN denies its last target (RFC 8020, 2 and RFC 6604, 3)", () => {
  const alias = (owner: number[] | string, target: readonly number[]) => timed(owner, CNAME, 60, target);
  const authority = [soa()];

  test.each([
    ["one", [alias(TO_QUESTION, name("x.test"))], "x.test"],
    [
      "several, signed, in another case",
      [alias("B.A.TEST", name("X.y.test")), rrsig(TO_QUESTION, CNAME), alias("x.Y.test", [1, 0x7a, ...TO_TEST])],
      "z.test",
    ],
    ["in any order", [alias("x.test", name("y.test")), alias(TO_QUESTION, name("x.test"))], "y.test"],
  ] as [string, number[][], string][])("%s", (_what, answers, last) => {
    expect(denied({ answers, authority })).toBe(wire(last));
  });

  const long = Array.from({ length: 33 }, (_, i) =>
    alias(i === 0 ? TO_QUESTION : `x${i}.test`, name(`x${i + 1}.test`)),
  );
  test.each([
    ["a chain that does not connect", [alias("x.test", name("y.test"))]],
    ["one that does not connect further on", [alias(TO_QUESTION, name("x.test")), alias("y.test", name("z.test"))]],
    ["an alias of itself", [alias(TO_QUESTION, TO_QUESTION)]],
    ["a loop", [alias(TO_QUESTION, name("x.test")), alias("x.test", name("b.a.test"))]],
    [
      "a loop further on",
      [alias(TO_QUESTION, name("x.test")), alias("x.test", name("y.test")), alias("y.test", name("x.test"))],
    ],
    ["two targets", [alias(TO_QUESTION, name("x.test")), alias(TO_QUESTION, name("y.test"))]],
    ["a DNAME", [timed(TO_A_TEST, DNAME, 60, name("x.test")), alias(TO_QUESTION, name("b.x.test"))]],
    ["an address", [alias(TO_QUESTION, name("x.test")), timed("x.test", A, 60, [1, 2, 3, 4])]],
    ["too long a chain", long],
  ] as [string, number[][]][])("but not %s", (_what, answers) => {
    expect(denied({ answers, authority })).toBeUndefined();
  });
  test("up to 32", () => expect(denied({ answers: long.slice(0, 32), authority })).toBe(wire("x32.test")));
});

describe("hostile octets", () => {
  /** The authority section begins here when b.a.test was asked and nothing answered. */
  const at = 12 + name("b.a.test").length + 4;
  test("the longest name", () => {
    expect(denied({ questions: [question(nameOfOctets(255))], authority: [soa({ owner: "" })] })).toBeDefined();
  });

  test("pointers of pointers, each backwards, are followed", () => {
    const pointers = Array.from({ length: 15 }, (_, i) => (i === 0 ? TO_TEST : [0xc0, at + 11 + 2 * (i - 1)])).flat();
    const authority = [timed([0], 65_280, 9, pointers), soa({ owner: [0xc0, at + 11 + 2 * 14] })];
    expect(denied({ authority })).toBe(wire("b.a.test"));
  });

  test("what does not fit makes no denial, and nothing is written outside the room", () => {
    const records = [soa(), rrsig("test", SOA), nsec("a.test", name("c.test"))];
    for (const authority of [records, records.toReversed()]) {
      const octets = denialOf({ authority })!.length;
      for (let room = 0; room < octets; room++) expect(denialOf({ authority }, room)).toBeUndefined();
      expect(denialOf({ authority }, octets)).toHaveLength(octets);
    }
  });

  test("changed at random: no exception, nothing outside, and what is made is well-formed", () => {
    const good = response({
      flags: NXDOMAIN_AD,
      questions: [question("b.a.test")],
      answers: [timed(TO_QUESTION, CNAME, 60, [1, 0x78, ...TO_TEST]), rrsig(TO_QUESTION, CNAME)],
      authority: [soa({ owner: TO_TEST }), rrsig(TO_TEST, SOA), nsec([1, 0x77, ...TO_TEST], name("y.test"))],
    });
    const room = new Uint8Array(400);
    const [layout, made] = [new ResponseLayout(), new ResponseLayout()];
    const octet = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 5, 6, 12, 16, 46, 63, 64, 0xc0));
    let [scanned, denials] = [0, 0];
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), octet), { minLength: 1, maxLength: 4 }), (changes) => {
        const octets = Uint8Array.of(...good);
        for (const [where, to] of changes) octets[where] = to;
        if (!layout.scan(octets, 0, good.length)) return;
        scanned++;
        room.fill(SENTINEL);
        const length = writeDenial(room.subarray(10, 360), octets, 0, layout);
        expect(room.subarray(0, 10).every((one) => one === SENTINEL)).toBe(true);
        expect(room.subarray(360).every((one) => one === SENTINEL)).toBe(true);
        if (length === 0) return;
        denials++;
        expect(made.scan(room, 10, length)).toBe(true);
        expect(made).toMatchObject({ rcode: 3, bodyOctets: length, additionalRecords: 0 });
      }),
      { seed: 6, numRuns: 20_000 },
    );
    expect([scanned > 4000, denials > 2000]).toEqual([true, true]);
  });
});
