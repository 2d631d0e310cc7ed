/** Several workers in one process: one port, one cache, counters that add up, and a worker that dies. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { askTcp, askUdp, query, rcodeOf } from "../support/ask.ts";
import { endThread, threadsOf } from "../support/end-thread.ts";
import { forms as everyForm, type Form, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type MetricsPage, readMetricsPage } from "../support/metrics-page.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";
import { Ledger, totals } from "../support/volume.ts";
import { askOverUdp } from "../support/volume-client.ts";

/** A form each of which runs workers its own way: from modules inside the executable, from files, and on Deno. */
const forms: readonly Form[] = ["executable", "bun", "deno"];

const folder = temporaryFolder();
const slowFolder = temporaryFolder();
const running: RunningFdns[] = [];
let quick: ScriptedUpstream;
let slow: ScriptedUpstream;
let mute: Bun.TCPSocketListener;

beforeAll(async () => {
  quick = await startScriptedUpstream(folder);
  slow = await startScriptedUpstream(slowFolder, ["--delay", "700"]);
  mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
});

afterEach(() => {
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});

afterAll(async () => {
  await Promise.all([quick.stop(), slow.stop()]);
  mute.stop(true);
  for (const used of [folder, slowFolder]) rmSync(used, { recursive: true });
});

interface Served {
  readonly fdns: RunningFdns;
  readonly port: number;
  metrics(): Promise<MetricsPage>;
}

/** With as many workers serving; the main thread is the first of them. */
async function serve(
  form: Form,
  upstream: readonly string[],
  workers = 2,
  more: readonly string[] = [],
): Promise<Served> {
  const flags = ["--listen", "127.0.0.1:0", "--control", "off", "--admin", "127.0.0.1:0", "--workers", String(workers)];
  const fdns = await startFdns({ form, flags: [...flags, ...upstream, ...more] });
  running.push(fdns);
  const { admin } = await fdns.logged("listening on ");
  const { port } = fdns;
  await until(() => udpSocketsOn(port) === workers);
  return { fdns, port, metrics: async () => readMetricsPage(await (await fetch(`${admin}/metrics`)).text()) };
}

const of = ({ address, caFile }: ScriptedUpstream) => ["--upstream", address, "--ca-file", caFile];

function udpSocketsOn(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/udp", "latin1").split(local).length - 1;
}

async function until(condition: () => boolean, withinMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${condition}`);
    await Bun.sleep(10);
  }
}

/** Asks each name once, each from a port of its own. */
function askEach(port: number, names: readonly string[], giveUpMs?: number): Promise<(number | "lost")[]> {
  const ask = (name: string) =>
    askUdp(port, query({ name }), "127.0.0.1", giveUpMs).then(rcodeOf, () => "lost" as const);
  return Promise.all(names.map(ask));
}

const names = (count: number, of: string) => Array.from({ length: count }, (_, i) => `n${i}.${of}.test`);

describe.each(forms)("%s", (form) => {
  test("each gets a share, what one cached the other serves, and the counters add up", async () => {
    const { fdns, port, metrics } = await serve(form, of(quick));
    expect(await fdns.logged("listening on ")).toMatchObject({ workers: 2 });
    expect(await askEach(port, names(20, "shared"))).toEqual(Array(20).fill(0));
    for (let round = 0; round < 4; round++) await askEach(port, names(20, "shared"));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => askTcp(port, [query({ name: "n1.shared.test" })])),
    );
    expect(answers.flat().map(rcodeOf)).toEqual(Array(20).fill(0));
    const page = await metrics();
    expect(page.sum("fdns_queries_total", { transport: "udp" })).toBe(100);
    expect(page.sum("fdns_queries_total", { transport: "tcp" })).toBe(20);
    // A worker that finds the cache's lock taken for long does without storing, and then that name is asked once more.
    const asked = page.sum("fdns_answers_total", { source: "upstream" });
    expect(asked).toBeGreaterThanOrEqual(20);
    expect(asked).toBeLessThanOrEqual(40);
    expect(page.sum("fdns_answers_total", { source: "cache" })).toBe(120 - asked);
    // fdns' own questions, of a connection that was quiet for a while, are among them.
    expect(page.sum("fdns_upstream_answers_total")).toBeGreaterThanOrEqual(asked);
    expect(page.value("fdns_udp_datagrams_sent_total")).toBe(100);
    expect(page.value("fdns_tcp_connections_accepted_total")).toBe(20);
    const shares = ["0", "1"].map((worker) => page.value("fdns_worker_queries_total", { worker }));
    expect(shares[0]! + shares[1]!).toBe(120);
    expect(Math.min(...shares)).toBeGreaterThan(20);
    expect(await fdns.stop()).toBe(0);
    expect(fdns.log.map(({ message }) => message)).toEqual([
      expect.stringContaining("listening on "),
      "SIGTERM: finishing what is in flight",
    ]);
  });

  test("a bound of the process is one for all workers together", async () => {
    const upstream = ["--upstream", `127.0.0.1:${mute.port}#dot.test`, "--ca-file", quick.caFile];
    const { port, metrics } = await serve(form, upstream, 2, ["--max-in-flight", "10", "--tcp-connections", "5"]);
    const outcomes: (number | "lost")[] = [];
    // One after the other: two workers that take a query at the same moment may both take the last place.
    for (const name of names(40, "bound")) {
      void askEach(port, [name], 1500).then(([outcome]) => outcomes.push(outcome!));
      await Bun.sleep(3);
    }
    const page = await metrics();
    expect(page.value("fdns_queries_waiting")).toBe(10);
    expect(page.value("fdns_queries_overloaded_total")).toBe(30);
    await until(() => outcomes.length === 40);
    expect(outcomes.filter((outcome) => outcome === 2)).toHaveLength(30);
    const sockets: { terminate(): void }[] = [];
    for (let i = 0; i < 12; i++) {
      sockets.push(await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } }));
      await Bun.sleep(20);
    }
    await Bun.sleep(100);
    const tcp = await metrics();
    expect([tcp.value("fdns_tcp_connections"), tcp.value("fdns_tcp_connections_refused_total")]).toEqual([5, 7]);
    for (const socket of sockets) socket.terminate();
  });

  test("one that dies is replaced, and only what it had is lost", async () => {
    const { fdns, port, metrics } = await serve(form, of(quick));
    const before = names(40, "dying");
    await askEach(port, before);
    const counted = (await metrics()).sum("fdns_queries_total");
    expect(counted).toBe(40);
    const worker = threadsOf(fdns.pid).find(({ name }) => /^(fdns-1|worker-\d+)$/.test(name));
    endThread(worker!.id);
    expect(await fdns.logged("worker 1 is gone")).toMatchObject({
      level: "error",
      message: "worker 1 is gone: it showed no life for 4 s; another takes its place in 1 s",
    });
    // Its socket is closed: all is the main thread's until there is another.
    expect(udpSocketsOn(port)).toBe(1);
    expect(await askEach(port, before, 1000)).toEqual(Array(40).fill(0));
    await until(() => udpSocketsOn(port) === 2);
    await Bun.sleep(50);
    const page = await metrics();
    const lastShare = page.value("fdns_worker_queries_total", { worker: "1" });
    expect(page.value("fdns_worker_replacements_total", { worker: "1" })).toBe(1);
    expect(await askEach(port, names(40, "replaced"), 1000)).toEqual(Array(40).fill(0));
    const after = await metrics();
    expect(after.value("fdns_worker_queries_total", { worker: "1" })).toBeGreaterThan(lastShare);
    // Also what the one that died had counted.
    expect(after.sum("fdns_queries_total")).toBe(120);
    expect(await fdns.stop()).toBe(0);
  });

  test("SIGTERM: what each has in flight is answered", async () => {
    const { fdns, port, metrics } = await serve(form, of(slow));
    const asked = askEach(port, names(20, "last"), 3000);
    await Bun.sleep(200);
    expect((await metrics()).value("fdns_queries_waiting")).toBe(20);
    fdns.kill("SIGTERM");
    expect(await asked).toEqual(Array(20).fill(0));
    expect(await fdns.exited).toBe(0);
  });

  test("a burst of 5,000 that arrives while fdns does something else is answered without loss", async () => {
    const { fdns, port } = await serve(form, of(quick));
    const [clients, each] = [10, 500];
    const ledgers = Array.from({ length: clients }, (_, i) => new Ledger(i * each, each));
    let sending = clients;
    fdns.kill("SIGSTOP");
    const onFirstWindow = () => --sending === 0 && fdns.kill("SIGCONT");
    await Promise.all(ledgers.map((ledger) => askOverUdp(ledger, { port, window: each, onFirstWindow })));
    expect(totals(ledgers)).toEqual({ asked: 5000, answered: 5000, crossed: 0, failed: 0 });
    expect(await fdns.stop()).toBe(0);
  });
});

test("four answer a hundred thousand without loss or mix-up", async () => {
  const { fdns, port } = await serve("executable", of(quick), 4);
  const ledgers = Array.from({ length: 20 }, (_, i) => new Ledger(i * 5000, 5000));
  await Promise.all(ledgers.map((ledger) => askOverUdp(ledger, { port, window: 50 })));
  expect(totals(ledgers)).toEqual({ asked: 100_000, answered: 100_000, crossed: 0, failed: 0 });
  expect(await fdns.stop()).toBe(0);
}, 60_000);

test("one worker is the main thread, and says nothing of workers", async () => {
  const { fdns, metrics } = await serve("executable", of(quick), 1);
  expect(threadsOf(fdns.pid).map(({ name }) => name)).not.toContain("fdns-1");
  expect(await fdns.logged("listening on ")).not.toHaveProperty("workers");
  expect((await metrics()).samples.has("fdns_worker_queries_total")).toBe(false);
});

test("an engine that cannot share a port is told of, and one worker serves", async () => {
  const flags = ["--listen", "127.0.0.1:0", "--control", "off", "--workers", "3"];
  // Deno without --allow-ffi cannot call the C library, so that only the portable engine is left.
  const command = everyForm.deno.filter((word) => word !== "--allow-ffi");
  const fdns = await startFdns({ command, flags: [...flags, ...of(quick)] });
  running.push(fdns);
  expect(fdns.log[0]).toMatchObject({
    level: "warn",
    message: "one worker instead of 3: sockets of the portable UDP engine cannot share a port",
  });
  expect(await askEach(fdns.port, ["a.test"])).toEqual([0]);
});

test("another fdns with workers does not get a part of the port", async () => {
  const { port } = await serve("executable", of(quick));
  const flags = ["--listen", `127.0.0.1:${port}`, "--control", "off", "--workers", "2", ...of(quick)];
  await expect(startFdns({ flags })).rejects.toThrow("the address is in use");
});
