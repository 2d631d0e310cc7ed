/**
 * A socket address as Linux lays it out in `struct sockaddr_in` and `sockaddr_in6` (ip(7), ipv6(7)): the form in
 * which peers travel through fdns, whichever engine received them.
 *
 *   octets 0-1  family, in the host's order: 2 for IPv4, 10 for IPv6
 *   octets 2-3  port, in network order
 *   IPv4: octets 4-7 address.  IPv6: 4-7 flow, 8-23 address, 24-27 scope (in the host's order)
 *
 * The host's order is little-endian on every machine fdns runs on (x64, arm64).
 */
import { PEER_OCTETS, type SocketAddress } from "./runtime.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;

/** Octets of the longer of the two forms. */
export const SOCKADDR_OCTETS = 28;

/** The family of the sockaddr at `start`: AF_INET, AF_INET6 or whatever stands there. */
export function sockaddrFamily(octets: Uint8Array, start: number): number {
  return octets[start]! | (octets[start + 1]! << 8);
}

export function sockaddrPort(octets: Uint8Array, start: number): number {
  return (octets[start + 2]! << 8) | octets[start + 3]!;
}

/** Octets the kernel expects for a sockaddr of this family: 16 or 28. */
export function sockaddrLength(family: number): number {
  return family === AF_INET6 ? SOCKADDR_OCTETS : 16;
}

/** Where the address of a sockaddr at `start` begins; it is addressLength(family) octets long. */
export function addressStart(family: number, start: number): number {
  return family === AF_INET6 ? start + 8 : start + 4;
}

/** Octets of an address of this family: 4 or 16. */
export function addressLength(family: number): number {
  return family === AF_INET6 ? 16 : 4;
}

/** The index of the interface a link-local IPv6 address belongs to, else 0. */
export function sockaddrScope(octets: Uint8Array, start: number): number {
  if (sockaddrFamily(octets, start) !== AF_INET6) return 0;
  return (
    (octets[start + 24]! | (octets[start + 25]! << 8) | (octets[start + 26]! << 16) | (octets[start + 27]! << 24)) >>> 0
  );
}

/** True when `peers` holds a whole peer at `start`, and one that a socket of this family can send to. */
export function isPeerOf(family: number, peers: Uint8Array, start: number): boolean {
  return start >= 0 && start + PEER_OCTETS <= peers.length && sockaddrFamily(peers, start) === family;
}

/** Writes the sockaddr of `address` (4 or 16 octets) at `start`, all SOCKADDR_OCTETS of it. */
export function writeSockaddr(
  octets: Uint8Array,
  start: number,
  address: Uint8Array,
  port: number,
  scopeId: number,
): void {
  octets.fill(0, start, start + SOCKADDR_OCTETS);
  const family = address.length === 16 ? AF_INET6 : AF_INET;
  octets[start] = family;
  octets[start + 2] = port >> 8;
  octets[start + 3] = port;
  octets.set(address, addressStart(family, start));
  if (family !== AF_INET6) return;
  for (let i = 0; i < 4; i++) octets[start + 24 + i] = scopeId >>> (8 * i);
}

/** The sockaddr at `start` as text, for logs; the scope is not shown. */
export function readSockaddr(octets: Uint8Array, start: number): SocketAddress {
  const family = sockaddrFamily(octets, start);
  const from = addressStart(family, start);
  return {
    host: addressText(octets.subarray(from, from + addressLength(family))),
    port: sockaddrPort(octets, start),
  };
}

/** True for fe80::/10 (RFC 4291, 2.5.6), the addresses that mean nothing without an interface. */
export function isLinkLocal6(octets: Uint8Array, start: number): boolean {
  return octets[start] === 0xfe && (octets[start + 1]! & 0xc0) === 0x80;
}

/** "192.0.2.1" or "2001:db8::1" as 4 or 16 octets; a "%scope" is allowed and ignored. undefined if it is no address. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return parseAddress4(text);
  const percent = text.indexOf("%");
  return parseAddress6(percent < 0 ? text : text.slice(0, percent));
}

function parseAddress4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const octets = new Uint8Array(new ArrayBuffer(4));
  for (const [i, part] of parts.entries()) {
    // No leading zeros: some read "010" as 8, others as 10 (RFC 6943, 3.1.1).
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    octets[i] = Number(part);
  }
  return octets;
}

/** RFC 4291, 2.2: eight groups, one run of zero groups as "::", the last two groups perhaps as dotted IPv4. */
function parseAddress6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const given = head.length + tail.length;
  if (halves.length === 2 ? given > 14 : given !== 16) return undefined;
  const octets = new Uint8Array(new ArrayBuffer(16));
  octets.set(head, 0);
  octets.set(tail, 16 - tail.length);
  return octets;
}

function parseGroups(text: string, last: boolean): number[] | undefined {
  const octets: number[] = [];
  if (text === "") return octets;
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 0xff);
      continue;
    }
    const dotted = last && i === groups.length - 1 ? parseAddress4(group) : undefined;
    if (dotted === undefined) return undefined;
    octets.push(...dotted);
  }
  return octets;
}

/** 4 or 16 octets as text; IPv6 in the one form of RFC 5952, without brackets. */
export function addressText(address: Uint8Array): string {
  if (address.length !== 16) return address.join(".");
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((address[i]! << 8) | address[i + 1]!);
  const run = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

/** The first of the longest runs of zero groups, which RFC 5952, 4.2.3 shortens. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  const longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > longest.length) Object.assign(longest, { start, length });
  }
  return longest;
}

/** True for "0.0.0.0" and "::", however written: every local address of that family. */
export function isWildcard(host: string): boolean {
  return parseAddress(host)?.every((octet) => octet === 0) ?? false;
}
