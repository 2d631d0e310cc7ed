import { describe, expect, test } from "bun:test";
import { ResponseLayout } from "../../src/wire/response.ts";
import {
  address,
  type MessageParts,
  name,
  nameOfOctets,
  opt,
  option,
  question,
  record,
  response,
  TO_QUESTION,
} from "../support/fake-messages.ts";

const layout = new ResponseLayout();
function scan(octets: Uint8Array): boolean {
  const around = new Uint8Array(octets.length + 14).fill(0xc0);
  around.set(octets, 7);
  return layout.scan(around, 7, octets.length);
}
const asked = question("a.test");
const answered = 12 + asked.length + address().length;

describe("where the parts of a response are", () => {
  test("without an OPT", () => {
    const octets = response({ flags: 0x8183, answers: [address()], additional: [record(TO_QUESTION, 16, [1, 0])] });
    expect(scan(octets)).toBe(true);
    expect(layout).toMatchObject({ rcode: 3, questionOctets: asked.length, bodyOctets: octets.length });
    expect(layout).toMatchObject({ additionalRecords: 1, optionsStart: 0, optionsEnd: 0 });
  });

  test("with an OPT at the end", () => {
    const options = [...option(15, [0, 22]), ...option(12, [0, 0])];
    const octets = response({
      answers: [address()],
      additional: [record([0], 10, []), opt({ rcodeBits: 1, options })],
    });
    expect(scan(octets)).toBe(true);
    expect(layout).toMatchObject({ rcode: 16, additionalRecords: 1, bodyOctets: answered + 11 });
    expect(layout).toMatchObject({ optionsStart: octets.length - options.length, optionsEnd: octets.length });
  });

  test("with an OPT in the middle: what stands behind it moves up", () => {
    const additional = [record(TO_QUESTION, 1, [1, 2, 3, 4]), opt(), record(TO_QUESTION, 10, []), record([0], 10, [])];
    expect(scan(response({ answers: [address()], additional }))).toBe(true);
    expect(layout).toMatchObject({ additionalRecords: 3, bodyOctets: answered + 16 + 12 + 11 });
  });

  test("octets behind the last record are not passed on", () => {
    expect(scan(response({ answers: [address()], tail: [1, 2, 3] }))).toBe(true);
    expect(layout.bodyOctets).toBe(answered);
  });

  test("a bare header", () => {
    expect(scan(response({ flags: 0x8182, questions: [] }))).toBe(true);
    expect(layout).toMatchObject({ rcode: 2, questionOctets: 0, bodyOctets: 12, additionalRecords: 0 });
  });

  test("nothing stays from one to the next, also when the next is malformed", () => {
    scan(response({ answers: [address()], additional: [record([0], 10, []), opt({ options: option(15, [0, 1]) })] }));
    expect(scan(response({ questions: [asked, asked] }))).toBe(false);
    const empty = { rcode: 0, questionOctets: 0, bodyOctets: 0, additionalRecords: 0, optionsStart: 0, optionsEnd: 0 };
    expect({ ...layout }).toMatchObject(empty);
    scan(response({ answers: [address()], additional: [opt()] }));
    expect(scan(new Uint8Array(3))).toBe(false);
    expect({ ...layout }).toMatchObject(empty);
  });

  test("65,535 octets", () => {
    const many = new Array(4094).fill(address());
    expect(scan(response({ answers: many }))).toBe(true);
    expect(layout.bodyOctets).toBe(24 + 4094 * 16);
  });
});

describe("malformed responses", () => {
  const longest = question(nameOfOctets(255));
  const malformed: [string, MessageParts][] = [
    ["two questions", { questions: [asked, asked] }],
    ["a question cut off", { questions: [asked.slice(0, -1)] }],
    ["a name without end", { questions: [[1, 0x61]], counts: [1, 0, 0, 0] }],
    ["a name of 256 octets", { questions: [question(nameOfOctets(256))] }],
    ["a pointer that points at itself", { answers: [record([0xc0, 24], 10, [])] }],
    ["a pointer that points forward", { answers: [record([0xc0, 30], 10, [])] }],
    ["a pointer into the header", { answers: [record([0xc0, 4], 10, [])] }],
    ["a pointer to a label before it, which leads back to it", { answers: [record([1, 0x61, 0xc0, 24], 10, [])] }],
    ["a label type of 01", { answers: [record([0x41, 0], 10, [])] }],
    [
      "a name that pointers make too long",
      { questions: [longest], answers: [record([1, 0x61, ...TO_QUESTION], 10, [])] },
    ],
    ["a record of another class", { answers: [record(TO_QUESTION, 1, [1, 2, 3, 4], 3)] }],
    ["an additional record of another class", { additional: [record([0], 10, [], 255)] }],
    ["a TSIG among the answers", { answers: [record([0], 250, [], 255)] }],
    ["malformed RDATA behind the OPT", { additional: [opt(), record([0], 1, [1, 2, 3])] }],
    ["a record that is not there", { counts: [1, 1, 0, 0] }],
    ["RDATA that runs past the end", { answers: [[...TO_QUESTION, 0, 1, 0, 1, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4]] }],
    ["two OPTs", { additional: [opt(), opt()] }],
    ["an OPT not owned by the root", { additional: [opt({ owner: name("x") })] }],
    ["an OPT among the answers", { answers: [opt()] }],
    ["an OPT in the authority section", { authority: [opt()] }],
  ];
  test.each(malformed)("%s", (_what, parts) => expect(scan(response(parts))).toBe(false));

  test("cut off anywhere", () => {
    const whole = response({ answers: [address()], authority: [record(name("x"), 2, [0])], additional: [opt()] });
    for (let length = 0; length < whole.length; length++) {
      expect([length, scan(whole.subarray(0, length))]).toEqual([length, false]);
    }
    expect(scan(whole)).toBe(true);
  });
});

describe("where the TTLs are", () => {
  const ttlsAt = (octets: Uint8Array) => {
    expect(scan(octets)).toBe(true);
    return [...layout.ttlAt.subarray(0, layout.ttlCount)];
  };
  const first = 12 + asked.length;

  test("of every section, whatever the owner's length; the OPT has none (RFC 6891, 6.1.3)", () => {
    const octets = response({
      answers: [address(), address()],
      authority: [record(name("test"), 2, [0])],
      additional: [record([0], 1, [1, 2, 3, 4]), opt({ options: option(12, [0, 0]) })],
    });
    const authority = first + 2 * 16;
    const additional = authority + 6 + 10 + 1;
    expect(ttlsAt(octets)).toEqual([first + 6, first + 22, authority + 10, additional + 5]);
  });

  test("of what stands behind an OPT, but not of an earlier response", () => {
    const additional = [opt(), record([0], 16, [0])];
    expect(ttlsAt(response({ answers: [address()], additional }))).toEqual([first + 6, first + 16 + 5]);
    expect(ttlsAt(response())).toEqual([]);
    expect(scan(Uint8Array.of(1, 2, 3))).toBe(false);
    expect(layout.ttlCount).toBe(0);
  });

  test("of as many records as a message can have", () => {
    const least = record([0], 10, []);
    const answers = new Array(Math.floor((65_535 - 12) / least.length)).fill(least);
    const octets = response({ questions: [], answers });
    const found = ttlsAt(octets);
    expect([found.length, found[0], found.at(-1)]).toEqual([5956, 12 + 5, octets.length - 6]);
  });

  test("a message of more than 65,535 octets is none", () => {
    const octets = (length: number) => response({ answers: [record([0], 10, new Array(length - first - 11).fill(0))] });
    expect(scan(octets(65_535))).toBe(true);
    expect(scan(Uint8Array.of(...octets(65_535), 0))).toBe(false);
  });
});
