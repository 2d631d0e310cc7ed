import { expect, test } from "bun:test";
import { MessageWriter } from "../../src/testupstream/dns/message.ts";
import { nameFromText, nameKey, nameToText } from "../../src/testupstream/dns/names.ts";
import { Query } from "../../src/testupstream/dns/query.ts";
import { ipv6Octets, TYPES } from "../../src/testupstream/dns/rdata.ts";
import { parseZone, zoneAnswers } from "../../src/testupstream/dns/zone.ts";
import { hex, queryMessage } from "./dot-client.ts";

const ZONE = `
$ORIGIN dot.test.
$TTL 300
@       IN SOA ns admin ( 7 ; serial
                  3600 600
                  86400 30 )
        NS  ns
ns      60 A 192.0.2.53
        IN 90 AAAA 2001:db8::53
www     CNAME web.dot.test.
web     A 192.0.2.1
        A 192.0.2.2
mail    MX 10 mx.example.
text    TXT "two words" plain "a;b" "q\\"\\065"
_s._tcp SRV 1 2 853 ns
ca      CAA 0 issue "ca.example"
rev     PTR host.example.
blob    TYPE65280 \\# 4 0102 ffFE
a\\.b    A 192.0.2.9
\\195\\164 A 192.0.2.10
in.the.middle A 192.0.2.11
out     CNAME elsewhere.example.
loop    CNAME loop
`;

const zone = parseZone(ZONE, "here");

function rdata(name: string, type: number): string[] {
  const owner = nameFromText(name, undefined);
  return (zone.get(nameKey(owner, 0, owner.length))?.get(type)?.rdata ?? []).map(hex);
}

/** The answer to a question, its length prefix included. */
function frameOf(name: string, type: number): Uint8Array {
  const query = new Query();
  const message = queryMessage(1, name, type);
  expect(query.read(message, 0, message.length)).toBe(true);
  const writer = new MessageWriter();
  const none = new Uint8Array(0);
  writer.begin(query, none);
  return writer.octets.subarray(0, writer.finish(query, zoneAnswers(zone).answer(query, writer), 0, none));
}

/** RCODE and the counts of answer and authority records. */
function ask(name: string, type: number): number[] {
  const frame = frameOf(name, type);
  return [frame[5]! & 15, frame[9]!, frame[11]!];
}

test("each type is read into its RDATA", () => {
  expect(rdata("ns.dot.test.", TYPES.A)).toEqual(["c0000235"]);
  expect(rdata("ns.dot.test.", TYPES.AAAA)).toEqual(["20010db8000000000000000000000053"]);
  expect(rdata("web.dot.test.", TYPES.A)).toEqual(["c0000201", "c0000202"]);
  expect(rdata("mail.dot.test.", TYPES.MX)).toEqual(["000a026d78076578616d706c6500"]);
  expect(rdata("text.dot.test.", TYPES.TXT)).toEqual([
    hex(new TextEncoder().encode('\u0009two words\u0005plain\u0003a;b\u0003q"A')),
  ]);
  expect(rdata("_s._tcp.dot.test.", TYPES.SRV)).toEqual(["000100020355026e7303646f74047465737400"]);
  expect(rdata("ca.dot.test.", TYPES.CAA)).toEqual([`00056973737565${hex(new TextEncoder().encode("ca.example"))}`]);
  expect(rdata("rev.dot.test.", TYPES.PTR)).toEqual(["04686f7374076578616d706c6500"]);
  expect(rdata("blob.dot.test.", 65_280)).toEqual(["0102fffe"]);
  const soa = rdata("dot.test.", TYPES.SOA)[0]!;
  expect(soa.endsWith("0000000700000e1000000258000151800000001e")).toBe(true);
});

test("names are octets: a dot in a label and an octet above 127 survive", () => {
  expect(hex(nameFromText("a\\.b.test.", undefined))).toBe("03612e62047465737400");
  expect(nameToText(nameFromText("a\\.b.\\195\\164.", undefined), 0)).toBe("a\\046b.\\195\\164.");
  expect(rdata("a\\.b.dot.test.", TYPES.A)).toEqual(["c0000209"]);
  expect(rdata("a.b.dot.test.", TYPES.A)).toEqual([]);
  expect(rdata("ä.dot.test.", TYPES.A)).toEqual(["c000020a"]);
});

test("answers follow aliases and say what does not exist", () => {
  expect(ask("WEB.dot.test.", TYPES.A)).toEqual([0, 2, 0]);
  expect(ask("www.dot.test.", TYPES.A)).toEqual([0, 3, 0]);
  expect(ask("www.dot.test.", TYPES.CNAME)).toEqual([0, 1, 0]);
  expect(ask("web.dot.test.", TYPES.MX)).toEqual([0, 0, 1]);
  expect(ask("absent.dot.test.", TYPES.A)).toEqual([3, 0, 1]);
  expect(ask("middle.dot.test.", TYPES.A)).toEqual([0, 0, 1]);
  expect(ask("out.dot.test.", TYPES.A)).toEqual([3, 1, 0]);
  expect(ask("loop.dot.test.", TYPES.A)).toEqual([0, 17, 1]);
  expect(ask("example.", TYPES.A)).toEqual([3, 0, 0]);
});

test("the SOA of a negative answer lives no longer than its MINIMUM (RFC 2308, 3)", () => {
  const soa = `${hex(nameFromText("dot.test.", undefined))}00060001`;
  expect(hex(frameOf("absent.dot.test.", TYPES.A))).toContain(`${soa}0000001e`);
});

test("IPv6 addresses in every form of text", () => {
  expect(hex(ipv6Octets("::"))).toBe("0".repeat(32));
  expect(hex(ipv6Octets("::ffff:192.0.2.1"))).toBe("00000000000000000000ffffc0000201");
  expect(hex(ipv6Octets("1:2:3:4:5:6:7:8"))).toBe("00010002000300040005000600070008");
  for (const bad of ["1::2::3", "1:2:3", "1:2:3:4:5:6:7:8:9", "12345::", "::1%eth0"]) {
    expect(() => ipv6Octets(bad)).toThrow(`"${bad}" is not an IPv6 address`);
  }
});

test.each([
  ["a A 192.0.2", 'zone f, line 1: "192.0.2" is not an IPv4 address'],
  ["$TTL 60\n\nwww.test. A", "zone f, line 3: address is missing"],
  [
    "a.test. HINFO x y",
    'zone f, line 1: type "HINFO": allowed are A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, CAA and TYPE0 to TYPE65535',
  ],
  ["$INCLUDE x", 'zone f, line 1: "$INCLUDE": allowed are $ORIGIN and $TTL'],
  ["a.test. A 192.0.2.1 192.0.2.2", 'zone f, line 1: "192.0.2.2" is more than the record takes'],
  ["a.test. MX 70000 b.", 'zone f, line 1: preference "70000": a number from 0 to 65535'],
  [
    "a.test. TYPE9 \\# 2 01",
    "zone f, line 1: \\# takes the number of octets, then that many in hexadecimal; got 1 of 2",
  ],
  ["a.test. TYPE9 x", "zone f, line 1: TYPE9 is written as \\# LENGTH HEX (RFC 3597)"],
  ["a.test. SOA ( a b 1", 'zone f, line 1: "(" is not closed'],
  [" A 192.0.2.1", "zone f, line 1: the first record needs an owner name"],
  ["a.test. 9999999999 A 192.0.2.1", 'zone f, line 1: TTL "9999999999": a number of seconds from 0 to 4294967295'],
  [
    `${"a".repeat(64)}.test. A 192.0.2.1`,
    `zone f, line 1: name "${"a".repeat(64)}.test.": a label longer than 63 octets`,
  ],
  ["a.test. A 192.0.2.1\na.test. CNAME b.", "zone f, line 2: a name with a CNAME has no other record"],
  ['a.test. TXT "open', 'zone f, line 1: " is not followed by what it needs'],
])("a bad line is an error of one line: %j", (text, message) => {
  expect(() => parseZone(text, "f")).toThrow(message);
});
