import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseName, readName, reverseName } from "../../src/presentation/name.ts";
import { parseIpAddress } from "../../src/wire/ip-address.ts";

const wire = (...labels: string[]) =>
  Uint8Array.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]), 0]);

/** A message that is a header and these octets. */
const message = (...octets: number[]) => Uint8Array.from([...new Array<number>(12).fill(0), ...octets]);

describe("text to octets", () => {
  test.each([
    [".", wire()],
    ["example.com", wire("example", "com")],
    ["Example.COM.", wire("Example", "COM")],
    ["a\\046b.test", wire("a.b", "test")],
    ["a\\.b.test", wire("a.b", "test")],
    ["back\\\\slash.test", wire("back\\slash", "test")],
    ["\\000\\255.test", wire("\0\xff", "test")],
    ["_dns._tcp.x", wire("_dns", "_tcp", "x")],
    [`${"a".repeat(63)}.`, wire("a".repeat(63))],
    [
      `${`${"a".repeat(63)}.`.repeat(3)}${"a".repeat(61)}`,
      wire(...new Array<string>(3).fill("a".repeat(63)), "a".repeat(61)),
    ],
  ])("%s", (text, octets) => expect(parseName(text)).toEqual(octets));

  test.each([
    ["", "empty label"],
    ["..", "empty label"],
    ["a..b", "empty label"],
    [".a", "empty label"],
    ["a".repeat(64), "more than 63"],
    [`${`${"a".repeat(63)}.`.repeat(3)}${"a".repeat(62)}`, "more than 255"],
    ["a\\256", "no octet"],
    ["a\\", "a backslash needs"],
    ["a\\1", "a backslash needs"],
    ["bücher.example", "xn--"],
    ["😀.example", "xn--"],
  ])("%s is refused", (text, why) => expect(() => parseName(text)).toThrow(why));
});

describe("octets to text", () => {
  test("what means something in a zone file is escaped, and whatever is not printable", () => {
    const octets = wire('."\\;()@$', "\x1b[2J ~\x7f\x80\xff");
    expect(readName(octets, 0)).toEqual({
      text: '\\.\\"\\\\\\;\\(\\)\\@\\$.\\027[2J\\032~\\127\\128\\255.',
      behind: octets.length,
    });
  });

  test("pointers are followed, and the name ends behind the first", () => {
    // "test" at 12, "a" and a pointer to it at 18, a pointer to that at 22.
    const octets = message(4, 0x74, 0x65, 0x73, 0x74, 0, 1, 0x61, 0xc0, 12, 0xc0, 18);
    expect(readName(octets, 18)).toEqual({ text: "a.test.", behind: 22 });
    expect(readName(octets, 22)).toEqual({ text: "a.test.", behind: 24 });
  });

  test.each([
    ["a pointer to itself", message(0xc0, 12)],
    ["a pointer forward", message(0xc0, 14, 0)],
    ["two pointers in a circle", message(1, 0x61, 0xc0, 12)],
    ["a pointer into the header", message(0xc0, 0)],
    ["half a pointer", message(0xc0)],
    ["no end", message(1, 0x61)],
    ["a label that is cut", message(5, 0x61)],
    ["a label of no known kind", message(0x40, 0)],
    ["nothing", message()],
  ])("%s", (_what, octets) => expect(() => readName(octets, 12)).toThrow());

  test("more than 255 octets", () => {
    const label = [63, ...new Array<number>(63).fill(0x61)];
    const last = (octets: number) => [octets, ...new Array<number>(octets).fill(0x61), 0];
    expect(readName(message(...label, ...label, ...label, ...last(61)), 12).behind).toBe(12 + 255);
    expect(() => readName(message(...label, ...label, ...label, ...last(62)), 12)).toThrow("too long");
    expect(() => readName(message(...label, ...label, ...label, ...label, 0), 12)).toThrow("too long");
  });

  test("every name survives", () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
    fc.assert(
      fc.property(fc.array(label, { maxLength: 3 }), (labels) => {
        const octets = Uint8Array.from([...labels.flatMap((one) => [one.length, ...one]), 0]);
        const { text, behind } = readName(octets, 0);
        expect(behind).toBe(octets.length);
        expect(text).toMatch(/^[\x21-\x7e]+$/);
        expect(parseName(text)).toEqual(octets);
      }),
      { seed: 1 },
    );
  });
});

test.each([
  ["192.0.2.1", "1.2.0.192.in-addr.arpa."],
  ["2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."],
])("the name of %s", (address, name) => expect(reverseName(parseIpAddress(address)!)).toBe(name));
