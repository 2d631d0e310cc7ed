import { describe, expect, test } from "bun:test";
import { decode } from "@leichtgewicht/dns-packet";
import { Query } from "../../src/wire/query.ts";
import { MAX_UPSTREAM_QUERY_OCTETS, writeUpstreamQuery } from "../../src/wire/upstream-query.ts";
import { type MessageParts, message, nameOfOctets, opt, option, question } from "../support/fake-messages.ts";

function sentFor(parts: MessageParts, id = 0xfedc, isPlain = false): Uint8Array {
  const query = new Query();
  expect(query.parse(message(parts), 0, message(parts).length)).toBe(0);
  const room = new Uint8Array(MAX_UPSTREAM_QUERY_OCTETS + 10).fill(0xa5);
  const octets = writeUpstreamQuery(room, 5, id, query, isPlain);
  expect(octets).toBeLessThanOrEqual(MAX_UPSTREAM_QUERY_OCTETS);
  expect(room.subarray(0, 5).every((octet) => octet === 0xa5)).toBe(true);
  expect(room.subarray(5 + octets).every((octet) => octet === 0xa5)).toBe(true);
  expect((room[5]! << 8) | room[6]!).toBe(octets - 2);
  return room.slice(7, 5 + octets);
}

describe("a query to an upstream", () => {
  test("has fdns' own ID and OPT, the question, the subnet /0 (RFC 7871, 7.1.2), and a request for the idle time (RFC 7828)", () => {
    const client = { id: 1, questions: [question("wWw.Test", 28)] };
    const sent = decode(sentFor(client)) as unknown as Record<string, unknown>;
    expect(sent).toMatchObject({ id: 0xfedc, type: "query", opcode: "QUERY", flag_rd: true, flag_cd: false });
    expect(sent.questions).toMatchObject([{ name: "wWw.Test", type: "AAAA", class: "IN" }]);
    expect(sent.additionals).toMatchObject([
      {
        type: "OPT",
        ednsVersion: 0,
        flag_do: false,
        options: [{ code: 8, family: 1, sourcePrefixLength: 0, scopePrefixLength: 0 }, { code: 11 }, { code: 12 }],
      },
    ]);
  });

  test("plainly: the question and the flags alone, with DO an OPT of no options", () => {
    const client = { id: 1, questions: [question("wWw.Test", 28)], flags: 0x0110 };
    expect([...sentFor(client, 0xfedc, true)]).toEqual([
      ...[0xfe, 0xdc, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0],
      ...question("wWw.Test", 28),
    ]);
    const secure = { ...client, additional: [opt({ dnssecOk: true, options: option(8, [0, 1, 0, 0]) })] };
    expect([...sentFor(secure, 0xfedc, true)]).toEqual([
      ...[0xfe, 0xdc, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 1],
      ...question("wWw.Test", 28),
      ...opt({ dnssecOk: true }),
    ]);
  });

  test("is padded to a multiple of 128 octets, as little as can be, with zeros, for names of all lengths", () => {
    // Behind name and question: an OPT, its subnet and keepalive options, the head of the padding.
    for (let octets = 1; octets <= 255; octets++) {
      if (octets === 2) continue; // no name has 2
      const owner = octets === 1 ? [0] : nameOfOctets(octets);
      const sent = sentFor({ questions: [question(owner)] });
      expect(sent.length % 128).toBe(0);
      const padding = sent.length - (12 + octets + 4 + 11 + 8 + 4 + 4);
      expect(padding).toBeLessThan(128);
      expect([...sent.subarray(-4 - padding)]).toEqual([0, 12, 0, padding, ...new Array(padding).fill(0)]);
    }
  });

  test.each([
    [0x0100, false, 0x0100, false],
    [0x0000, false, 0x0100, false],
    [0x0110, false, 0x0110, false],
    [0x0120, false, 0x0120, false],
    [0x0130, true, 0x0130, true],
    [0x0140, true, 0x0100, true],
    [0x07c0, false, 0x0100, false],
  ])("flags %p, DO %p become %p, DO %p", (flags, dnssecOk, sentFlags, sentDo) => {
    const sent = sentFor({ flags, additional: [opt({ dnssecOk })] });
    expect((sent[2]! << 8) | sent[3]!).toBe(sentFlags);
    expect(sent[12 + 12 + 7]).toBe(sentDo ? 0x80 : 0);
  });

  test("nothing else of the client's goes on: no options, no records, no octets behind them", () => {
    const secret = [0x5e, 0xc2, 0xe7, 0x5e];
    const sent = sentFor({
      additional: [opt({ size: 4096, options: [...option(8, [0, 1, 32, 0, ...secret]), ...option(10, secret)] })],
      tail: secret,
    });
    expect([...sent]).toEqual([...sentFor({})]);
  });

  test("old octets of the room do not show", () => {
    const query = new Query();
    query.parse(message(), 0, message().length);
    const [clean, used] = [new Uint8Array(200), new Uint8Array(200).fill(0xff)];
    const octets = writeUpstreamQuery(clean, 0, 7, query);
    writeUpstreamQuery(used, 0, 7, query);
    expect([...used.subarray(0, octets)]).toEqual([...clean.subarray(0, octets)]);
  });
});
