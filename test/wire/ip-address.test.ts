import { expect, test } from "bun:test";
import * as net from "node:net";
import fc from "fast-check";
import { formatIpAddress, parseIpAddress, unmapIpv4 } from "../../src/wire/ip-address.ts";

const octetsOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test("every address is read back from its text", () => {
  fc.assert(
    fc.property(fc.oneof(octetsOf(4), octetsOf(16)), (octets) => {
      expect(parseIpAddress(formatIpAddress(octets))).toEqual(octets);
    }),
  );
});

test("addresses with runs of zeros, too", () => {
  const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const octets = Uint8Array.from(groups.flatMap((value) => [value >> 8, value & 0xff]));
      expect(parseIpAddress(formatIpAddress(octets))).toEqual(octets);
      expect(parseIpAddress(groups.map((value) => value.toString(16).padStart(4, "0")).join(":"))).toEqual(octets);
    }),
  );
});

test("the forms of RFC 4291, 2.2 and the spelling of RFC 5952", () => {
  const spelling: Record<string, string> = {
    "2001:DB8:0:0:8:800:200C:417A": "2001:db8::8:800:200c:417a",
    "FF01:0:0:0:0:0:0:101": "ff01::101",
    "0:0:0:0:0:0:0:1": "::1",
    "0:0:0:0:0:0:0:0": "::",
    "::13.1.68.3": "::d01:4403",
    "::FFFF:129.144.52.38": "::ffff:129.144.52.38",
    "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
    "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
    "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
    "1:2:3:4:5:6:1.2.3.4": "1:2:3:4:5:6:102:304",
    "1::": "1::",
    "192.0.2.255": "192.0.2.255",
  };
  for (const [text, expected] of Object.entries(spelling)) {
    expect(formatIpAddress(parseIpAddress(text)!)).toBe(expected);
  }
});

test("what is no address", () => {
  const wrong = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    "1.2.3.+4",
    "0x7f.0.0.1",
    " 1.2.3.4",
    "1.2.3.4 ",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:",
    "12345::",
    "g::",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "::1%eth0",
    "[::1]",
  ];
  for (const text of wrong) expect([text, parseIpAddress(text)]).toEqual([text, undefined]);
});

test("what is an address to the runtime is one here, and nothing else", () => {
  const text = fc.string({ unit: fc.constantFrom(..."0123456789abF:::.."), maxLength: 24 });
  fc.assert(
    fc.property(text, (candidate) => {
      expect(parseIpAddress(candidate) !== undefined).toBe(net.isIP(candidate) !== 0);
    }),
    { numRuns: 2000 },
  );
});

test("only mapped addresses lose their wrapping", () => {
  expect(unmapIpv4(parseIpAddress("::ffff:192.0.2.1")!)).toEqual(Uint8Array.of(192, 0, 2, 1));
  expect(unmapIpv4(parseIpAddress("::192.0.2.1")!)).toHaveLength(16);
  expect(() => formatIpAddress(new Uint8Array(5))).toThrow("4 or 16");
});
