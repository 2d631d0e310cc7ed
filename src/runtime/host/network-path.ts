/** What of this host's network decides how packets leave it, as one text to compare. */

import { readFileSync } from "node:fs";
import type { Libc } from "../libc.ts";
import type { NetworkPath } from "../runtime.ts";
import { hostInterfaces } from "./interfaces.ts";
import { openRouteNews } from "./route-news.ts";

/** `libc` undefined: where it cannot be called. Then it is looked each time, for 0.2 to 0.6 ms. */
export function openNetworkPath(libc: Libc | undefined): NetworkPath {
  const news = libc && openRouteNews(libc);
  const { whyNotListed } = hostInterfaces();
  if (news === undefined) return { now: networkPath, whyNotListed, close() {} };
  // What changes from here on is told of, so this is not read too early.
  let path = networkPath();
  return {
    now() {
      if (news.came()) path = networkPath();
      return path;
    },
    whyNotListed,
    close: news.close,
  };
}

/** Default routes, IPv4 and IPv6 (proc(5)): lines whose destination is zero. */
const ROUTE_TABLES = [
  { path: "/proc/net/route", isDefault: (fields: string[]) => fields[1] === "00000000" },
  { path: "/proc/net/ipv6_route", isDefault: (fields: string[]) => fields[0] === "0".repeat(32) && fields[1] === "00" },
] as const;

/** Differs when an address or a default route of the host does. Loopback and link-local addresses do not count. */
export function networkPath(): string {
  const addresses = Object.values(hostInterfaces().interfaces)
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
    .map(({ address }) => address);
  return [...addresses.sort(), ...ROUTE_TABLES.flatMap(defaultRoutes)].join(" ");
}

/** Where there is no such table, or it may not be read, routes do not count. */
function defaultRoutes({ path, isDefault }: (typeof ROUTE_TABLES)[number]): string[] {
  try {
    const rows = readFileSync(path, "latin1")
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
    // Interface and gateway, without the counters of use.
    return rows
      .filter(isDefault)
      .map((fields) => (path.endsWith("ipv6_route") ? `${fields[4]} ${fields[9]}` : `${fields[2]} ${fields[0]}`))
      .sort();
  } catch {
    return [];
  }
}
