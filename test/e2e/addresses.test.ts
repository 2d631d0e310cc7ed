/** Listening on every local address: each answers for itself, over UDP and TCP, and new ones are found. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { query, rcodeOf } from "../support/ask.ts";
import { type Asker, startAsker, type Transport } from "../support/asker.ts";
import { engines, type Form, formsAndEngines, type RunningFdns, startFdns } from "../support/fdns.ts";
import { addAddress, boundAt, makeWiredPair, type Namespace, removeAddress } from "../support/namespace.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { executable, temporaryFolder } from "../support/toolchain.ts";

// Private addresses, so that their owners may ask; the first of each family is what the kernel would answer from.
const IPV4 = ["10.77.0.1", "10.77.0.2"];
const IPV6 = ["fd77::1", "fd77::2"];

const folder = temporaryFolder();
let host: Namespace;
let neighbour: Namespace;
let onHost: Asker;
let onNeighbour: Asker;
let upstream: ScriptedUpstream;
const running: RunningFdns[] = [];

beforeAll(async () => {
  [host, neighbour] = await makeWiredPair([
    ["10.77.0.1/24", "10.77.0.2/24", "fd77::1/64", "fd77::2/64", "fe80::1/64"],
    ["10.77.0.9/24", "fd77::9/64", "fe80::9/64"],
  ]);
  [onHost, onNeighbour] = [startAsker(host), startAsker(neighbour)];
  upstream = await startScriptedUpstream(folder, [], [...host.within, executable]);
});

afterAll(async () => {
  await Promise.all([upstream?.stop(), onHost?.stop(), onNeighbour?.stop()]);
  await host?.remove();
  await neighbour?.remove();
  rmSync(folder, { recursive: true });
});

// Also after a failure: the next test wants the ports.
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ stop }) => stop()));
});

async function start(form: Form, engine: string, ...listen: string[]): Promise<RunningFdns> {
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--udp-engine", engine];
  for (const address of listen) flags.push("--listen", address);
  const fdns = await startFdns({ form, flags, within: host.within });
  running.push(fdns);
  return fdns;
}

/** Asks each address over UDP and TCP; the asker checks where the answer comes from. Those that fail, with why. */
async function failures(asker: Asker, port: number, addresses: readonly string[], giveUpMs?: number) {
  const found: string[] = [];
  for (const address of addresses) {
    for (const transport of ["udp", "tcp"] as const satisfies Transport[]) {
      try {
        const answer = await asker.ask(transport, address, port, query({ name: "x.test" }), giveUpMs);
        if (rcodeOf(answer) !== 0) found.push(`${transport} ${address}: RCODE ${rcodeOf(answer)}`);
      } catch (error) {
        found.push(`${transport} ${address}: ${(error as Error).message}`);
      }
    }
  }
  return found;
}

async function until(what: string, withinMs: number, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`);
    await Bun.sleep(100);
  }
}

describe.each(formsAndEngines)("%s, %s", (form, engine) => {
  // Deno's node:net knows no scope: no TCP on a link-local address unless the wildcard is one socket. And it makes
  // the IPv6 wildcard take IPv4 too, so that for ":53" it is in use and each address has its own.
  const scoped = form === "deno" ? [] : ["fe80::1%wire"];
  // 127.0.0.2 is no address that an interface lists, so the portable engine has no socket for it.
  const onLoopback = engine === "batched" ? ["127.0.0.1", "127.0.0.2"] : ["127.0.0.1"];

  test("an answer leaves from the address that was asked", async () => {
    const listen = [":53", "0.0.0.0:5301", "[::]:5302", "10.77.0.2:5303", ...scoped.map((one) => `[${one}]:5304`)];
    const { stop, log } = await start(form, engine, ...listen);
    expect(await failures(onHost, 53, [...onLoopback, "::1", ...IPV4, ...IPV6, ...scoped])).toEqual([]);
    expect(await failures(onNeighbour, 53, [...IPV4, ...IPV6, ...scoped])).toEqual([]);
    expect(await failures(onHost, 5301, onLoopback)).toEqual([]);
    expect(await failures(onNeighbour, 5301, IPV4)).toEqual([]);
    expect(await failures(onHost, 5302, ["::1"])).toEqual([]);
    expect(await failures(onNeighbour, 5302, [...IPV6, "fe80::1%wire"])).toEqual([]);
    expect(await failures(onNeighbour, 5303, ["10.77.0.2"])).toEqual([]);
    expect(await failures(onNeighbour, 5304, scoped)).toEqual([]);
    // One address is one address.
    expect(await failures(onNeighbour, 5303, ["10.77.0.1"], 200)).toHaveLength(2);
    expect(await stop()).toBe(0);
    expect(log.filter(({ level }) => level !== "info")).toEqual([]);
  });
});

test.each(engines)(
  "%s: an address that comes is listened on within seconds, one that goes is let go",
  async (engine) => {
    const ports = { executable: 5311, bun: 5312, deno: 5313 };
    const all = await Promise.all(Object.entries(ports).map(([form, port]) => start(form as Form, engine, `:${port}`)));
    for (const round of ["first", "again"]) {
      await addAddress(host, "10.77.0.3/24");
      await addAddress(host, "fd77::3/64");
      for (const { port } of all) {
        const answered = async () => (await failures(onNeighbour, port, ["10.77.0.3", "fd77::3"], 300)).length === 0;
        await until(`${round} answered at ${port}`, 6000, answered);
      }
      await removeAddress(host, "10.77.0.3/24");
      await removeAddress(host, "fd77::3/64");
      for (const { port, pid } of all) {
        // In the kernel's hexadecimal, 10.77.0.3 and fd77::3.
        const gone = () => !boundAt(pid, port).some((one) => /03004D0A$|000077FD0{16}03000000$/.test(one));
        await until(`${round} let go at ${port}`, 6000, gone);
      }
    }
    for (const { port } of all) expect(await failures(onNeighbour, port, [...IPV4, ...IPV6])).toEqual([]);
    // Connections from an address that went may be dead.
    for (const { logged } of all) await logged("the addresses or routes of this host changed: connecting");
    for (const { stop, log } of all) {
      expect(await stop()).toBe(0);
      expect(log.filter(({ level }) => level !== "info")).toEqual([]);
    }
  },
);
