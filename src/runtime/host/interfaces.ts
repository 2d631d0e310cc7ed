/**
 * The host's addresses. The C library asks the kernel for them over a netlink socket, which units of systemd often forbid
 * (RestrictAddressFamilies=); then what /proc shows has to do (proc(5)), which names no interface of an IPv4 address.
 */

import { readFileSync } from "node:fs";
import * as os from "node:os";
import { loadedLibc } from "../libc.ts";
import { readHostText } from "./host-text.ts";

type Interfaces = NodeJS.Dict<os.NetworkInterfaceInfo[]>;

export interface HostInterfaces {
  readonly interfaces: Interfaces;
  /** Why the kernel does not list them; undefined: it does. */
  readonly whyNotListed: string | undefined;
}

export function hostInterfaces(): HostInterfaces {
  try {
    return { interfaces: os.networkInterfaces(), whyNotListed: undefined };
  } catch (error) {
    const interfaces = interfacesOf(textOf("/proc/net/fib_trie"), textOf("/proc/net/if_inet6"));
    return { interfaces, whyNotListed: (error as Error).message.split("\n", 1)[0]! };
  }
}

/** By interface; those of IPv4 under "", as the table does not say. */
export function interfacesOf(fibTrie: string, ifInet6: string): Interfaces {
  const found: Record<string, os.NetworkInterfaceInfo[]> = {};
  const add = (name: string, one: Partial<os.NetworkInterfaceInfo>) => {
    found[name] ??= [];
    found[name].push(one as os.NetworkInterfaceInfo);
  };
  // "|-- 192.0.2.1", and in the next line "/32 host LOCAL"; each stands there twice, for two tables in one.
  const local = [...fibTrie.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address]) => address!);
  for (const address of new Set(local)) add("", { address, family: "IPv4", internal: address.startsWith("127.") });
  for (const line of ifInet6.split("\n")) {
    // Address, index of the interface, prefix length, scope, flags (all in hexadecimal), name.
    const [, hex, index, name] = /^([0-9a-f]{32}) ([0-9a-f]+) \S+ \S+ \S+ +(\S+)/.exec(line) ?? [];
    if (hex === undefined || name === undefined) continue;
    const address = new URL(`http://[${hex.replace(/(.{4})(?=.)/g, "$1:")}]`).hostname.slice(1, -1);
    const scopeid = /^fe[89ab]/.test(address) ? Number.parseInt(index!, 16) : 0;
    add(name, { address, family: "IPv6", internal: address === "::1", scopeid });
  }
  return found;
}

/** "" where it cannot be read. Deno reads nothing below /proc/net by itself. */
function textOf(path: string): string {
  const libc = loadedLibc();
  if (libc !== undefined) return readHostText(libc, path) ?? "";
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
