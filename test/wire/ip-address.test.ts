import { describe, expect, test } from "bun:test";
import * as net from "node:net";
import fc from "fast-check";
import { formatIpAddress, parseIpAddress } from "../../src/wire/ip-address.ts";

describe("address text", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8::0001", "2001:db8::1"],
    ["2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"],
    ["2001:0:0:1:0:0:0:0", "2001:0:0:1::"],
    ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
    ["::ffff:c000:201", "::ffff:192.0.2.1"],
  ])("%s is read, and written as %s (RFC 5952)", (text, written) => {
    expect(formatIpAddress(parseIpAddress(text)!)).toBe(written);
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.04",
    "1.2.3.",
    "a.b.c.d",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "g::",
    "1:",
    ":1",
    "[::1]",
    "fe80::1%eth0",
    "dns.google",
  ])("%p is no address", (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });

  test("every address survives being written and read, and is one to the runtime too", () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      // Addresses with runs of zeros, where the short form has its corners.
      fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(octets, (address) => {
        const text = formatIpAddress(address);
        expect(net.isIP(text)).toBe(address.length === 4 ? 4 : 6);
        expect(parseIpAddress(text)).toEqual(address);
      }),
    );
  });

  test("only addresses the runtime accepts are accepted", () => {
    const text = fc.string({ unit: fc.constantFrom(..."0123456789abF:::.."), maxLength: 24 });
    fc.assert(
      fc.property(text, (candidate) => {
        expect(parseIpAddress(candidate) !== undefined).toBe(net.isIP(candidate) !== 0);
      }),
      { numRuns: 2000 },
    );
  });
});
