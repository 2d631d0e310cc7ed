import { expect, test } from "bun:test";
import { MessageWriter } from "../../src/testupstream/dns/message.ts";
import { nameFromText } from "../../src/testupstream/dns/names.ts";
import { Query, queryFacts } from "../../src/testupstream/dns/query.ts";
import { TYPES } from "../../src/testupstream/dns/rdata.ts";
import { hashName, synthesizedAnswers } from "../../src/testupstream/dns/synthesize.ts";
import { hex, queryMessage } from "./dot-client.ts";

const NO_OPTIONS = new Uint8Array(0);

function synthesize(name: string | Uint8Array, type: number, options = {}): Uint8Array {
  const query = new Query();
  const message = queryMessage(7, name, type, options);
  expect(query.read(message, 0, message.length)).toBe(true);
  const writer = new MessageWriter();
  writer.begin(query, NO_OPTIONS);
  const frame = writer.octets.slice(0, writer.finish(query, synthesizedAnswers.answer(query, writer), 0, NO_OPTIONS));
  expect((frame[0]! << 8) | frame[1]!).toBe(frame.length - 2);
  return frame.slice(2);
}

test("the hash is FNV-1a of the wire name in lower case", () => {
  expect(hashName(new TextEncoder().encode("a"))).toBe(0xe40c292c);
  expect(hashName(new TextEncoder().encode("foobar"))).toBe(0xbf9cf968);
  const lower = nameFromText("www.dot.test.", undefined);
  expect(hashName(nameFromText("wWw.DOT.test.", undefined))).toBe(hashName(lower));
  expect(hashName(Uint8Array.of(9, ...lower, 9), 1, lower.length + 1)).toBe(hashName(lower));
});

test("an A answer echoes the question and shows the hash", () => {
  const hash = hashName(nameFromText("www.dot.test.", undefined));
  const message = synthesize("WwW.dot.test.", TYPES.A, { edns: false });
  const last = [10, hash >>> 16, hash >>> 8, hash].map((octet) => (octet & 255).toString(16).padStart(2, "0")).join("");
  expect(hex(message)).toBe(
    `0007818000010001000000000357775703646f7404746573740000010001c00c000100010000003c0004${last}`,
  );
});

test("labels of any octets are answered by their own name", () => {
  const dotted = Uint8Array.of(3, 0x61, 0x2e, 0x62, 0);
  const plain = Uint8Array.of(1, 0x61, 1, 0x62, 0);
  expect(hex(synthesize(dotted, TYPES.A).slice(12, 17))).toBe(hex(dotted));
  expect(hashName(dotted)).not.toBe(hashName(plain));
});

test("DO and CD are copied; the OPT is there only when asked with one", () => {
  expect(hex(synthesize("a.test.", 1, { dnssecOk: true, flags: 0x0110 })).slice(4, 8)).toBe("8190");
  expect(hex(synthesize("a.test.", 1, { dnssecOk: true })).endsWith("00002904d0000080000000")).toBe(true);
  expect(hex(synthesize("a.test.", 1)).endsWith("00002904d0000000000000")).toBe(true);
});

test("names that mean something: nx, big-N, cname-N", () => {
  const counts = (message: Uint8Array) => [message[3]! & 15, message[7], message[9]];
  expect(counts(synthesize("nx.test.", TYPES.A))).toEqual([3, 0, 1]);
  expect(counts(synthesize("nx5.test.", TYPES.A))).toEqual([3, 0, 1]);
  expect(counts(synthesize("a.test.", TYPES.MX))).toEqual([0, 0, 1]);
  expect(counts(synthesize(".", TYPES.MX))).toEqual([0, 0, 1]);
  expect(counts(synthesize("cname-3.test.", TYPES.A))).toEqual([0, 4, 0]);
  expect(counts(synthesize("cname-3.test.", TYPES.CNAME))).toEqual([0, 3, 0]);
  for (const octets of [100, 512, 1232, 4096, 60_000, 65_535]) {
    expect(synthesize(`big-${octets}.test.`, TYPES.TXT).length).toBe(octets);
    expect(synthesize(`big-${octets}.test.`, TYPES.TXT, { edns: false }).length).toBe(octets);
  }
});

test("what is no query with one question is not read", () => {
  const query = new Query();
  const good = queryMessage(1, "a.test.");
  const changed = (at: number, value: number) => good.map((octet, i) => (i === at ? value : octet));
  expect(query.read(good, 0, good.length)).toBe(true);
  for (const bad of [
    good.slice(0, 12),
    good.slice(0, -1),
    Uint8Array.of(...good, 0),
    changed(2, 0x81),
    changed(5, 2),
    changed(12, 0xc0),
    changed(11, 2),
  ]) {
    expect(query.read(bad, 0, bad.length)).toBe(false);
  }
});

test("the facts of a query: subnet, padding, flags", () => {
  const ecs = [0, 8, 0, 4, 0, 1, 0, 0];
  const padding = [0, 12, 0, 5, 0, 0, 0, 0, 0];
  const facts = queryFacts(
    queryMessage(1, "A\\.b.test.", 28, { dnssecOk: true, flags: 0x0130, options: [...ecs, ...padding] }),
  );
  expect(facts).toMatchObject({ qname: "A\\046b.test.", qtype: 28, rd: true, ad: true, cd: true });
  expect(facts?.edns).toEqual({
    version: 0,
    udpPayloadSize: 1232,
    do: true,
    paddingOctets: 5,
    ecs: { family: 1, sourcePrefix: 0, addressOctets: 0 },
    keepalive: false,
    options: [8, 12],
  });
  expect(queryFacts(queryMessage(1, "a.", 1, { edns: false }))?.edns).toBeNull();
});
