import { describe, expect, test } from "bun:test";
import { RCODE } from "../../src/wire/protocol.ts";
import { DROP, plainQuestionOctets, Query } from "../../src/wire/query.ts";
import {
  type MessageParts,
  message,
  name,
  nameOf,
  nameOfOctets,
  opt,
  option,
  question,
  record,
  TO_QUESTION,
} from "../support/fake-messages.ts";

const query = new Query();
/** Parsed in the middle of other octets. */
function parse(octets: Uint8Array): number {
  const around = new Uint8Array(octets.length + 14).fill(0xc0);
  around.set(octets, 7);
  return query.parse(around, 7, octets.length);
}
const verdict = (parts: MessageParts) => parse(message(parts));

describe("a well-formed query", () => {
  test("without EDNS", () => {
    expect(verdict({ id: 0xabcd, flags: 0x0100 })).toBe(RCODE.NOERROR);
    expect(query).toMatchObject({ id: 0xabcd, opcodeBits: 0, rd: true, ad: false, cd: false, qtype: 1, qclass: 1 });
    expect(query).toMatchObject({ hasEdns: false, udpPayloadSize: 512, dnssecOk: false });
    expect([...query.question.subarray(0, query.questionOctets)]).toEqual(question("a.test"));
  });

  test("with EDNS", () => {
    const additional = [opt({ size: 4096, dnssecOk: true, options: option(10, [1, 2, 3, 4, 5, 6, 7, 8]) })];
    expect(verdict({ flags: 0x0030, additional })).toBe(RCODE.NOERROR);
    expect(query).toMatchObject({ rd: false, ad: true, cd: true, hasEdns: true, udpPayloadSize: 4096, dnssecOk: true });
  });

  test("fields do not stay from one to the next", () => {
    verdict({ id: 1, flags: 0x0130, additional: [opt({ size: 4096, dnssecOk: true })] });
    verdict({ id: 2, flags: 0 });
    const fresh = new Query();
    fresh.parse(message({ id: 2, flags: 0 }), 0, message({ flags: 0 }).length);
    expect({ ...query, question: undefined }).toEqual({ ...fresh, question: undefined });
    expect(verdict({ questions: [] })).toBe(RCODE.FORMERR);
    expect(query.questionOctets).toBe(0);
  });

  test.each([
    [0, 512],
    [511, 512],
    [512, 512],
    [1232, 1232],
    [65_535, 65_535],
  ])("a client that takes %p octets is taken to take %p (RFC 6891, 6.2.3)", (size, taken) => {
    verdict({ additional: [opt({ size })] });
    expect(query.udpPayloadSize).toBe(taken);
  });

  test.each([
    ["the root", name("")],
    ["labels of dots", nameOf([[0x2e], [0x2e, 0x2e], [0x5c, 0x2e]])],
    [
      "NUL and other octets that are no text",
      nameOf([
        [0, 1, 2],
        [0xff, 0xfe],
        [0xc0, 0x0c],
      ]),
    ],
    ["a label of 63 octets", nameOf([new Array(63).fill(0x78)])],
    ["127 labels", nameOf(new Array(127).fill([0x61]))],
    ["255 octets", nameOfOctets(255)],
    ["mixed case", name("wWw.ExAmPlE")],
  ])("its name is %s", (_what, owner) => {
    expect(verdict({ questions: [question(owner, 65_280, 255)] })).toBe(RCODE.NOERROR);
    expect([...query.question.subarray(0, query.questionOctets)]).toEqual(question(owner, 65_280, 255));
    expect(query).toMatchObject({ qtype: 65_280, qclass: 255 });
  });

  test("other records and octets behind them are stepped over", () => {
    const parts = { additional: [record([0], 1, [1, 2, 3]), opt(), record(TO_QUESTION, 16, [1, 0])] };
    expect(verdict(parts)).toBe(RCODE.NOERROR);
    expect(query.hasEdns).toBe(true);
    expect(verdict({ ...parts, tail: new Array(500).fill(0xff) })).toBe(RCODE.NOERROR);
    // An OPT behind the last counted record is no OPT (record smuggling).
    expect(verdict({ tail: opt() })).toBe(RCODE.NOERROR);
    expect(query.hasEdns).toBe(false);
  });

  test("16,000 options in one OPT", () => {
    const options = new Array(16_000).fill(option(65_001, [])).flat();
    expect(verdict({ additional: [opt({ options })] })).toBe(RCODE.NOERROR);
  });
});

describe("dropped without a response", () => {
  test("octets that are no header", () => {
    for (let length = 0; length < 12; length++) expect(parse(message().subarray(0, length))).toBe(DROP);
  });
  test("responses, whatever else they are", () => {
    expect(verdict({ flags: 0x8180 })).toBe(DROP);
    expect(verdict({ flags: 0xf900, questions: [] })).toBe(DROP);
  });
});

describe("answered with an error", () => {
  test("every opcode but QUERY", () => {
    for (let opcode = 1; opcode < 16; opcode++) {
      expect(verdict({ flags: 0x0100 | (opcode << 11) })).toBe(RCODE.NOTIMP);
      expect(query).toMatchObject({ opcodeBits: opcode << 3, rd: true, questionOctets: 12, hasEdns: false });
      expect(verdict({ flags: opcode << 11, answers: [record([0], 1, [])], additional: [opt()] })).toBe(RCODE.NOTIMP);
      expect(query).toMatchObject({ opcodeBits: opcode << 3, rd: false, questionOctets: 12, hasEdns: true });
      expect(verdict({ flags: opcode << 11, questions: [] })).toBe(RCODE.NOTIMP);
    }
  });

  const a = question("a.test");
  const formErr: [string, MessageParts][] = [
    ["no question", { questions: [] }],
    ["two questions", { questions: [a, a] }],
    ["256 questions counted, one there", { counts: [256, 0, 0, 0] }],
    ["257 questions counted, one there", { counts: [257, 0, 0, 0] }],
    ["a pointer in the question", { questions: [question([1, 0x61, 0xc0, 12])] }],
    ["a question that points at itself", { questions: [question([0xc0, 12])] }],
    ["a question that points at the header", { questions: [question([0xc0, 0])] }],
    ["a label type of 01", { questions: [question([0x40, 0x61, 0])] }],
    ["a label type of 10", { questions: [question([0x80, 0x61, 0])] }],
    ["a label of 64 octets", { questions: [question(nameOf([new Array(64).fill(0x61)]))] }],
    ["a label of 192 octets", { questions: [question(nameOf([new Array(192).fill(0x61)]))] }],
    ["a name of 256 octets", { questions: [question(nameOfOctets(256))] }],
    ["a name of 300 octets", { questions: [question(nameOfOctets(300))] }],
    ["an answer", { answers: [record(TO_QUESTION, 1, [1, 2, 3, 4])] }],
    ["an alias of itself among the answers", { answers: [record(TO_QUESTION, 5, TO_QUESTION)] }],
    ["a record in the authority section", { authority: [record(TO_QUESTION, 6, [])] }],
    ["an answer before an EDNS version above 0", { answers: [record([0], 1, [])], additional: [opt({ version: 1 })] }],
    [
      "an answer in a request for a transfer",
      { questions: [question("a.test", 251)], answers: [record(TO_QUESTION, 1, [1, 2, 3, 4])] },
    ],
    ["a TSIG before the OPT", { additional: [record(name("key"), 250, []), opt()] }],
    ["two TSIGs", { additional: [record(name("key"), 250, []), record(name("key"), 250, [])] }],
    [
      "a TSIG in the authority section of a request for a transfer",
      { questions: [question("a.test", 251)], authority: [record(name("key"), 250, [])] },
    ],
    ["two OPTs", { additional: [opt(), opt()] }],
    ["two OPTs apart", { additional: [opt(), record([0], 1, [1, 2, 3, 4]), opt()] }],
    ["an OPT not owned by the root", { additional: [opt({ owner: name("a") })] }],
    ["an OPT whose owner is a pointer to the root", { additional: [opt({ owner: [0xc0, 18] })] }],
    ["an OPT among the answers", { answers: [opt()] }],
    ["an OPT in the authority section", { authority: [opt()], additional: [record([0], 1, [])] }],
    ["an option cut off", { additional: [opt({ options: [0, 10, 0, 8, 1, 2] })] }],
    ["an option without length", { additional: [opt({ options: [0, 10, 0] })] }],
    ["octets behind the options", { additional: [opt({ options: [...option(10, [1]), 0] })] }],
    ["a record counted and not there", { counts: [1, 0, 0, 1] }],
    ["65,535 records counted in each section", { counts: [1, 65_535, 65_535, 65_535], additional: [opt()] }],
    ["a record that points forward", { additional: [record([0xc0, 40], 1, [])] }],
    ["a record that points at itself", { additional: [record([0xc0, 24], 1, [])] }],
    ["a record that points into the header", { additional: [record([0xc0, 11], 1, [])] }],
    ["a record whose name has 256 octets", { additional: [record(nameOfOctets(256), 1, [])] }],
    [
      "a record with 255 octets and a pointer",
      { additional: [record([...nameOfOctets(256).slice(0, -1), 0xc0, 12], 1, [])] },
    ],
  ];
  test.each(formErr)("FORMERR: %s", (_what, parts) => expect(verdict(parts)).toBe(RCODE.FORMERR));

  test.each([
    ["no question", { questions: [] }, 0],
    ["two questions", { questions: [a, a] }, 0],
    ["an answer", { answers: [record(TO_QUESTION, 1, [1, 2, 3, 4])] }, 12],
    ["another OPT", { additional: [opt(), opt({ size: 4096 })] }, 12],
    ["an option cut off", { additional: [opt({ options: [0, 10, 0, 8, 1, 2] })] }, 12],
    ["an owner", { additional: [opt({ owner: name("a") })] }, 12],
    ["a place among the answers", { answers: [opt()], additional: [] }, 12],
  ] as [string, MessageParts, number][])("the OPT is read all the same: %s", (_what, parts, questionOctets) => {
    expect(verdict({ additional: [opt()], ...parts })).toBe(RCODE.FORMERR);
    expect(query).toMatchObject({ questionOctets, hasEdns: true, udpPayloadSize: 1232 });
  });

  test("a request for a zone's changes names its version in the authority section (RFC 1995, 3)", () => {
    const authority = [record(TO_QUESTION, 6, [])];
    expect(verdict({ questions: [question("a.test", 251)], authority })).toBe(RCODE.NOERROR);
  });

  test("a record may have 255 octets, or 254 and a pointer", () => {
    expect(verdict({ additional: [record(nameOfOctets(255), 1, [])] })).toBe(RCODE.NOERROR);
    const pointing = [...nameOfOctets(255).slice(0, -1), 0xc0, 12];
    expect(verdict({ additional: [record(pointing, 1, [])] })).toBe(RCODE.NOERROR);
  });

  test("BADVERS: an EDNS version above 0", () => {
    expect(verdict({ additional: [opt({ version: 1 })] })).toBe(RCODE.BADVERS);
    expect(verdict({ additional: [opt({ version: 255, dnssecOk: true })] })).toBe(RCODE.BADVERS);
    expect(query).toMatchObject({ hasEdns: true, dnssecOk: true });
  });

  test("BADVERS: whatever the RDATA of such a version is", () => {
    expect(verdict({ additional: [opt({ version: 1, options: [0, 10, 0, 255, 0] })] })).toBe(RCODE.BADVERS);
  });

  test("a TSIG may be the last of all, its OPT before it (RFC 8945, 5.2)", () => {
    expect(verdict({ additional: [opt(), record(name("key"), 250, [])] })).toBe(RCODE.NOERROR);
  });

  test("cut off anywhere, a query with records is FORMERR and never more", () => {
    const whole = message({
      questions: [question("www.example.test")],
      additional: [record(TO_QUESTION, 6, [1, 2, 3]), opt({ options: option(10, [1, 2, 3]) })],
    });
    for (let length = 12; length < whole.length; length++) {
      expect([length, parse(whole.subarray(0, length))]).toEqual([length, RCODE.FORMERR]);
    }
    expect(parse(whole)).toBe(RCODE.NOERROR);
  });
});

describe("the octets of the question, of a packet nobody has parsed", () => {
  const octetsIn = (parts: MessageParts, cut = 0) => {
    const octets = message(parts);
    return plainQuestionOctets(Uint8Array.of(9, 9, ...octets, 1, 0, 0, 1, 0, 1), 2, octets.length - cut);
  };

  test.each([
    ["the root's", ""],
    ["a short name's", "a.test"],
    ["255 octets'", nameOfOctets(255)],
  ])("%s", (_what, owner) => {
    const asked = question(owner);
    expect(octetsIn({ questions: [asked] })).toBe(asked.length);
    expect(octetsIn({ questions: [asked], additional: [opt()] })).toBe(asked.length);
    for (let cut = 1; cut <= asked.length + 12; cut++) expect(octetsIn({ questions: [asked] }, cut)).toBe(0);
  });

  test("none where the name has a pointer, a label of a kind that is not known, or 256 octets", () => {
    for (const owner of [[0xc0, 12], [1, 0x61, 0xc0, 12], [64, ...name("a")], nameOfOctets(256)]) {
      expect(octetsIn({ questions: [question(owner)] })).toBe(0);
    }
  });
});
