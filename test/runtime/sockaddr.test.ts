import { describe, expect, test } from "bun:test";
import * as net from "node:net";
import fc from "fast-check";
import {
  addressText,
  isLinkLocal6,
  isWildcard,
  parseAddress,
  readSockaddr,
  sockaddrFamily,
  sockaddrPort,
  sockaddrScope,
  writeSockaddr,
} from "../../src/runtime/sockaddr.ts";

describe("address text", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8::0001", "2001:db8::1"],
    ["2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"],
    ["2001:0:0:1:0:0:0:0", "2001:0:0:1::"],
    ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
    ["fe80::1%eth0", "fe80::1"],
  ])("%s is read, and written as %s (RFC 5952)", (text, written) => {
    expect(addressText(parseAddress(text)!)).toBe(written);
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
    "dns.google",
  ])("%p is no address", (text) => {
    expect(parseAddress(text)).toBeUndefined();
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
        const text = addressText(address);
        expect(net.isIP(text)).toBe(address.length === 4 ? 4 : 6);
        expect(parseAddress(text)).toEqual(address);
      }),
    );
  });

  test("only addresses the runtime accepts are accepted", () => {
    const text = fc.string({ unit: fc.constantFrom(..."0123456789abF:::.."), maxLength: 24 });
    fc.assert(
      fc.property(text, (candidate) => {
        expect(parseAddress(candidate) !== undefined).toBe(net.isIP(candidate) !== 0);
      }),
      { numRuns: 2000 },
    );
  });
});

test("a sockaddr is laid out as Linux has it", () => {
  const octets = new Uint8Array(64).fill(0xee);
  writeSockaddr(octets, 4, parseAddress("192.0.2.1")!, 0x1234, 0);
  expect([...octets.subarray(4, 12)]).toEqual([2, 0, 0x12, 0x34, 192, 0, 2, 1]);
  expect(readSockaddr(octets, 4)).toEqual({ host: "192.0.2.1", port: 0x1234 });
  writeSockaddr(octets, 4, parseAddress("fe80::2")!, 53, 0x80000001);
  expect(octets[3]).toBe(0xee);
  expect(octets[32]).toBe(0xee);
  expect(sockaddrFamily(octets, 4)).toBe(10);
  expect(sockaddrPort(octets, 4)).toBe(53);
  expect(sockaddrScope(octets, 4)).toBe(0x80000001);
  expect(isLinkLocal6(octets, 12)).toBe(true);
  expect(readSockaddr(octets, 4)).toEqual({ host: "fe80::2", port: 53 });
});

test("wildcards are known however they are written", () => {
  for (const host of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]) expect(isWildcard(host)).toBe(true);
  for (const host of ["127.0.0.1", "::1", "*", ""]) expect(isWildcard(host)).toBe(false);
});
