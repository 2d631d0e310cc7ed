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
import { formatIpAddress, parseIpAddress } from "../wire/ip-address.ts";
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
    host: formatIpAddress(octets.subarray(from, from + addressLength(family))),
    port: sockaddrPort(octets, start),
  };
}

/** True for fe80::/10 (RFC 4291, 2.5.6), the addresses that mean nothing without an interface. */
export function isLinkLocal6(octets: Uint8Array, start: number): boolean {
  return octets[start] === 0xfe && (octets[start + 1]! & 0xc0) === 0x80;
}

/** An address in text as 4 or 16 octets; a "%zone" (RFC 4007, 11) is allowed and ignored. undefined if it is no address. */
export function parseHost(text: string): Uint8Array | undefined {
  const percent = text.indexOf("%");
  return parseIpAddress(percent < 0 ? text : text.slice(0, percent));
}

/** True for "0.0.0.0" and "::", however written: every local address of that family. */
export function isWildcard(host: string): boolean {
  return parseHost(host)?.every((octet) => octet === 0) ?? false;
}

/** "192.0.2.1:53", "[::1]:53". */
export function formatSocketAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
