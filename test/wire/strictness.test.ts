/** What strict clients cannot parse is refused, whatever can be parsed is not, and neither takes long. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { shapeOf } from "../../src/wire/rdata/shapes.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { name, nameOfOctets, question, record, response, TO_QUESTION, uint16 } from "../support/fake-messages.ts";

const layout = new ResponseLayout();
const isSound = (octets: Uint8Array) => layout.scan(octets, 0, octets.length);
const isRdata = (type: number, rdata: readonly number[]) =>
  isSound(response({ answers: [record(TO_QUESTION, type, rdata)] }));

test("the verdicts of another strict parser", async () => {
  const lines = (await Bun.file(new URL("strict-parser.txt", import.meta.url)).text()).trim().split("\n").slice(1);
  expect(lines).toHaveLength(800);
  const others = lines.filter((line) => isSound(Uint8Array.fromHex(`0000${line.slice(2)}`)) !== line.startsWith("+"));
  expect(others).toEqual([]);
});

describe("RDATA", () => {
  const soa = [...name("ns.test"), ...name("host.test"), ...new Array(20).fill(1)];
  const alpn = [0, 1, 0, 3, 2, 0x68, 0x32];
  const cases: [string, number, number[][], number[][]][] = [
    ["A", 1, [[1, 2, 3, 4]], [[1, 2, 3], [1, 2, 3, 4, 5], []]],
    ["AAAA", 28, [new Array(16).fill(0)], [new Array(15).fill(0)]],
    ["NS", 2, [name("x.test"), TO_QUESTION], [[], [5, 0x61], [...TO_QUESTION, 0], [0xc0, 36], [0xc0]]],
    ["CNAME", 5, [[1, 0x78, ...TO_QUESTION]], [[1, 0x78, 0xc0, 40], name("x").slice(0, -1)]],
    ["SOA", 6, [soa], [soa.slice(0, -1), [...soa, 0], soa.slice(-21)]],
    ["MX", 15, [[0, 1, ...TO_QUESTION]], [[0, 1], [0]]],
    ["TXT", 16, [[0], [1, 0x61, 0]], [[], [2, 0x61], [1]]],
    ["SRV", 33, [[0, 0, 0, 0, 0, 0, ...TO_QUESTION]], [[0, 0, 0, 0, 0, 0]]],
    ["NAPTR", 35, [[0, 0, 0, 0, 0, 0, 1, 0x61, 0]], [[0, 0, 0, 0, 0, 0, 0]]],
    ["DNAME", 39, [name("x")], [TO_QUESTION]],
    [
      "NSEC",
      47,
      [[0, 0, 1, 0x40]],
      [
        [...TO_QUESTION, 0, 1, 0x40],
        [0, 0, 0],
        [0, 0, 1, 0],
        [0, 1, 1, 1, 0, 1, 1],
      ],
    ],
    ["RRSIG", 46, [[...new Array(18).fill(0), 0, 9]], [[...new Array(18).fill(0), ...TO_QUESTION, 9]]],
    [
      "DS",
      43,
      [
        [0, 1, 8, 9],
        [0, 1, 8, 1, ...new Array(20).fill(1)],
      ],
      [
        [0, 1, 8, 1, 1],
        [0, 1, 8, 0, 0],
      ],
    ],
    ["CAA", 257, [[0, 1, 0x61]], [[0, 0, 0x61], [0, 1, 0x2d], [0]]],
    [
      "HTTPS",
      65,
      [
        [0, 0, 0],
        [0, 1, 0],
        [0, 1, 0, ...alpn, 0, 2, 0, 0],
        [0, 1, 0, 0, 0, 0, 2, 0, 1, ...alpn],
      ],
      [
        [0, 0, 0, ...alpn], // an alias has no parameters
        [0, 1, 0, 0, 2, 0, 0], // no-default-alpn without alpn
        [0, 1, 0, ...alpn, ...alpn], // twice
        [0, 1, 0, 0, 1, 0, 0], // no protocol
        [0, 1, 0, 0, 3, 0, 1, 1], // half a port
        [0, 1, 0, 0, 4, 0, 3, 1, 2, 3],
        [0, 1, 0, 0, 0, 0, 2, 0, 3, ...alpn], // "mandatory" names what is not there
        [0, 1, ...TO_QUESTION],
      ],
    ],
  ];
  test.each(cases)("%s", (_mnemonic, type, sound, malformed) => {
    expect(sound.map((rdata) => isRdata(type, rdata))).toEqual(sound.map(() => true));
    expect(malformed.map((rdata) => isRdata(type, rdata))).toEqual(malformed.map(() => false));
  });

  test("of a type that is not known: anything (RFC 3597)", () => {
    const type = fc
      .integer({ min: 1, max: 0xffff })
      .filter((one) => shapeOf(one) === undefined && ![41, 250].includes(one));
    fc.assert(
      fc.property(type, fc.array(fc.nat(255), { maxLength: 60 }), (one, rdata) => isRdata(one, rdata)),
      { seed: 20_261_130, numRuns: 2000 },
    );
  });
});

describe("names", () => {
  test("of 255 octets with their pointers followed, but not of 256", () => {
    const questions = [question(nameOfOctets(253))];
    const owner = (octets: number) => [octets, ...new Array(octets).fill(0x61), ...TO_QUESTION];
    const of = (octets: number) => isSound(response({ questions, answers: [record(owner(octets), 10, [])] }));
    expect([of(1), of(2)]).toEqual([true, false]);
    // Through two pointers, and within RDATA.
    const start = 12 + questions[0]!.length + 2 + 10;
    const twice = (octets: number) => [
      record(TO_QUESTION, 5, TO_QUESTION),
      record([0], 2, [octets, ...new Array(octets).fill(0x61), 0xc0 | (start >> 8), start & 0xff]),
    ];
    expect([1, 2].map((octets) => isSound(response({ questions, answers: twice(octets) })))).toEqual([true, false]);
  });

  test("whose pointers lead backwards, each before what led to it, up to 16 of them", () => {
    const first = 12 + question("a.test").length + 11;
    const chain = (pointers: number) => {
      const rdata = [TO_QUESTION, ...Array.from({ length: pointers - 1 }, (_, i) => [0xc0, first + 2 * i])].flat();
      return response({ answers: [record([0], 65_280, rdata), record([0xc0, first + 2 * (pointers - 1)], 10, [])] });
    };
    // The owner's pointer counts, and so do those in the RDATA.
    expect([isSound(chain(15)), isSound(chain(16))]).toEqual([true, false]);
  });

  test("that do not overlap themselves, whatever of them has been read before", () => {
    // From its third octet on the question's name reads as a label of 25 octets, up to the pointer to the whole name.
    const questions = [question([10, 0x61, 25, ...new Array(8).fill(0x62), 0])];
    const verdict = (type: number) =>
      isSound(response({ questions, answers: [record(TO_QUESTION, type, TO_QUESTION), record([0xc0, 14], 10, [])] }));
    // An unknown type's RDATA is no name; the target of an NS record's is remembered.
    expect([verdict(65_280), verdict(2)]).toEqual([false, false]);
  });
});

describe("octets meant to take long", () => {
  /** Counts what is read of the message. */
  function reads(octets: Uint8Array): number {
    let count = 0;
    const counting = new Proxy(octets, {
      get: (from, at) => {
        count++;
        return Reflect.get(from, at);
      },
    });
    layout.scan(counting, 0, octets.length);
    return count;
  }
  const pointer = (to: number) => [0xc0 | (to >> 8), to & 0xff];

  /** Records of as many names as fit in a message, behind these. */
  function filled(before: readonly number[][], next: (i: number, at: number) => number[]): Uint8Array {
    const answers = [...before];
    let at = 12 + question("a.test").length + before.flat().length;
    for (let i = 0; ; i++) {
      const one = next(i, at);
      at += one.length;
      if (at > 65_535) return response({ answers });
      answers.push(one);
    }
  }

  const first = 12 + question("a.test").length + 11;
  test.each([
    [
      "thousands of chains of 100 pointers",
      filled(
        [
          record(
            [0],
            65_280,
            Array.from({ length: 100 }, (_, i) => (i === 0 ? TO_QUESTION : pointer(first + 2 * (i - 1)))).flat(),
          ),
        ],
        () => record([0], 2, pointer(first + 198)),
      ),
    ],
    [
      "each name an extension of the one before",
      filled([], (i, at) =>
        record([1, 0x61, ...(i % 14 === 0 ? TO_QUESTION : pointer(Math.min(at, 16_000) - 16))], 2, TO_QUESTION),
      ),
    ],
    [
      "names of 127 labels, each pointed at in another place",
      filled(
        [
          record(
            [0],
            65_280,
            Array.from({ length: 16_000 }, (_, i) => (i % 250 === 249 ? 0 : 1)),
          ),
        ],
        (i) =>
          record([0], 6, [
            ...pointer(first + ((4 * i + 1) % 15_900)),
            ...pointer(first + ((4 * i + 3) % 15_900)),
            ...new Array(20).fill(0),
          ]),
      ),
    ],
    ["names of 127 labels", filled([], () => record(TO_QUESTION, 2, [...new Array(126).fill([1, 0x61]).flat(), 0]))],
    [
      "type bitmaps and parameters",
      filled([], () =>
        record([0], 65, [
          0,
          1,
          0,
          0,
          0,
          0,
          60,
          ...Array.from({ length: 30 }, (_, i) => uint16(i + 7)).flat(),
          ...Array.from({ length: 30 }, (_, i) => [0, i + 7, 0, 0]).flat(),
        ]),
      ),
    ],
  ])("%s", (_what, octets) => {
    expect(reads(octets)).toBeLessThan(5 * octets.length);
  });
});
