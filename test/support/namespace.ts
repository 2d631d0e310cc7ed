/**
 * Network namespaces: hosts of a test's own, with whatever addresses it needs and port 53 free. They take root, which
 * scripts/test has where it matters; without it making one fails and says so.
 */

import { readFileSync } from "node:fs";
import { runToEnd } from "./toolchain.ts";

export interface Namespace {
  readonly name: string;
  /** Put before a command to run it inside. */
  readonly within: readonly string[];
  /** Runs `ip` with these arguments inside; rejects with what it complained of. */
  ip(line: string): Promise<void>;
  /** Its name goes now, it itself with the last process inside. */
  remove(): Promise<void>;
}

const present = new Set<string>();
let made = 0;

// A run that is cut short must not leave them behind either.
process.on("exit", () => {
  for (const name of present) Bun.spawnSync(["ip", "netns", "del", name]);
});

/** A host with nothing but loopback. */
export async function makeNamespace(options: { ipv6?: boolean } = {}): Promise<Namespace> {
  if (process.getuid?.() !== 0) {
    throw new Error("these tests make network namespaces (ip netns add), which takes root: run scripts/test as root");
  }
  const name = `fdns-${process.pid}-${++made}`;
  await succeed(["ip", "netns", "add", name]);
  present.add(name);
  const within = ["ip", "netns", "exec", name];
  if (options.ipv6 === false) {
    for (const which of ["all", "default"]) {
      await succeed([...within, "sh", "-c", `echo 1 >/proc/sys/net/ipv6/conf/${which}/disable_ipv6`]);
    }
  }
  await succeed(["ip", "-n", name, "link", "set", "lo", "up"]);
  return {
    name,
    within,
    ip: (line) => succeed(["ip", "-n", name, ...line.split(" ")]),
    async remove() {
      await succeed(["ip", "netns", "del", name]);
      present.delete(name);
    },
  };
}

/** Two hosts with one wire between them; the interface is called "wire" on both, the addresses are given with prefix length. */
export async function makeWiredPair(
  addresses: readonly [readonly string[], readonly string[]],
): Promise<[Namespace, Namespace]> {
  const pair: [Namespace, Namespace] = [await makeNamespace(), await makeNamespace()];
  await pair[0].ip(`link add wire type veth peer name wire netns ${pair[1].name}`);
  for (const [i, one] of pair.entries()) {
    for (const address of addresses[i]!) await addAddress(one, address);
    await one.ip("link set wire up");
  }
  return pair;
}

/** "10.0.0.1/24" or "fd00::1/64", usable at once: duplicate address detection (RFC 4862, 5.4) would take a second. */
export function addAddress(namespace: Namespace, address: string): Promise<void> {
  return namespace.ip(`addr add ${address} dev wire${address.includes(":") ? " nodad" : ""}`);
}

export function removeAddress(namespace: Namespace, address: string): Promise<void> {
  return namespace.ip(`addr del ${address} dev wire`);
}

/**
 * The local addresses that sockets in the process's namespace are bound to at the port, as /proc/net/udp and the like
 * show them (proc(5)): octets in hexadecimal, each group of four in the host's order.
 */
export function boundAt(pid: number, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  return ["udp", "udp6", "tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "latin1")
      .split("\n")
      .map((line) => line.trim().split(/\s+/)[1] ?? "")
      .filter((local) => local.endsWith(`:${hexPort}`))
      .map((local) => `${table} ${local.slice(0, -5)}`),
  );
}

async function succeed(command: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runToEnd(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.trim()}`);
}
