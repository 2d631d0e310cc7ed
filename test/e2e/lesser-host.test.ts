/** A host that forbids what is merely nice to have: fdns starts, answers at once, and says so once where it matters. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { askTcp, askUdp, query, rcodeOf } from "../support/ask.ts";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";
import { type Denied, withoutCalls } from "../support/without-calls.ts";

const root = temporaryFolder();
const without = withoutCalls(root);
let upstream: ScriptedUpstream;
const running: RunningFdns[] = [];

const AF_UNIX = 1;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const F_SETOWN_EX = 15;
const MADV_HUGEPAGE = 14;

const family = (number: number): Denied => ({ call: "socket", argument: [0, number], error: "EAFNOSUPPORT" });
const noNetlink = family(AF_NETLINK);

beforeAll(async () => {
  upstream = await startScriptedUpstream(root);
});

// What did not end as it should.
afterEach(() => {
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});

afterAll(async () => {
  await upstream.stop();
  rmSync(root, { recursive: true });
});

async function start(form: Form, denied: readonly Denied[], flags: readonly string[] = []): Promise<RunningFdns> {
  const folder = mkdtempSync(join(root, "run-"));
  // Deno needs the permission for the two.
  const command = form === "deno" ? forms.deno.toSpliced(2, 0, "--allow-write") : forms[form];
  const fdns = await startFdns({
    command,
    flags: ["--upstream", upstream.address, "--ca-file", upstream.caFile, ...flags],
    env: { FDNS_CACHE_FILE: join(folder, "cache"), FDNS_CONTROL: join(folder, "control"), FDNS_LISTEN: "127.0.0.1:0" },
    within: without(denied),
  });
  running.push(fdns);
  return fdns;
}

/** The slowest of some answers over UDP, in milliseconds; each comes when nothing else is to be done. */
async function slowestMs({ port }: RunningFdns): Promise<number> {
  let slowest = 0;
  for (let i = 0; i < 5; i++) {
    await Bun.sleep(120);
    const began = performance.now();
    expect(rcodeOf(await askUdp(port, query({ name: `name-${i % 3}.test` })))).toBe(0);
    slowest = Math.max(slowest, performance.now() - began);
  }
  return slowest;
}

const warnings = ({ log }: RunningFdns) => log.filter(({ level }) => level !== "info").map(({ message }) => message);

/** The port that the kernel gave for one address may be held on another one, by a test beside: then there is another. */
async function startWithItsPort(form: Form, flags: string[]): Promise<RunningFdns> {
  for (;;) {
    const fdns = await start(form, [noNetlink], flags);
    if (!fdns.log.some(({ message }) => message.startsWith("skipping 127.0.0.1:"))) return fdns;
    await fdns.stop();
  }
}

describe.each([
  ["executable", "1"],
  ["executable", "2"],
  ["deno", "1"],
] as const)("%s, %s workers, without AF_NETLINK", (form, workers) => {
  test.each([[], ["--listen", ":0"], ["--listen", ":0", "--udp-engine", "portable"]])(
    "it starts, says so once, and answers: %p %p %p %p",
    async (...flags: string[]) => {
      // Sockets of the portable engine are not shared by workers.
      const count = flags.includes("portable") ? "1" : workers;
      const fdns = await startWithItsPort(form, ["--workers", count, ...flags]);
      expect(await slowestMs(fdns)).toBeLessThan(500);
      expect(rcodeOf((await askTcp(fdns.port, [query({ name: "tcp.test" })]))[0]!)).toBe(0);
      expect(fdns.log.filter(({ message }) => message.includes("does not list its addresses"))).toHaveLength(1);
      expect(await fdns.stop()).toBe(0);
      expect(warnings(fdns)).toEqual([]);
    },
  );
});

test.each(["check", "query a.test", "doctor", "version"])("fdns %s works without AF_NETLINK", async (line) => {
  const flags = line === "version" ? [] : ["--upstream", upstream.address, "--ca-file", upstream.caFile];
  const command = [...without([noNetlink]), executable, ...line.split(" "), ...flags];
  const { exitCode, stdout, stderr } = await runToEnd(command);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).not.toBe("");
});

describe.each(["executable", "deno"] as const)("%s, at once and without a warning", (form) => {
  test.each([
    ["no IPv6 sockets", family(AF_INET6)],
    ["no other priority", { call: "sched_setattr", error: "EPERM" }],
    ["no look at priorities", { call: "getpriority", error: "EPERM" }],
    ["no huge pages", { call: "madvise", argument: [2, MADV_HUGEPAGE], error: "EPERM" }],
    ["no owner of a descriptor", { call: "fcntl", argument: [1, F_SETOWN_EX], error: "EPERM" }],
    ["no uptime", { call: "sysinfo", error: "EPERM" }],
    ["no affinity", { call: "sched_getaffinity", error: "EPERM" }],
    ["no file locks", { call: "flock", error: "ENOSYS" }],
  ] as const)("%s", async (_what, denied) => {
    const fdns = await start(form, [denied]);
    expect(await slowestMs(fdns)).toBeLessThan(500);
    expect(await fdns.stop()).toBe(0);
    expect(warnings(fdns)).toEqual([]);
  });
});

test("without AF_UNIX there is no control socket, with one line", async () => {
  const fdns = await start("executable", [family(AF_UNIX)]);
  expect(await slowestMs(fdns)).toBeLessThan(500);
  expect(await fdns.stop()).toBe(0);
  expect(warnings(fdns)).toHaveLength(1);
  expect(warnings(fdns)[0]).toStartWith("no control socket: ");
});
