/** A process that may have few files and sockets open: what is kept for upstreams, and what becomes of TCP clients. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { askTcp, askUdp, query, rcodeOf } from "../support/ask.ts";
import { type Form, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { runToEnd, temporaryFolder } from "../support/toolchain.ts";

const root = temporaryFolder();
let upstream: ScriptedUpstream;
const running: RunningFdns[] = [];
const clients: Socket[] = [];

// Each answer takes a connection of its own: fdns has to dial for every query.
beforeAll(async () => {
  upstream = await startScriptedUpstream(root, ["--close-after", "1"]);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});

afterAll(async () => {
  await upstream.stop();
  rmSync(root, { recursive: true });
});

async function start(form: Form, limit: number, ...flags: string[]): Promise<RunningFdns> {
  const fdns = await startFdns({
    form,
    flags: ["--listen", "127.0.0.1:0", "--upstream", upstream.address, "--ca-file", upstream.caFile, ...flags],
    within: ["prlimit", `--nofile=${limit}`],
  });
  running.push(fdns);
  return fdns;
}

/** Connects and says nothing, from so many addresses that no limit per client is met. */
function connectIdle(port: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const client = connect({ port, host: "127.0.0.1", localAddress: `127.53.${1 + (i % 8)}.1` });
    client.on("error", () => {});
    clients.push(client);
  }
}

/** Of a process, in milliseconds; proc_pid_stat(5) counts in hundredths of a second. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function restingCpuMs(pid: number): Promise<number> {
  const before = cpuMs(pid);
  await Bun.sleep(1000);
  return cpuMs(pid) - before;
}

const answer = async ({ port }: RunningFdns, name: string) => rcodeOf(await askUdp(port, query({ name })));
const answerOverTcp = async ({ port }: RunningFdns, name: string) =>
  rcodeOf((await askTcp(port, [query({ name })], { giveUpMs: 15_000 }))[0]!);

describe.each([
  ["executable", "1"],
  ["executable", "2"],
  ["deno", "1"],
] as const)("%s with %s workers", (form, workers) => {
  test("more idle TCP clients than descriptors: at rest, and upstreams are dialled", async () => {
    const fdns = await start(form, 80, "--workers", workers);
    expect(await fdns.logged("TCP clients at once instead of 1024")).toMatchObject({ level: "warn" });
    expect(await answer(fdns, "before.test")).toBe(0);
    connectIdle(fdns.port, 300);
    await fdns.logged("refusing TCP connections");
    await Bun.sleep(500);
    expect(await restingCpuMs(fdns.pid)).toBeLessThan(400);
    for (let i = 0; i < 5; i++) expect(await answer(fdns, `meanwhile-${i}.test`)).toBe(0);
    for (const client of clients.splice(0)) client.destroy();
    await Bun.sleep(500);
    expect(await answerOverTcp(fdns, "after.test")).toBe(0);
    const said = fdns.log.filter(({ level }) => level !== "info").map(({ message }) => message);
    expect(said.filter((message) => !/instead of 1024|refusing TCP connections/.test(message))).toEqual([]);
  });
});

describe.each(["executable", "deno"] as const)("%s", (form) => {
  test("no descriptor at all: the host is named, no upstream blamed, and it ends with its cause", async () => {
    const fdns = await start(form, 400, "--admin", "127.0.0.1:0");
    const { admin } = await fdns.logged("listening on");
    const adminPort = Number(new URL(String(admin)).port);
    expect(await answer(fdns, "before.test")).toBe(0);
    // Fewer than are open: what is closed makes no room either.
    await runToEnd(["prlimit", "--pid", String(fdns.pid), "--nofile=3:400"]);
    connectIdle(fdns.port, 3);
    connectIdle(adminPort, 3);
    expect(await fdns.logged("this host has no free descriptors: new TCP clients")).toMatchObject({ level: "warn" });
    expect(await restingCpuMs(fdns.pid)).toBeLessThan(700);
    const waiting = answer(fdns, "meanwhile.test");
    expect(await fdns.logged(/^upstream .*: this host has no free descriptors/)).toMatchObject({ level: "warn" });
    await runToEnd(["prlimit", "--pid", String(fdns.pid), "--nofile=400:400"]);
    expect(await waiting).toBe(0);
    await fdns.logged("there are free descriptors again");
    const isReady = () =>
      fetch(`${admin}/ready`).then(
        ({ status }) => status === 200,
        () => false,
      );
    // It is opened again in the same second, in no order.
    for (let i = 0; i < 50 && !(await isReady()); i++) await Bun.sleep(100);
    expect(await isReady()).toBe(true);
    expect(await answerOverTcp(fdns, "after.test")).toBe(0);
    await fdns.logged(/^upstream .*: works again/);
    expect(await restingCpuMs(fdns.pid)).toBeLessThan(400);
    expect(fdns.log.filter(({ message }) => message.includes("refused"))).toEqual([]);
  });
});
