/** Whether this host has a way to an address at all, by its routing tables (proc(5)). */

import { readFileSync } from "node:fs";
import { BlockList, isIPv6 } from "node:net";

/** <net/route.h>: usable; says "unreachable". */
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

/** Where the tables may not be read, true: nothing is known against it. */
export function hasRoute(host: string): boolean {
  const path = isIPv6(host) ? "/proc/net/ipv6_route" : "/proc/net/route";
  try {
    return isRouted(host, readFileSync(path, "latin1"));
  } catch {
    return true;
  }
}

/** `table` is the text of /proc/net/route, or of ipv6_route for an IPv6 address. An interface's scope decides by itself. */
export function isRouted(host: string, table: string): boolean {
  const family = isIPv6(host) ? "ipv6" : "ipv4";
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  const reached = new BlockList();
  for (const row of rows) {
    const flags = Number(`0x${row[family === "ipv6" ? 8 : 3]}`);
    // The heading, and what is no way.
    if (Number.isNaN(flags) || (flags & RTF_UP) === 0 || (flags & RTF_REJECT) !== 0) continue;
    if (family === "ipv6") {
      const network = row[0]!.replace(/(.{4})(?=.)/g, "$1:");
      reached.addSubnet(network, Number.parseInt(row[1]!, 16), family);
    } else reached.addSubnet(octetsOf(row[1]!).join("."), prefixOf(row[7]!), family);
  }
  return host.includes("%") || isLoopback(host) || reached.check(host, family);
}

function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

/** The table holds IPv4 addresses as the number they are in memory, the first octet last (little-endian hosts). */
function octetsOf(hex: string): number[] {
  return [...Buffer.from(hex, "hex")].reverse();
}

function prefixOf(maskHex: string): number {
  return octetsOf(maskHex).reduce((bits, octet) => bits + octet.toString(2).replaceAll("0", "").length, 0);
}
