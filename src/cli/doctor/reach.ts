/** How far addresses reach: a host's own, and those it is to reach. */

import type { LocalAddress } from "../../runtime/runtime.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";
import type { AddressFacts, HostFacts, Reach } from "./facts.ts";

/** How far the addresses of one family reach. */
export function reachOf(addresses: readonly LocalAddress[], family: 4 | 6): Reach {
  const its = addresses.filter((address) => address.family === family);
  if (its.some(({ host }) => reachesOut(host))) return "global";
  return its.length > 0 ? "local" : "none";
}

/** Whether the address is of a kind that the host has none of: it has no way there, whatever it reports. */
export function isOutOfReach({ host, family }: AddressFacts, { ipv4, ipv6 }: HostFacts): boolean {
  return (family === 4 ? ipv4 : ipv6) !== "global" && reachesOut(host);
}

/**
 * IPv4: neither loopback nor link-local (RFC 3927); private addresses count, for NAT is how most hosts get out. IPv6:
 * global unicast (RFC 4291, 2.4), so neither loopback, nor link-local, nor unique local (RFC 4193).
 */
function reachesOut(address: string): boolean {
  const octets = parseIpAddress(address.replace(/%.*$/, ""));
  if (octets === undefined) return false;
  const [first, second] = octets;
  if (octets.length === 16) return (first! & 0xe0) === 0x20;
  return first !== 127 && !(first === 169 && second === 254);
}
