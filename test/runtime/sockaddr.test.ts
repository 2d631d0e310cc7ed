import { expect, test } from "bun:test";
import {
  isLinkLocal6,
  isWildcard,
  parseHost,
  readSockaddr,
  sockaddrFamily,
  sockaddrPort,
  sockaddrScope,
  writeSockaddr,
} from "../../src/runtime/sockaddr.ts";

test("a sockaddr is laid out as Linux has it", () => {
  const octets = new Uint8Array(64).fill(0xee);
  writeSockaddr(octets, 4, parseHost("192.0.2.1")!, 0x1234, 0);
  expect([...octets.subarray(4, 12)]).toEqual([2, 0, 0x12, 0x34, 192, 0, 2, 1]);
  expect(readSockaddr(octets, 4)).toEqual({ host: "192.0.2.1", port: 0x1234 });
  writeSockaddr(octets, 4, parseHost("fe80::2")!, 53, 0x80000001);
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

test("a zone is no part of the address", () => {
  expect(parseHost("fe80::1%eth0")).toEqual(parseHost("fe80::1"));
  expect(parseHost("%eth0")).toBeUndefined();
});
