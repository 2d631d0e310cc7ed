import { describe, expect, test } from "bun:test";
import { decode, type Packet } from "@leichtgewicht/dns-packet";
import {
  ANSWER_GROWTH_OCTETS,
  mostAnswerOctets,
  OWN_RESPONSE_OCTETS,
  writeAnswer,
  writeOwnResponse,
} from "../../src/wire/compose.ts";
import { EDE, RCODE } from "../../src/wire/protocol.ts";
import { Query } from "../../src/wire/query.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import {
  address,
  type MessageParts,
  message,
  nameOfOctets,
  opt,
  option,
  question,
  record,
  response,
} from "../support/fake-messages.ts";

const SENTINEL = 0xa5;
const UDP_OCTETS = 1232;

function queryOf(parts: MessageParts): Query {
  const query = new Query();
  query.parse(message(parts), 0, message(parts).length);
  return query;
}

/** What the client is sent, and proof that nothing else was written. */
function answer(query: Query, from: Uint8Array, limit = 4096, ede: number = EDE.NONE): Uint8Array {
  const layout = new ResponseLayout();
  const shifted = new Uint8Array(from.length + 3);
  shifted.set(from, 3);
  expect(layout.scan(shifted, 3, from.length)).toBe(true);
  const room = new Uint8Array(from.length + 600).fill(SENTINEL);
  const length = writeAnswer(room, 5, limit, query, UDP_OCTETS, shifted, 3, layout, ede);
  expect(length).toBeLessThanOrEqual(limit);
  expect(length).toBeLessThanOrEqual(mostAnswerOctets(query, layout));
  expect(length).toBeLessThanOrEqual(Math.max(from.length + ANSWER_GROWTH_OCTETS, OWN_RESPONSE_OCTETS));
  expect(room.subarray(0, 5).every((octet) => octet === SENTINEL)).toBe(true);
  expect(room.subarray(5 + length).every((octet) => octet === SENTINEL)).toBe(true);
  expect([...shifted.subarray(3)]).toEqual([...from]);
  return room.slice(5, 5 + length);
}

/** The same message, read by another implementation. */
function decoded(octets: Uint8Array): Packet & { additionals: Record<string, unknown>[] } {
  return decode(octets) as Packet & { additionals: Record<string, unknown>[] };
}

const edns = { additional: [opt({ size: 4096 })] };
const ednsDo = { additional: [opt({ size: 4096, dnssecOk: true })] };

describe("an upstream's answer, patched", () => {
  test("for a client without EDNS: its ID, its case, the records, no OPT", () => {
    const query = queryOf({ id: 0xbeef, questions: [question("A.tEsT")] });
    const sent = answer(query, response({ id: 1, answers: [address(1), address(2)], additional: [opt()] }));
    expect(decoded(sent)).toMatchObject({ id: 0xbeef, type: "response", rcode: "NOERROR", flag_ra: true });
    expect(decoded(sent).questions).toMatchObject([{ name: "A.tEsT", type: "A" }]);
    expect(decoded(sent).answers).toMatchObject([{ data: "192.0.2.1", name: "A.tEsT" }, { data: "192.0.2.2" }]);
    expect(decoded(sent).additionals).toEqual([]);
    expect(sent.length).toBe(12 + 12 + 2 * 16);
  });

  test("for a client with EDNS: an OPT of fdns' own, behind the records that stood before the upstream's", () => {
    const additional = [record([0], 16, [1, 0x7a]), opt({ size: 512, options: option(10, [1, 2, 3, 4, 5, 6, 7, 8]) })];
    const { additionals } = decoded(answer(queryOf(edns), response({ additional })));
    expect(additionals).toHaveLength(2);
    expect(additionals[1]).toMatchObject({ type: "OPT", name: ".", udpPayloadSize: UDP_OCTETS, extendedRcode: 0 });
    expect(additionals[1]).toMatchObject({ ednsVersion: 0, flag_do: false, options: [] });
  });

  test("an OPT is added where the upstream sent none", () => {
    expect(decoded(answer(queryOf(ednsDo), response())).additionals).toMatchObject([{ type: "OPT", flag_do: true }]);
  });

  test("DO is the client's, not the upstream's", () => {
    const sent = answer(queryOf(edns), response({ additional: [opt({ dnssecOk: true })] }));
    expect(decoded(sent).additionals).toMatchObject([{ flag_do: false }]);
  });

  const flags = (client: MessageParts, upstream: number) => {
    const sent = answer(queryOf(client), response({ flags: upstream, additional: [opt()] }));
    return (sent[2]! << 8) | sent[3]!;
  };
  test.each([
    ["RD is the client's", { flags: 0x0000 }, 0x8180, 0x8080],
    ["RD is the client's, also when the upstream forgot it", { flags: 0x0100 }, 0x8080, 0x8180],
    ["CD is the client's", { flags: 0x0110 }, 0x8180, 0x8190],
    ["CD of the upstream is not passed on", { flags: 0x0100 }, 0x8190, 0x8180],
    ["AD is not for a client that did not ask", { flags: 0x0100 }, 0x81a0, 0x8180],
    ["AD for a client that set AD (RFC 6840, 5.7)", { flags: 0x0120 }, 0x81a0, 0x81a0],
    ["AD is not made up", { flags: 0x0120 }, 0x8180, 0x8180],
    ["AD for a client that set DO", { flags: 0x0100, ...ednsDo }, 0x81a0, 0x81a0],
    ["AD is not for EDNS without DO", { flags: 0x0100, ...edns }, 0x81a0, 0x8180],
    ["AA and TC are the upstream's own, and stay there", { flags: 0x0100 }, 0x8780, 0x8180],
    ["RA is fdns' own", { flags: 0x0100 }, 0x8100, 0x8180],
    ["Z is cleared", { flags: 0x0100 }, 0x81c0, 0x8180],
    ["RCODE is passed on", { flags: 0x0100 }, 0x8185, 0x8185],
  ] as [string, MessageParts, number, number][])("%s", (_what, client, upstream, sent) => {
    expect(flags(client, upstream).toString(16)).toBe(sent.toString(16));
  });

  test("the upper bits of the RCODE", () => {
    const sent = answer(queryOf(edns), response({ flags: 0x8187, additional: [opt({ rcodeBits: 1 })] }));
    expect([sent[3]! & 15, decoded(sent).additionals[0]!.extendedRcode]).toEqual([7, 1]);
  });

  const errors = [...option(15, [0, 22, 0x68, 0x69]), ...option(12, new Array(40).fill(0)), ...option(15, [0, 23])];
  test("Extended DNS Errors are passed on, other options are not", () => {
    const sent = answer(queryOf(edns), response({ additional: [opt({ options: errors })] }));
    const tail = [...option(15, [0, 22, 0x68, 0x69]), ...option(15, [0, 23])];
    expect([...sent.subarray(sent.length - tail.length - 2)]).toEqual([0, tail.length, ...tail]);
    expect(decoded(sent).additionals).toHaveLength(1);
  });
  test("nor to a client without EDNS, nor from options that are malformed", () => {
    expect(answer(queryOf({}), response({ additional: [opt({ options: errors })] })).length).toBe(24);
    for (const cut of [1, 3, 5]) {
      const options = errors.slice(0, -cut);
      expect(answer(queryOf(edns), response({ additional: [opt({ options })] })).length).toBe(24 + 11);
    }
  });
  test("an error too short for a code is left out, and a text that is not UTF-8 is", () => {
    const options = [
      ...option(15, []),
      ...option(15, [1]),
      ...option(15, [0, 6, 0x6f, 0xff]),
      ...option(15, [0, 9, 0xc3, 0xa9, 0]),
    ];
    const sent = answer(queryOf(edns), response({ additional: [opt({ options })] }));
    const passedOn = [...option(15, [0, 6]), ...option(15, [0, 9, 0xc3, 0xa9, 0])];
    expect([...sent.subarray(24 + 9)]).toEqual([0, passedOn.length, ...passedOn]);
  });
});

describe("an Extended DNS Error of our own (RFC 8914, 4.4)", () => {
  const own = option(15, [0, 3]);
  const theirs = option(15, [0, 22, 0x68, 0x69]);
  const from = response({ answers: [address()], additional: [opt({ options: theirs })] });
  const body = 24 + 16;
  const optionsOf = (limit: number, client: MessageParts = edns, octets = from) => [
    ...answer(queryOf(client), octets, limit, EDE.STALE_ANSWER).subarray(body + 9),
  ];

  test("goes before those passed on", () => {
    expect(optionsOf(4096)).toEqual([0, own.length + theirs.length, ...own, ...theirs]);
    expect(optionsOf(4096, edns, response({ answers: [address()] }))).toEqual([0, own.length, ...own]);
  });
  test("is 0 or more; none is none", () => {
    const octets = response({ answers: [address()] });
    expect([...answer(queryOf(edns), octets, 4096, EDE.OTHER).subarray(-8)]).toEqual([0, 6, ...option(15, [0, 0])]);
    expect([...answer(queryOf(edns), octets, 4096, EDE.NONE).subarray(-2)]).toEqual([0, 0]);
  });
  test("is not for a client without EDNS", () => {
    expect(answer(queryOf({}), from, 4096, EDE.STALE_ANSWER)).toHaveLength(body);
  });
  test("is worth more than theirs, less than the answer", () => {
    expect(optionsOf(body + 11 + own.length + theirs.length - 1)).toEqual([0, own.length, ...own]);
    expect(optionsOf(body + 11 + own.length)).toEqual([0, own.length, ...own]);
    expect(optionsOf(body + 11 + own.length - 1)).toEqual([0, 0]);
    expect(optionsOf(body + 11)).toEqual([0, 0]);
  });
  test("is told with a truncated answer too, theirs are not", () => {
    const answers = [record([0], 16, new Array(600).fill(0))];
    const large = response({ answers, additional: [opt({ options: theirs })] });
    const cut = answer(queryOf(edns), large, 512, EDE.STALE_ANSWER);
    expect(decoded(cut)).toMatchObject({ flag_tc: true, answers: [], additionals: [{ type: "OPT" }] });
    expect([...cut.subarray(-8)]).toEqual([0, 6, ...own]);
  });
});

test("options that another thread writes over while they are copied reach no further than they were", () => {
  const from = response({ answers: [address()], additional: [opt({ options: option(15, [0, 22, 0x68, 0x69]) })] });
  const layout = new ResponseLayout();
  expect(layout.scan(from, 0, from.length)).toBe(true);
  const lengthAt = String(layout.optionsStart + 3);
  let reads = 0;
  const changing = new Proxy(from, {
    get: (octets, at) => (at === lengthAt && reads++ > 0 ? 100 : Reflect.get(octets, at)),
  });
  const room = new Uint8Array(300).fill(SENTINEL);
  const length = writeAnswer(room, 0, 300, queryOf(edns), UDP_OCTETS, changing, 0, layout);
  expect(reads).toBeGreaterThan(1);
  expect(length).toBe(24 + 16 + 11 + 8);
  expect(room.subarray(length).every((octet) => octet === SENTINEL)).toBe(true);
});

describe("what does not fit", () => {
  const isCut = (octets: Uint8Array) => (octets[2]! & 2) !== 0;

  test.each([
    ["without EDNS", {}, 0],
    ["with EDNS", edns, 11],
  ] as [string, MessageParts, number][])(
    "at the limit exactly it goes whole, an octet below with TC: %s",
    (_what, client, more) => {
      const from = response({ answers: [address(), address()], additional: [opt()] });
      const whole = from.length - 11 + more;
      expect(answer(queryOf(client), from, whole).length).toBe(whole);
      expect(isCut(answer(queryOf(client), from, whole))).toBe(false);
      const cut = answer(queryOf(client), from, whole - 1);
      expect(isCut(cut)).toBe(true);
      expect(cut.length).toBe(24 + more);
      expect(decoded(cut)).toMatchObject({ flag_tc: true, answers: [], authorities: [] });
      expect(decoded(cut).questions).toHaveLength(1);
      expect(decoded(cut).additionals).toHaveLength(more === 0 ? 0 : 1);
    },
  );

  test("an Extended DNS Error is left out rather than the answer cut (RFC 8914, 3)", () => {
    const from = response({ answers: [address()], additional: [opt({ options: option(15, [0, 22]) })] });
    expect(answer(queryOf(edns), from, 24 + 16 + 11 + 6).length).toBe(24 + 16 + 11 + 6);
    const without = answer(queryOf(edns), from, 24 + 16 + 11 + 5);
    expect([without.length, isCut(without)]).toEqual([24 + 16 + 11, false]);
    expect(decoded(without).additionals).toMatchObject([{ options: [] }]);
  });

  test("a truncated answer keeps RCODE and flags, and has no counts of what is not there", () => {
    const from = response({
      flags: 0x8183,
      authority: [record([0], 6, new Array(22).fill(0)), record([0], 65_280, new Array(600).fill(0))],
      additional: [record([0], 1, [1, 2, 3, 4])],
    });
    const cut = answer(queryOf({ flags: 0x0110 }), from, 512);
    expect([...cut.subarray(2, 12)]).toEqual([0x83, 0x93, 0, 1, 0, 0, 0, 0, 0, 0]);
  });

  test("65,535 octets without an OPT fit a client without EDNS over TCP", () => {
    const from = response({ answers: [record([0], 16, new Array(65_535 - 24 - 11).fill(1))] });
    expect(from.length).toBe(65_535);
    const sent = answer(queryOf({}), from, 65_535);
    expect([sent.length, isCut(sent)]).toEqual([65_535, false]);
  });

  test("the longest name, cut", () => {
    const questions = [question(nameOfOctets(255))];
    const from = response({ questions, answers: [record([0xc0, 12], 16, new Array(300).fill(0))] });
    const cut = answer(queryOf({ questions, ...edns }), from, 512);
    expect([cut.length, isCut(cut)]).toEqual([12 + 259 + 11, true]);
  });
});

describe("a response of fdns' own", () => {
  function own(query: Query, rcode: number, ede: number): Uint8Array {
    const room = new Uint8Array(OWN_RESPONSE_OCTETS + 10).fill(SENTINEL);
    const length = writeOwnResponse(room, 5, query, rcode, ede, UDP_OCTETS);
    expect(length).toBeLessThanOrEqual(OWN_RESPONSE_OCTETS);
    expect(room.subarray(0, 5).every((octet) => octet === SENTINEL)).toBe(true);
    expect(room.subarray(5 + length).every((octet) => octet === SENTINEL)).toBe(true);
    return room.slice(5, 5 + length);
  }

  test("to a client without EDNS: header and question, whatever error is meant", () => {
    const questions = [question("A.tEsT", 28)];
    const sent = own(queryOf({ id: 0xbeef, flags: 0x0130, questions }), RCODE.REFUSED, EDE.PROHIBITED);
    expect([...sent]).toEqual([0xbe, 0xef, 0x81, 0x95, 0, 1, 0, 0, 0, 0, 0, 0, ...question("A.tEsT", 28)]);
  });

  test("to a client with EDNS: an OPT with the error", () => {
    const sent = decoded(own(queryOf(ednsDo), RCODE.SERVFAIL, EDE.NETWORK_ERROR));
    expect(sent).toMatchObject({ rcode: "SERVFAIL", flag_ad: false, flag_aa: false });
    expect(sent.additionals).toMatchObject([{ type: "OPT", udpPayloadSize: UDP_OCTETS, flag_do: true }]);
    expect(sent.additionals[0]!.options).toMatchObject([{ code: 15 }]);
  });

  test("with an OPT and no error", () => {
    expect(decoded(own(queryOf(edns), RCODE.REFUSED, EDE.NONE)).additionals).toMatchObject([{ options: [] }]);
  });

  test("error 0 (Other) is an error too", () => {
    const sent = own(queryOf(edns), RCODE.SERVFAIL, EDE.OTHER);
    expect([...sent.subarray(-6)]).toEqual([0, 15, 0, 2, 0, 0]);
  });

  test("BADVERS needs the OPT's bits, and says version 0", () => {
    const sent = own(queryOf({ additional: [opt({ version: 3 })] }), RCODE.BADVERS, EDE.NONE);
    expect(sent[3]! & 15).toBe(0);
    expect(decoded(sent).additionals).toMatchObject([{ extendedRcode: 1, ednsVersion: 0 }]);
  });

  test("NOTIMP echoes the opcode, RD and the question, and has an OPT where there was one (RFC 6891, 6.1.1)", () => {
    const asked = question("a.test");
    expect([...own(queryOf({ flags: 0x2900 }), RCODE.NOTIMP, EDE.NONE)]).toEqual([
      ...[0x12, 0x34, 0xa9, 0x84, 0, 1, 0, 0, 0, 0, 0, 0],
      ...asked,
    ]);
    expect([...own(queryOf({ flags: 0x2900, questions: [], ...edns }), RCODE.NOTIMP, EDE.NONE)]).toEqual([
      ...[0x12, 0x34, 0xa9, 0x84, 0, 0, 0, 0, 0, 0, 0, 1],
      ...opt({ size: 1232 }),
    ]);
  });

  test("the longest name fits", () => {
    const query = queryOf({ questions: [question(nameOfOctets(255))], ...edns });
    expect(own(query, RCODE.SERVFAIL, EDE.OTHER).length).toBe(OWN_RESPONSE_OCTETS);
  });
});
