import { describe, expect, test } from "bun:test";
import { decode, encode } from "@leichtgewicht/dns-packet";
import fc from "fast-check";
import { rdataText } from "../../src/presentation/rdata.ts";
import { mnemonics, parseType, typeText } from "../../src/presentation/types.ts";

/** Shows RDATA given in hexadecimal. */
function shown(type: string, hex: string): string {
  const rdata = Buffer.from(hex.replaceAll(" ", ""), "hex");
  // Behind a header and "test.", so that names can point at 12.
  const message = Uint8Array.from([...new Array<number>(12).fill(0), 4, 0x74, 0x65, 0x73, 0x74, 0, ...rdata]);
  return rdataText(message, parseType(type)!, 18, message.length);
}

describe("RDATA as its RFC writes it", () => {
  test.each([
    ["A", "c0000201", "192.0.2.1"],
    ["AAAA", "20010db8000000000000000000000001", "2001:db8::1"],
    ["NS", "0161 c00c", "a.test."],
    ["MX", "000a c00c", "10 test."],
    ["SOA", "c00c 0161c00c 00000001 00000002 00000003 00000004 ffffffff", "test. a.test. 1 2 3 4 4294967295"],
    ["TXT", "01 22 03 5c09ff 00", '"\\"" "\\\\\\009\\255" ""'],
    ["HINFO", "07 52464338343832 00", '"RFC8482" ""'],
    ["SRV", "0001 0002 0355 00", "1 2 853 ."],
    ["NAPTR", "0064 000a 01 75 07 4532552b736970 03 212121 00", '100 10 "u" "E2U+sip" "!!!" .'],
    ["CAA", "00 05 6973737565 636120223b22", '0 issue "ca \\";\\""'],
    ["URI", "000a 0001 6874747073", '10 1 "https"'],
    ["DS", "0001 08 02 abcdef", "1 8 2 ABCDEF"],
    ["DNSKEY", "0101 03 0d 010203", "257 3 13 AQID"],
    [
      "RRSIG",
      "0001 0d 02 00000e10 65920080 6590aeff 3039 c00c 0102",
      "A 13 2 3600 20240101000000 20231230235959 12345 test. AQI=",
    ],
    ["NSEC", "c00c 0006 400000000003 ff01 80", "test. A RRSIG NSEC TYPE65280"],
    ["NSEC3", "01 00 000a 02 abcd 05 0123456789 0001 40", "1 0 10 ABCD 04HKAPS9 A"],
    ["NSEC3PARAM", "01 00 0000 00", "1 0 0 -"],
    ["TLSA", "03 01 01 d2ab", "3 1 1 D2AB"],
    ["SSHFP", "04 02 1234", "4 2 1234"],
    ["SVCB", "0000 c00c", "0 test."],
    ["HTTPS", "0001 00 0001 0006 02 6832 02 6833 0003 0002 0355", '1 . alpn="h2,h3" port=853'],
    [
      "SVCB",
      "0001 00 0000 0004 0001 0004 0001 0004 03 612c5c 0002 0000 0004 0004 c0000201 0005 0002 0102",
      '1 . mandatory=alpn,ipv4hint alpn="a\\\\,\\\\\\\\" no-default-alpn ipv4hint=192.0.2.1 ech=AQI=',
    ],
    [
      "SVCB",
      "0001 00 0006 0010 20010db8000000000000000000000001 0007 0004 2f647b7d ff00 0002 00ff",
      '1 . ipv6hint=2001:db8::1 dohpath="/d{}" key65280="\\000\\255"',
    ],
  ])("%s %s", (type, hex, text) => expect(shown(type, hex)).toBe(text));
});

describe("RDATA that is not what its type says is shown as octets", () => {
  test.each([
    ["TYPE65280", "010203", "\\# 3 010203"],
    ["TYPE65280", "", "\\# 0"],
    ["LOC", "00", "\\# 1 00"],
    ["A", "c00002", "\\# 3 C00002"],
    ["A", "c000020101", "\\# 5 C000020101"],
    ["NS", "c0ff", "\\# 2 C0FF"],
    ["NS", "0561", "\\# 2 0561"],
    ["TXT", "", "\\# 0"],
    ["TXT", "0261", "\\# 2 0261"],
    ["CAA", "00 01 20 61", "\\# 4 00012061"],
    ["HTTPS", "0001 00 0003 0001 03", "\\# 8 0001000003000103"],
    ["HTTPS", "0001 00 0003 0004 0355", "\\# 9 000100000300040355"],
    ["HTTPS", "0001 00 0001 0003 05 6832", "\\# 10 00010000010003056832"],
    ["HTTPS", "0001 00 0001", "\\# 5 0001000001"],
    ["HTTPS", "0001 00 0002 0001 00", "\\# 8 0001000002000100"],
  ])("%s %s", (type, hex, text) => expect(shown(type, hex)).toBe(text));

  test("a name that goes on behind the RDATA", () => {
    const message = Uint8Array.from([...new Array<number>(12).fill(0), 1, 0x61, 0]);
    expect(rdataText(message, 2, 12, 15)).toBe("a.");
    expect(rdataText(message, 2, 12, 14)).toBe("\\# 2 0161");
  });

  test("nothing throws, and nothing leaves printable ASCII", () => {
    const types = fc.constantFrom(...mnemonics);
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 80 }), (type, rdata) => {
        const message = Uint8Array.from([...new Array<number>(12).fill(0), ...rdata]);
        expect(rdataText(message, parseType(type)!, 12, message.length)).toMatch(/^[\x20-\x7e]+$/);
      }),
      { seed: 2, numRuns: 3000 },
    );
  });
});

describe("types", () => {
  test.each(mnemonics)("%s is read and written alike", (mnemonic) => {
    expect(typeText(parseType(mnemonic)!)).toBe(mnemonic);
    expect(parseType(mnemonic.toLowerCase())).toBe(parseType(mnemonic)!);
  });

  test("by number", () => {
    expect(parseType("TYPE65280")).toBe(65280);
    expect(parseType("type1")).toBe(1);
    expect(typeText(65280)).toBe("TYPE65280");
    for (const wrong of ["TYPE65536", "TYPE", "TYPE01", "65280", "", "constructor"])
      expect(parseType(wrong)).toBeUndefined();
  });

  test("the mnemonics dns-packet knows have the same numbers", () => {
    const known = mnemonics.filter((mnemonic) => {
      const question = encode({ type: "query", id: 1, questions: [{ name: "a", type: "A" }] });
      const number = parseType(mnemonic)!;
      question[15] = number >> 8;
      question[16] = number & 0xff;
      const type: string = decode(question).questions![0]!.type;
      return !type.startsWith("UNKNOWN") && expect(type).toBe(mnemonic) === undefined;
    });
    expect(known.length).toBeGreaterThan(30);
  });
});
