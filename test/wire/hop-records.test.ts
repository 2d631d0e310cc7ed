/** Records for one hop leave the additional section, and what stood behind them says the same in its new place. */

import { describe, expect, test } from "bun:test";
import { decode, type Packet } from "@leichtgewicht/dns-packet";
import fc from "fast-check";
import { ResponseLayout } from "../../src/wire/response.ts";
import {
  address,
  message,
  name,
  opt,
  option,
  question,
  record,
  response,
  TO_QUESTION,
} from "../support/fake-messages.ts";

const layout = new ResponseLayout();
const tsig = record(name("key.test"), 250, [...name("hmac-sha256"), ...new Array(16).fill(0)], 255);
const sig0 = record([0], 24, [...new Array(18).fill(0), ...name("key.test"), 1, 2, 3], 255);

/** The records as they are passed on, the OPT behind them; nothing around the message is touched. */
function inOrder(octets: Uint8Array): Packet {
  // As a socket gives them.
  const around = Buffer.from([9, 9, 9, ...octets, 9, 9]);
  expect(layout.scan(around, 3, octets.length)).toBe(true);
  expect([...around.subarray(0, 3), ...around.subarray(3 + octets.length)]).toEqual([9, 9, 9, 9, 9]);
  const end = Math.max(layout.bodyOctets, layout.optionsEnd);
  const again = Uint8Array.from(around.subarray(3, 3 + end));
  const before = { ...layout, ttlAt: layout.ttlAt.slice() };
  expect(layout.scan(again, 0, end)).toBe(true);
  expect({ ...layout, ttlAt: layout.ttlAt.slice() }).toEqual(before);
  return decode(again);
}
const additionalsOf = (octets: Uint8Array) =>
  inOrder(octets).additionals!.map(({ type, name: owner }) => `${owner} ${type}`);

/** Where the records behind an OPT without options begin, when an address answered. */
const behind = 12 + question("a.test").length + address().length + opt().length;
const pointer = (to: number) => [0xc0 | (to >> 8), to & 0xff];

describe("signatures of the transaction", () => {
  test.each([
    ["TSIG", [tsig], []],
    ["SIG(0)", [sig0], []],
    ["TSIG behind the OPT", [opt(), tsig], [". OPT"]],
    ["TSIG before the OPT", [tsig, opt()], [". OPT"]],
    [
      "TSIG and SIG(0) between others",
      [record([0], 1, [1, 2, 3, 4]), tsig, opt(), sig0, record(name("x"), 1, [1, 2, 3, 4])],
      [". A", "x A", ". OPT"],
    ],
  ] as [string, number[][], string[]][])("%s", (_what, additional, left) => {
    expect(additionalsOf(response({ answers: [address()], additional }))).toEqual(left);
  });

  test("a SIG of a type is none", () => {
    const sig = record([0], 24, [0, 1, ...new Array(16).fill(0), 0, 1]);
    expect(additionalsOf(response({ additional: [sig] }))).toHaveLength(1);
  });
});

describe("records behind the OPT", () => {
  test("move up; pointers to what moved are lowered, others not", () => {
    const first = record([1, 0x78, ...TO_QUESTION], 15, [0, 1, 1, 0x6d, ...TO_QUESTION]);
    const exchange = behind + first.length - 4;
    const additional = [
      opt({ options: [] }),
      first,
      record(pointer(behind), 1, [1, 2, 3, 4]),
      record([1, 0x79, ...pointer(exchange)], 5, pointer(behind)),
    ];
    expect(inOrder(response({ answers: [address()], additional })).additionals).toMatchObject([
      { name: "x.a.test", type: "MX", data: { exchange: "m.a.test" } },
      { name: "x.a.test", type: "A", data: "1.2.3.4" },
      { name: "y.m.a.test", type: "CNAME", data: "x.a.test" },
      { type: "OPT" },
    ]);
  });

  test("keep their OPT's options and RCODE", () => {
    const octets = response({
      additional: [opt({ rcodeBits: 1, options: option(15, [0, 9]) }), record([0], 1, [1, 2, 3, 4])],
    });
    expect(layout.scan(octets, 0, octets.length)).toBe(true);
    expect(layout.rcode).toBe(16);
    expect([...octets.subarray(layout.optionsStart, layout.optionsEnd)]).toEqual(option(15, [0, 9]));
  });

  const withName = Array.from(name("q.test"));
  test.each([
    ["a pointer into the OPT", [record(pointer(behind - 11), 1, [1, 2, 3, 4])], []],
    [
      "a pointer into RDATA that is no name",
      [record([0], 16, [withName.length, ...withName]), record(pointer(behind + 12), 1, [1, 2, 3, 4])],
      [". TXT"],
    ],
    [
      "RDATA of a type that is not known",
      [record(name("y"), 65_280, [1, 2]), record(name("z"), 1, [1, 2, 3, 4])],
      ["z A"],
    ],
    [
      "a pointer to one that was left out",
      [record(name("y"), 65_280, [1, 2]), record(pointer(behind), 1, [1, 2, 3, 4])],
      [],
    ],
  ] as [string, number[][], string[]][])(
    "are left out where it is unclear what they say: %s",
    (_what, records, left) => {
      const octets = response({ answers: [address()], additional: [opt(), ...records] });
      expect(additionalsOf(octets)).toEqual([...left, ". OPT"]);
    },
  );

  test("whatever they are, compressed as a server would: nothing else is changed", () => {
    const labels = fc.array(fc.constantFrom("a", "b", "ns", "mail"), { minLength: 1, maxLength: 3 });
    const host = labels.map((some) => [...some, "a", "test"]);
    const anyRecord = fc.record({ owner: host, target: host, type: fc.constantFrom(1, 2, 5, 15, 16, 33, 39) });
    const place = fc.nat(8);
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 8 }), place, place, (records, optAt, tsigAt) => {
        const plain = compressed(records, -1, -1);
        const { additionals } = decode(plain);
        const octets = compressed(records, optAt % (records.length + 1), tsigAt % (records.length + 1));
        expect(inOrder(octets).additionals!.filter(({ type }) => type !== "OPT")).toEqual(additionals!);
      }),
      { seed: 20_261_131, numRuns: 1000 },
    );
  });
});

interface AnyRecord {
  readonly owner: readonly string[];
  readonly target: readonly string[];
  readonly type: number;
}

/** A response with these additional records, with an OPT before the one and a TSIG before the other of these numbers; below 0: without. */
function compressed(records: readonly AnyRecord[], optAt: number, tsigAt: number): Uint8Array {
  const octets = [...message({ flags: 0x8180 })];
  const known = new Map([
    ["a.test", 12],
    ["test", 14],
  ]);
  const write = (names: readonly string[]) => {
    for (let i = 0; i < names.length; i++) {
      const suffix = names.slice(i).join(".");
      const found = known.get(suffix);
      if (found !== undefined) return octets.push(...pointer(found));
      known.set(suffix, octets.length);
      octets.push(names[i]!.length, ...Buffer.from(names[i]!));
    }
    return octets.push(0);
  };
  for (let i = 0; i <= records.length; i++) {
    octets.push(...(i === optAt ? opt({ options: option(12, [0, 0, 0]) }) : []), ...(i === tsigAt ? tsig : []));
    if (i === records.length) break;
    const { owner, target, type } = records[i]!;
    write(owner);
    octets.push(0, type, 0, 1, 0, 0, 0, 60, 0, 0);
    const rdata = octets.length;
    octets.push(...({ 1: [1, 2, 3, i], 15: [0, 1], 16: [1, 0x61], 33: [0, 1, 0, 2, 0, 3] }[type] ?? []));
    if (type === 39) octets.push(...name(target.join(".")));
    else if (type !== 1 && type !== 16) write(target);
    octets[rdata - 1] = octets.length - rdata;
  }
  octets[11] = records.length + (optAt < 0 ? 0 : 1) + (tsigAt < 0 ? 0 : 1);
  return Uint8Array.from(octets);
}
