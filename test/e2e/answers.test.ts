/** Answers of every shape from an upstream, and what the executable's clients get of them. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { decode } from "@leichtgewicht/dns-packet";
import { askTcp, askUdp, extendedErrors, query, rcodeOf } from "../support/ask.ts";
import { type MessageParts, name, opt, option, record, response, TO_QUESTION } from "../support/fake-messages.ts";
import { type RunningFdns, startFdns } from "../support/fdns.ts";
import { type OctetsUpstream, startOctetsUpstream, writeRoots } from "../support/octets-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const SERVFAIL = 2;
const NO_REACHABLE_AUTHORITY = 22;
const A = 1;
const folder = temporaryFolder();

/** The first label of a question says what the first upstream answers to it. */
const answers = new Map<string, MessageParts>();
function labelAndRest(octets: Uint8Array): [label: string, questionEnd: number] {
  let end = 12;
  while (octets[end]! > 0) end += 1 + octets[end]!;
  return [Buffer.from(octets.subarray(13, 13 + octets[12]!)).toString("latin1"), end + 5];
}
function answerOf(asked: Uint8Array, parts: MessageParts): Uint8Array {
  const [, end] = labelAndRest(asked);
  const id = (asked[0]! << 8) | asked[1]!;
  return response({ id, ...parts, questions: [[...asked.subarray(12, end)]] });
}

let only: RunningFdns;
let both: RunningFdns;
let bad: OctetsUpstream;
let good: OctetsUpstream;
const right = { answers: [record(TO_QUESTION, A, [192, 0, 2, 7])], additional: [opt()] };

beforeAll(async () => {
  bad = await startOctetsUpstream((asked) => answerOf(asked, answers.get(labelAndRest(asked)[0])!));
  good = await startOctetsUpstream((asked) => answerOf(asked, right));
  const flags = ["--listen", "127.0.0.1:0", "--ca-file", writeRoots(folder, [bad, good]), "--strategy", "ordered"];
  only = await startFdns({ flags: [...flags, "--upstream", bad.address] });
  both = await startFdns({ flags: [...flags, "--upstream", bad.address, "--upstream", good.address] });
}, 20_000);

afterAll(async () => {
  await Promise.all([only.stop(), both.stop()]);
  await Promise.all([bad.stop(), good.stop()]);
  rmSync(folder, { recursive: true });
}, 20_000);

let names = 0;
/** The name of a question that the first upstream answers with these parts; no two are the same. */
function nameFor(parts: MessageParts): string {
  const label = `n${String(names++).padStart(2, "0")}`;
  answers.set(label, parts);
  return `${label}.test`;
}
const optsOf = (octets: Uint8Array) => decode(octets).additionals!.map(({ type }) => type);

/** The name of the question is nXX.test, so the first record begins at 26, and its RDATA at 38 if its owner is a pointer. */
const far = [3, 0x61, 0x61, 0x61];
const malformed: [string, number, MessageParts][] = [
  ["an A record of 3 octets", A, { answers: [record(TO_QUESTION, A, [1, 2, 3])] }],
  ["a record of a class that was not asked", A, { answers: [record(TO_QUESTION, A, [1, 2, 3, 4], 3)] }],
  ["a name of over 255 octets by pointers", A, tooLong()],
  ["a pointer in a circle in RDATA", 15, { answers: [record(TO_QUESTION, 15, [0, 1, 1, 0x61, 0xc0, 40])] }],
  [
    "a pointer into garbage in RDATA",
    5,
    { answers: [record(TO_QUESTION, 16, [1, 0xff]), record(TO_QUESTION, 5, [0xc0, 39])] },
  ],
  ["NAPTR cut short", 35, { answers: [record(TO_QUESTION, 35, [0, 1, 0, 1, 1, 0x73])] }],
  ["SRV without a target", 33, { answers: [record(TO_QUESTION, 33, [0, 1, 0, 1, 0, 53])] }],
  [
    "HTTPS with parameters out of order",
    65,
    { answers: [record(TO_QUESTION, 65, [0, 1, 0, 0, 3, 0, 2, 1, 187, 0, 1, 0, 3, 2, 0x68, 0x32])] },
  ],
  ["a SOA too short in a negative answer", A, { flags: 0x8183, authority: [record(name("test"), 6, [0, 0, 1, 2, 3])] }],
  ["TC over TLS", A, { flags: 0x8380 }],
];
function tooLong(): MessageParts {
  const label = [63, ...new Array(63).fill(0x61)];
  return {
    answers: [record([...label, ...label, ...label, 0], 16, [0]), record([...label, 0xc0, 26], A, [1, 2, 3, 4])],
  };
}

describe("an answer that strict clients cannot parse counts as none", () => {
  test.each(malformed)(
    "%s: the next upstream; alone, SERVFAIL with an error; never kept",
    async (_what, type, parts) => {
      const asked = query({ name: nameFor({ additional: [opt()], ...parts }), udpPayloadSize: 1232 });
      // The type, behind the name.
      asked[asked.length - 11 - 3] = type;
      const [udp, tcp] = [await askUdp(only.port, asked), (await askTcp(only.port, [asked]))[0]!];
      for (const octets of [udp, tcp]) {
        expect([rcodeOf(octets), extendedErrors(octets), octets[2]! & 2]).toEqual([
          SERVFAIL,
          [NO_REACHABLE_AUTHORITY],
          0,
        ]);
      }
      const other = await askUdp(both.port, asked);
      expect(decode(other).answers).toMatchObject([{ type: "A", data: "192.0.2.7" }]);
    },
  );

  test("while unknown types, and compressed names of RFC 3597, pass as they are", async () => {
    for (const [type, rdata] of [
      [65_280, [1, 2, 3]],
      [33, [0, 1, 0, 2, 0, 53, ...TO_QUESTION]],
      [35, [0, 1, 0, 2, 0, 0, 0, ...TO_QUESTION]],
    ] as const) {
      const octets = await askUdp(only.port, query({ name: nameFor({ answers: [record(TO_QUESTION, type, rdata)] }) }));
      expect([rcodeOf(octets), ...octets.subarray(-rdata.length)]).toEqual([0, ...rdata]);
    }
  });
});

describe("what is for one hop stays there", () => {
  const tsig = record(name("key.test"), 250, [...name("hmac-sha256"), ...new Array(16).fill(0)], 255);
  const sig0 = record([0], 24, [...new Array(18).fill(0), ...name("key.test"), 1, 2, 3], 255);
  const answer = right.answers;

  test.each([
    ["TSIG", [tsig]],
    ["TSIG behind the OPT", [opt(), tsig]],
    ["TSIG before the OPT", [tsig, opt()]],
    ["SIG(0)", [sig0]],
  ] as [string, number[][]][])("%s is not passed on, at once and from the cache", async (_what, additional) => {
    const asked = query({ name: nameFor({ answers: answer, additional }), udpPayloadSize: 1232 });
    for (let i = 0; i < 2; i++) expect(optsOf(await askUdp(only.port, asked))).toEqual(["OPT"]);
  });

  test("AA is cleared and RA set, at once and from the cache", async () => {
    const asked = query({ name: nameFor({ flags: 0x8500, answers: answer }) });
    for (let i = 0; i < 2; i++) {
      const octets = await askUdp(only.port, asked);
      expect([octets[2]!, octets[3]! & 0xf0]).toEqual([0x81, 0x80]);
    }
  });

  test("errors that cannot be decoded lose their text, or are left out", async () => {
    const options = [
      ...option(15, []),
      ...option(15, [0]),
      ...option(15, [0, 4, 0xff, 0xfe]),
      ...option(15, [0, 4, 0x68]),
    ];
    const asked = query({ name: nameFor({ answers: answer, additional: [opt({ options })] }), udpPayloadSize: 1232 });
    const passedOn = [...option(15, [0, 4]), ...option(15, [0, 4, 0x68])];
    for (let i = 0; i < 2; i++)
      expect([...(await askUdp(only.port, asked)).subarray(-passedOn.length - 2)]).toEqual([
        0,
        passedOn.length,
        ...passedOn,
      ]);
  });
});

describe("what fits is kept", () => {
  test("12 MX with their addresses, asked without EDNS: all 12 and no TC (RFC 2181, 9)", async () => {
    const exchange = (i: number) => [5, 0x6d, 0x61, 0x69, 0x6c, 0x61 + i, ...TO_QUESTION];
    const numbers = Array.from({ length: 12 }, (_, i) => i);
    const mx = numbers.map((i) => record(TO_QUESTION, 15, [0, i, ...exchange(i)]));
    const addresses = numbers.map((i) => record(exchange(i), A, [192, 0, 2, i]));
    const asked = query({ name: nameFor({ answers: mx, additional: [...addresses, opt()] }) });
    for (let i = 0; i < 2; i++) {
      const octets = await askUdp(only.port, asked);
      expect(octets.length).toBeLessThanOrEqual(512);
      const { answers: got, additionals, flag_tc } = decode(octets) as ReturnType<typeof decode> & { flag_tc: boolean };
      expect([got!.length, flag_tc, additionals!.length > 5]).toEqual([12, false, true]);
    }
  });

  test("65,535 octets without an OPT, asked with one over TCP", async () => {
    const asked = nameFor({
      answers: [record([0], 65_280, new Array(65_535 - 26 - 11).fill(1))],
    });
    const [octets] = await askTcp(only.port, [query({ name: asked, udpPayloadSize: 1232 })]);
    expect([octets!.length, octets![2]! & 2, octets![7]]).toEqual([65_535, 0, 1]);
  });

  test("additional records behind the OPT", async () => {
    const mail = record(TO_QUESTION, 15, [0, 1, ...far, ...TO_QUESTION]);
    const asked = nameFor({
      answers: [mail],
      additional: [opt(), record(name("x"), A, [1, 2, 3, 4]), record([1, 0x79, ...TO_QUESTION], A, [1, 2, 3, 5])],
    });
    const { additionals } = decode(await askUdp(only.port, query({ name: asked })));
    expect(additionals).toMatchObject([
      { name: "x", data: "1.2.3.4" },
      { name: `y.${asked}`, data: "1.2.3.5" },
    ]);
  });
});
