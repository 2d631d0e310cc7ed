/**
 * Queries that are odd or malformed, and what they are answered with, beside what unbound 1.17.1 and Knot Resolver 5.6.0
 * answered to the same octets ("-": nothing). A response has an OPT where the query's could be read (RFC 6891, 6.1.1), and
 * the question where there is exactly one.
 */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { askUdp } from "../support/ask.ts";
import { type MessageParts, message, nameOfOctets, opt, option, question, record } from "../support/fake-messages.ts";
import { type RunningFdns, startFdns } from "../support/fdns.ts";
import { readReply } from "../support/reply.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
let upstream: ScriptedUpstream;
let fdns: RunningFdns;

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder);
  fdns = await startFdns({
    flags: ["--listen", "127.0.0.1:0", "--upstream", upstream.address, "--ca-file", upstream.caFile],
  });
});

afterAll(async () => {
  await fdns.stop();
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

const names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
const edns = { additional: [opt()] };
const a = question("a.test");
const address = record([0xc0, 12], 1, [192, 0, 2, 1]);
const ofType = (type: number): MessageParts => ({ questions: [question("a.test", type)], ...edns });
const ofClass = (qclass: number): MessageParts => ({ questions: [question("a.test", 1, qclass)], ...edns });
const ofOpcode = (opcode: number): MessageParts => ({ flags: 0x0100 | (opcode << 11), ...edns });

/** What is asked, what fdns answers, and in words what unbound and Knot do. */
type Row = readonly [string, MessageParts, string, string, string];

const rows: readonly Row[] = [
  [
    "an alias of itself among the answers",
    { answers: [record([0xc0, 12], 5, [0xc0, 12])] },
    "FORMERR Q",
    "FORMERR",
    "NOERROR",
  ],
  ["an answer, with an OPT", { answers: [address], ...edns }, "FORMERR Q OPT", "FORMERR OPT", "NOERROR"],
  ["a SOA in the authority section", { authority: [record([0xc0, 12], 6, [])] }, "FORMERR Q", "FORMERR", "-"],
  [
    "NS in the authority section",
    { authority: [record([0xc0, 12], 2, [0])], ...edns },
    "FORMERR Q OPT",
    "FORMERR OPT",
    "NOERROR",
  ],
  [
    "an answer, with EDNS version 1",
    { answers: [address], additional: [opt({ version: 1 })] },
    "FORMERR Q OPT",
    "FORMERR OPT",
    "NOERROR",
  ],
  ["a record before the OPT", { additional: [address, opt()] }, "NOERROR Q OPT", "FORMERR OPT", "NOERROR OPT"],
  ["a record behind the OPT", { additional: [opt(), address] }, "NOERROR Q OPT", "FORMERR OPT", "NOERROR OPT"],
  ["TSIG", { additional: [record([1, 0x6b, 0], 250, new Array(40).fill(0))] }, "NOERROR Q", "FORMERR", "NOERROR"],
  ["IQUERY", ofOpcode(1), "NOTIMP Q OPT", "NOTIMP OPT", "NOERROR OPT"],
  ["STATUS", ofOpcode(2), "NOTIMP Q OPT", "NOTIMP OPT", "NOERROR OPT"],
  ["NOTIFY", ofOpcode(4), "NOTIMP Q OPT", "REFUSED OPT", "NOERROR OPT"],
  ["UPDATE", { ...ofOpcode(5), authority: [address] }, "NOTIMP Q OPT", "NOTIMP OPT", "REFUSED OPT"],
  ["DSO", { flags: 6 << 11, questions: [] }, "NOTIMP", "NOTIMP", "NOERROR"],
  ["no question", { questions: [] }, "FORMERR", "FORMERR", "SERVFAIL"],
  ["no question, with an OPT", { questions: [], ...edns }, "FORMERR OPT", "FORMERR OPT", "SERVFAIL OPT"],
  [
    "no question, with a cookie",
    { questions: [], additional: [opt({ options: option(10, [1, 2, 3, 4, 5, 6, 7, 8]) })] },
    "FORMERR OPT",
    "FORMERR OPT",
    "SERVFAIL OPT",
  ],
  ["two questions (RFC 9619)", { questions: [a, a], ...edns }, "FORMERR OPT", "FORMERR OPT", "-"],
  ["EDNS version 1", { additional: [opt({ version: 1 })] }, "BADVERS Q OPT", "BADVERS OPT", "NOERROR OPT"],
  ["two OPTs", { additional: [opt(), opt()] }, "FORMERR Q OPT", "FORMERR OPT", "-"],
  [
    "an OPT of another name",
    { additional: [opt({ owner: [1, 0x61, 0] })] },
    "FORMERR Q OPT",
    "FORMERR OPT",
    "NOERROR OPT",
  ],
  ["an OPT among the answers", { answers: [opt()] }, "FORMERR Q OPT", "FORMERR OPT", "-"],
  ["an OPT longer than the message", { additional: [opt().with(-1, 9)] }, "FORMERR Q OPT", "FORMERR OPT", "-"],
  [
    "an option longer than its OPT",
    { additional: [opt({ options: [0, 10, 0, 9, 1, 2, 3] })] },
    "FORMERR Q OPT",
    "NOERROR OPT",
    "-",
  ],
  ["RD=0", { flags: 0, ...edns }, "REFUSED Q OPT EDE 20", "REFUSED OPT EDE 20", "REFUSED OPT EDE 20"],
  ["type 0", ofType(0), "NOERROR Q OPT", "NOERROR OPT", "NOERROR OPT"],
  ["OPT as a type", ofType(41), "FORMERR Q OPT EDE 30", "FORMERR OPT", "SERVFAIL OPT"],
  ["NXNAME (RFC 9824, 3.5)", ofType(128), "FORMERR Q OPT EDE 30", "FORMERR OPT", "NOERROR OPT"],
  ["TKEY", ofType(249), "FORMERR Q OPT EDE 30", "FORMERR OPT", "SERVFAIL OPT"],
  ["TSIG as a type", ofType(250), "FORMERR Q OPT EDE 30", "FORMERR OPT", "SERVFAIL OPT"],
  ["IXFR", ofType(251), "REFUSED Q OPT EDE 21", "REFUSED OPT", "SERVFAIL OPT"],
  [
    "IXFR with a SOA (RFC 1995, 3)",
    { ...ofType(251), authority: [record([0xc0, 12], 6, [])] },
    "REFUSED Q OPT EDE 21",
    "not asked",
    "not asked",
  ],
  ["AXFR", ofType(252), "REFUSED Q OPT EDE 21", "REFUSED OPT", "SERVFAIL OPT"],
  ["MAILB", ofType(253), "FORMERR Q OPT EDE 30", "FORMERR OPT", "NOERROR OPT"],
  ["MAILA", ofType(254), "FORMERR Q OPT EDE 30", "FORMERR OPT", "NOERROR OPT"],
  ["ANY (RFC 8482)", ofType(255), "NOERROR Q OPT", "NOERROR OPT", "SERVFAIL OPT"],
  ["class CH", ofClass(3), "REFUSED Q OPT EDE 21", "REFUSED OPT", "SERVFAIL OPT"],
  ["class NONE", ofClass(254), "REFUSED Q OPT EDE 21", "REFUSED OPT", "SERVFAIL OPT"],
  ["class ANY", ofClass(255), "REFUSED Q OPT EDE 21", "NOERROR OPT", "SERVFAIL OPT"],
  ["class 0", ofClass(0), "REFUSED Q OPT EDE 21", "REFUSED OPT", "SERVFAIL OPT"],
  ["a private class", ofClass(65_280), "REFUSED Q OPT EDE 21", "REFUSED OPT", "SERVFAIL OPT"],
  ["Z", { flags: 0x0140 }, "NOERROR Q", "NOERROR", "NOERROR"],
  ["AA, TC and RA", { flags: 0x0780 }, "NOERROR Q", "FORMERR", "NOERROR"],
  ["an RCODE", { flags: 0x0105 }, "NOERROR Q", "NOERROR", "NOERROR"],
  ["a name of 256 octets", { questions: [question(nameOfOctets(256))] }, "FORMERR", "FORMERR", "-"],
  ["a pointer in the question", { questions: [question([1, 0x61, 0xc0, 12])] }, "FORMERR", "FORMERR", "-"],
  ["a label of type 01", { questions: [question([0x41, 0x61, 0])], ...edns }, "FORMERR", "FORMERR", "-"],
  ["a label of type 10", { questions: [question([0x81, 0x61, 0])] }, "FORMERR", "FORMERR", "-"],
  ["octets behind the message", { tail: [1, 2, 3, 4] }, "NOERROR Q", "NOERROR", "-"],
  ["an OPT behind the message", { tail: opt() }, "NOERROR Q", "NOERROR", "-"],
  ["a record counted and not there", { counts: [1, 0, 0, 1] }, "FORMERR Q", "FORMERR OPT", "-"],
];

test.each(rows)("%s", async (_what, parts, expected) => {
  const octets = await askUdp(fdns.port, message(parts));
  const { rcode, hasEdns, ede } = readReply(octets);
  // The upper bits of the RCODE are in the OPT, which is last and without options then (RFC 6891, 6.1.3).
  const isBadVersion = hasEdns && ede.length === 0 && octets.at(-6) === 1;
  const words = [
    isBadVersion ? "BADVERS" : names[rcode],
    ...(octets[5] === 1 ? ["Q"] : []),
    ...(hasEdns ? ["OPT"] : []),
    ...ede.map((code) => `EDE ${code}`),
  ];
  expect(words.join(" ")).toBe(expected);
  // RA says what the server that answers can do.
  expect(octets[3]! & 0x80).toBe(0x80);
});

test("as it was found: a query whose answer is an alias of itself", async () => {
  const hex = "000101000001000100000000017804746573740000010001c00c00050001000000010002c018";
  const reply = await askUdp(fdns.port, Buffer.from(hex, "hex"));
  expect(Buffer.from(reply).toString("hex")).toBe("000181810001000000000000017804746573740000010001");
});
