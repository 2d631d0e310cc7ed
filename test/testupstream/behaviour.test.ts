import { afterEach, expect, test } from "bun:test";
import { type Behaviour, DEFAULT_BEHAVIOUR, type Fault } from "../../src/testupstream/behaviour.ts";
import { nameFromText } from "../../src/testupstream/dns/names.ts";
import { hashName } from "../../src/testupstream/dns/synthesize.ts";
import { parseScenario, type Scenario } from "../../src/testupstream/scenario.ts";
import { startTestUpstream, type TestUpstream, type TestUpstreamOptions } from "../../src/testupstream/start.ts";
import { DotClient, framed, hex, queryMessage } from "./dot-client.ts";
import { tapRecords } from "./record-tap.ts";

let upstream: TestUpstream;
let dot: DotClient;

afterEach(async () => {
  await dot.close();
  await upstream.close();
});

async function connected(behaviour: Partial<Behaviour>, options: TestUpstreamOptions = {}): Promise<void> {
  const scenario: Scenario = { base: { ...DEFAULT_BEHAVIOUR, ...behaviour }, rules: [] };
  upstream = await startTestUpstream({ scenario, ...options });
  dot = await new DotClient(upstream).secure();
}

/** Answers to this many queries sent at once, IDs 0 up. */
async function burst(count: number): Promise<number[]> {
  dot.send(...Array.from({ length: count }, (_, id) => queryMessage(id, `n${id}.test`)));
  const ids: number[] = [];
  while (ids.length < count) {
    const answer = await dot.next();
    if (!answer) break;
    const a = answer.message.length - 11 - 4;
    const hash = hashName(nameFromText(`n${answer.id}.test.`, undefined));
    expect(hex(answer.message.subarray(a, a + 4))).toBe(`0a${(hash & 0xffffff).toString(16).padStart(6, "0")}`);
    ids.push(answer.id);
  }
  return ids;
}

const inOrder = (count: number) => Array.from({ length: count }, (_, id) => id);
const sorted = (ids: readonly number[]) => [...ids].sort((a, b) => a - b);

test("right answers come in order, those of one turn in few writes", async () => {
  await connected({});
  expect(await burst(1000)).toEqual(inOrder(1000));
  expect(dot.chunks.length).toBeLessThan(20);
  const report = upstream.report();
  expect(report).toMatchObject({
    queries: 1000,
    responses: 1000,
    malformedFrames: 0,
    idReuses: 0,
    allPadded128: false,
  });
  expect(report.applicationOctets).toBeGreaterThan(30_000);
  expect(report.lastQuery?.qname).toBe("n999.test.");
});

test("delayed answers wait, and those with different delays overtake each other", async () => {
  await connected({ delayMs: { min: 5, max: 40 } });
  const before = performance.now();
  const ids = await burst(200);
  expect(performance.now() - before).toBeGreaterThan(5);
  expect(ids).not.toEqual(inOrder(200));
  expect(sorted(ids)).toEqual(inOrder(200));
  expect(upstream.counters.maxInFlight).toBe(200);
});

test("shuffled answers come in another order, the same with the same seed", async () => {
  const orders: string[] = [];
  for (const seed of [7, 7, 8]) {
    await connected({ shuffle: 16, shuffleWindowMs: 30 }, { seed });
    const ids = await burst(40);
    expect(sorted(ids)).toEqual(inOrder(40));
    expect(sorted(ids.slice(0, 16))).toEqual(inOrder(16));
    expect(ids.slice(0, 16)).not.toEqual(inOrder(16));
    orders.push(String(ids.slice(0, 32)));
    await dot.close();
    await upstream.close();
  }
  expect(orders[0]).toBe(orders[1]!);
  expect(orders[0]).not.toBe(orders[2]!);
});

/** How many TLS records the answer to one question takes, and its length in octets with the prefix. */
async function recordsOf(name: string, type: number): Promise<{ records: number; octets: number }> {
  const tap = await tapRecords(upstream.port);
  const tapped = await new DotClient({ ...upstream, port: tap.port }).secure();
  await tapped.ask("a.test");
  const before = tap.records();
  const { message } = await tapped.ask(name, type);
  const records = tap.records() - before;
  await tapped.close();
  await tap.close();
  return { records, octets: message.length + 2 };
}

test("single octets: one TLS record each", async () => {
  await connected({ split: "octets" });
  const { records, octets } = await recordsOf("big-600.test", 16);
  expect([records, octets]).toEqual([602, 602]);
  expect((await burst(20)).length).toBe(20);
});

test("an oversize answer in single octets arrives whole, in under two seconds", async () => {
  await connected({ split: "octets", faults: ["oversize"] });
  const before = performance.now();
  expect((await dot.ask("a.test")).message.length).toBe(65_535);
  expect(performance.now() - before).toBeLessThan(2000);
});

test("pieces of random size, and whole frames", async () => {
  await connected({ split: "random" });
  const { records, octets } = await recordsOf("big-2000.test", 16);
  expect(octets).toBe(2002);
  expect(records).toBeGreaterThan(32);
  expect(records).toBeLessThan(300);
  await dot.close();
  await upstream.close();
  await connected({});
  expect((await recordsOf("big-2000.test", 16)).records).toBe(1);
});

async function faulty(faults: Fault[]): Promise<void> {
  await connected({ faults });
}

const RIGHT_QUESTION = "01610474657374000001000100";

test("wrong ID, question, type; QR=0; TC", async () => {
  for (const [fault, expected] of [
    ["wrong-id", { id: 0xed34 }],
    ["wrong-name", { id: 0x1234, question: "017804746573740000010001" }],
    ["wrong-type", { id: 0x1234, question: "0161047465737400001c0001" }],
    ["qr0", { id: 0x1234, flags: 0x0180 }],
    ["tc", { id: 0x1234, flags: 0x8380, counts: [1, 0, 0, 1] }],
    ["malformed", { id: 0x1234, counts: [1, 1, 0, 1] }],
    ["oversize", { id: 0x1234, counts: [1, 1, 0, 2] }],
  ] as const) {
    await faulty([fault]);
    const answer = await dot.ask("a.test");
    expect(answer).toMatchObject(expected as object);
    if (fault === "malformed")
      expect(hex(answer.message).slice(24 + RIGHT_QUESTION.length - 2, 24 + RIGHT_QUESTION.length + 2)).toBe("c018");
    await dot.close();
    await upstream.close();
  }
});

test("duplicate, unsolicited, zero and short frames, garbage: the right answer is among them", async () => {
  for (const [fault, lengths] of [
    ["duplicate", [51, 51]],
    ["unsolicited", [34, 51]],
    ["zero-frame", [0, 51]],
    ["short-frame", [5, 51]],
  ] as const) {
    await faulty([fault]);
    dot.send(queryMessage(5, "a.test"));
    const answers = [await dot.next(), await dot.next()];
    expect(answers.map((answer) => answer?.message.length)).toEqual([...lengths]);
    expect(answers[1]?.id).toBe(5);
    await dot.close();
    await upstream.close();
  }
  await faulty(["garbage"]);
  await dot.ask("a.test");
  await dot.until(() => dot.left === 64);
  expect(dot.left).toBe(64);
});

test("cut in the middle, by FIN and by RST", async () => {
  for (const [fault, code] of [
    ["cut-fin", undefined],
    ["cut-rst", "ECONNRESET"],
  ] as const) {
    await faulty([fault]);
    dot.send(queryMessage(5, "a.test"));
    expect(await dot.next()).toBeUndefined();
    expect([dot.left, dot.errorCode]).toEqual([26, code]);
    await dot.close();
    await upstream.close();
  }
});

test("RCODE, Extended DNS Error, keepalive, AD", async () => {
  await connected({ rcode: 2, edeCode: 22, keepaliveMs: 12_300, ad: true });
  const answer = await dot.ask("a.test");
  expect(answer).toMatchObject({ rcode: 2, flags: 0x81a2, counts: [1, 0, 0, 1] });
  expect(hex(answer.message).endsWith("00002904d000000000000c000b0002007b000f00020016")).toBe(true);
  expect((await dot.ask("a.test", 1, { edns: false })).counts).toEqual([1, 0, 0, 0]);
});

test("the TTL of every record", async () => {
  await connected({ ttlSeconds: 7 });
  for (const asked of ["a.test", "nx.test"]) {
    const { message } = await dot.ask(asked, 1, { edns: false });
    // An address or an SOA of 22 octets, each behind its TTL and length.
    const ttlAt = message.length - (asked === "a.test" ? 4 : 22) - 6;
    expect(hex(message.subarray(ttlAt, ttlAt + 4))).toBe("00000007");
  }
});

test("silence, close and reset after so many answers", async () => {
  await connected({ silentAfter: 3, closeIdleMs: 100 });
  expect(await burst(5)).toEqual([0, 1, 2]);
  expect(upstream.counters).toMatchObject({ queries: 5, responses: 3 });
  await upstream.close();
  await connected({ closeAfter: 3 });
  expect(await burst(5)).toEqual([0, 1, 2]);
  expect(dot.errorCode).toBeUndefined();
  await upstream.close();
  await connected({ resetAfter: 3 });
  expect(await burst(5)).toEqual([0, 1, 2]);
  expect(dot.errorCode).toBe("ECONNRESET");
});

test("close and reset when idle", async () => {
  await connected({ closeIdleMs: 50 });
  await dot.ask("a.test");
  await dot.until(() => false);
  expect(dot.errorCode).toBeUndefined();
  await upstream.close();
  await connected({ resetIdleMs: 50 });
  await dot.ask("a.test");
  await dot.until(() => false);
  expect(dot.errorCode).toBe("ECONNRESET");
});

test("a client that ends its side still gets what it asked for", async () => {
  await connected({ delayMs: { min: 30, max: 30 } });
  dot.socket.end(framed(queryMessage(9, "a.test")));
  expect((await dot.next())?.id).toBe(9);
  await dot.until(() => false);
});

test("queries that come octet by octet, several in a write, and broken ones", async () => {
  await connected({});
  for (const octet of framed(queryMessage(1, "a.test"))) dot.socket.write(Uint8Array.of(octet));
  expect((await dot.next())?.id).toBe(1);
  dot.send(new Uint8Array(0), Uint8Array.of(1, 2, 3), queryMessage(2, "a.test"));
  expect((await dot.next())?.id).toBe(2);
  expect(upstream.counters).toMatchObject({ queries: 2, malformedFrames: 2, idReuses: 0 });
});

test("an ID used again while in flight is counted", async () => {
  await connected({ delayMs: { min: 10, max: 10 } });
  dot.send(queryMessage(1, "a.test"), queryMessage(1, "b.test"));
  await dot.next();
  await dot.next();
  expect(upstream.counters.idReuses).toBe(1);
});

test("rules choose by name, by query and by connection; later ones win", async () => {
  const { rules } = parseScenario(
    JSON.stringify({
      rules: [
        { qname: "bad.test", rcode: "servfail" },
        { qname: "worse.bad.test", rcode: "refused" },
        { query: "5-6", rcode: "notimp" },
        { connection: 2, "close-after": 1 },
      ],
    }),
    "inline",
    [],
  );
  await connected({}, { scenario: { base: DEFAULT_BEHAVIOUR, rules } });
  const rcodes: number[] = [];
  for (const name of ["a.test", "BAD.test", "x.worse.bad.test", "notbad.test", "a.test", "a.test", "a.test"]) {
    rcodes.push((await dot.ask(name)).rcode);
  }
  expect(rcodes).toEqual([0, 2, 5, 0, 4, 4, 0]);
  const second = await new DotClient(upstream).secure();
  await second.ask("a.test");
  expect(await second.next()).toBeUndefined();
});

test("the first connections fail, the next is served", async () => {
  const text = JSON.stringify({ rules: [{ connection: "1-2", handshake: "close" }] });
  const { rules } = parseScenario(text, "inline", []);
  await connected({}, { scenario: { base: DEFAULT_BEHAVIOUR, rules } });
  for (const served of [false, true]) {
    await dot.close();
    dot = await new DotClient(upstream).secure();
    expect(dot.socket.authorized && !dot.closed).toBe(served);
  }
  expect((await dot.ask("a.test")).rcode).toBe(0);
});

test("a zone answers instead of the names themselves", async () => {
  await connected({}, { zoneText: "www.test. A 192.0.2.1" });
  expect(hex((await dot.ask("www.test")).message)).toContain("c0000201");
  expect((await dot.ask("absent.test")).rcode).toBe(3);
});
