/** Who may ask. */

import type { AddressPrefix } from "../config/config.ts";
import { AF_INET } from "../runtime/sockaddr.ts";

/**
 * Loopback, link-local and private addresses: those that a packet from the Internet does not carry (RFC 1122 3.2.1.3,
 * RFC 3927, RFC 1918, RFC 6598; RFC 4291 2.5.3 and 2.5.6, RFC 4193).
 */
export const LOCAL_PREFIXES: readonly AddressPrefix[] = [
  { octets: Uint8Array.of(127, 0, 0, 0), bits: 8 },
  { octets: Uint8Array.of(10, 0, 0, 0), bits: 8 },
  { octets: Uint8Array.of(172, 16, 0, 0), bits: 12 },
  { octets: Uint8Array.of(192, 168, 0, 0), bits: 16 },
  { octets: Uint8Array.of(169, 254, 0, 0), bits: 16 },
  { octets: Uint8Array.of(100, 64, 0, 0), bits: 10 },
  { octets: ipv6(0, 0, 0, 0, 0, 0, 0, 1), bits: 128 },
  { octets: ipv6(0xfe80, 0, 0, 0, 0, 0, 0, 0), bits: 10 },
  { octets: ipv6(0xfc00, 0, 0, 0, 0, 0, 0, 0), bits: 7 },
];

/** The prefixes whose clients are answered; everyone else is refused. */
export class AccessList {
  readonly #ipv4: readonly AddressPrefix[];
  readonly #ipv6: readonly AddressPrefix[];

  constructor(prefixes: readonly AddressPrefix[]) {
    this.#ipv4 = prefixes.filter((prefix) => prefix.octets.length === 4);
    this.#ipv6 = prefixes.filter((prefix) => prefix.octets.length === 16);
  }

  /** Whether the client whose sockaddr (runtime/sockaddr.ts) stands at peers[at...] may ask. */
  allows(peers: Uint8Array, at: number): boolean {
    if (peers[at] === AF_INET) return contains(this.#ipv4, peers, at + 4);
    // An IPv4 client of a dual-stack socket (RFC 4291, 2.5.5.2) is an IPv4 client.
    if (isMapped(peers, at + 8)) return contains(this.#ipv4, peers, at + 20);
    return contains(this.#ipv6, peers, at + 8);
  }
}

function contains(prefixes: readonly AddressPrefix[], octets: Uint8Array, at: number): boolean {
  for (const prefix of prefixes) if (matches(prefix, octets, at)) return true;
  return false;
}

function matches({ octets: wanted, bits }: AddressPrefix, octets: Uint8Array, at: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (octets[at + i] !== wanted[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (octets[at + whole]! ^ wanted[whole]!) >> (8 - rest) === 0;
}

function isMapped(octets: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (octets[at + i] !== 0) return false;
  return octets[at + 10] === 0xff && octets[at + 11] === 0xff;
}

function ipv6(...groups: number[]): Uint8Array {
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
