/** How fdns ends: what is in flight is answered, within a bound, with exit code 0, as process 1 too. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { askTcp, askUdp, query, rcodeOf } from "../support/ask.ts";
import { type Form, forms, formsAndEngines, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";
import { Ledger, totals } from "../support/volume.ts";
import { askOverTcp, askOverUdp } from "../support/volume-client.ts";

const DELAY_MS = 300;
/** When the signal comes: queries have arrived, answers have not. */
const SIGNAL_AFTER_MS = 100;
const BOUND_MS = 1000;
/** What ending takes besides, on a busy machine. */
const SLACK_MS = 900;

const folders = [temporaryFolder(), temporaryFolder()] as const;
let slow: ScriptedUpstream;
let silent: ScriptedUpstream;
const running: RunningFdns[] = [];

beforeAll(async () => {
  slow = await startScriptedUpstream(folders[0], ["--delay", String(DELAY_MS)]);
  silent = await startScriptedUpstream(folders[1], ["--fault", "silent"]);
});

// What did not end as it should.
afterEach(() => {
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});

afterAll(async () => {
  await Promise.all([slow.stop(), silent.stop()]);
  for (const folder of folders) rmSync(folder, { recursive: true });
});

async function start(
  upstream: ScriptedUpstream,
  form: Form,
  engine: string,
  within: string[] = [],
): Promise<RunningFdns> {
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--udp-engine", engine];
  flags.push("--listen", "127.0.0.1:0", "--shutdown-timeout", `${BOUND_MS}ms`, "--query-timeout", "5s");
  const fdns = await startFdns({ form, flags, within });
  running.push(fdns);
  return fdns;
}

/** Milliseconds from the signal to the end, and the exit code. */
async function end(fdns: RunningFdns, signal: NodeJS.Signals): Promise<{ tookMs: number; code: number }> {
  const began = performance.now();
  fdns.kill(signal);
  const code = await fdns.exited;
  return { tookMs: performance.now() - began, code };
}

describe.each(formsAndEngines)("%s, %s", (form, engine) => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s: what is in flight is answered, UDP and TCP, and then it ends",
    async (signal) => {
      const fdns = await start(slow, form, engine);
      const { port } = fdns;
      await askUdp(port, query({ name: "first.test" }));
      const ledgers = [new Ledger(0, 100), new Ledger(100, 100)] as const;
      const asking = [askOverUdp(ledgers[0], { port, window: 100 }), askOverTcp(ledgers[1], { port, window: 100 })];
      await Bun.sleep(SIGNAL_AFTER_MS);
      expect(totals(ledgers)).toMatchObject({ asked: 200, answered: 0 });
      const { tookMs, code } = await end(fdns, signal);
      await Promise.all(asking);
      expect(totals(ledgers)).toEqual({ asked: 200, answered: 200, crossed: 0, failed: 0 });
      expect(code).toBe(0);
      expect(tookMs).toBeLessThan(BOUND_MS + SLACK_MS);
      expect(fdns.log.filter(({ level }) => level !== "info")).toEqual([]);
    },
  );

  test("an upstream that never answers holds it up no longer than the bound; its clients get SERVFAIL", async () => {
    const fdns = await start(silent, form, engine);
    const asking = [
      askUdp(fdns.port, query({ name: "x.test" })),
      askTcp(fdns.port, [query({ name: "y.test" })]).then(([answer]) => answer!),
    ];
    await Bun.sleep(SIGNAL_AFTER_MS);
    const { tookMs, code } = await end(fdns, "SIGTERM");
    expect((await Promise.all(asking)).map(rcodeOf)).toEqual([2, 2]);
    expect(code).toBe(0);
    expect(tookMs).toBeGreaterThan(BOUND_MS - SIGNAL_AFTER_MS);
    expect(tookMs).toBeLessThan(BOUND_MS + SLACK_MS);
  });
});

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test("with nothing in flight it ends at once, idle clients or not", async () => {
    const fdns = await start(slow, form, "batched");
    await askUdp(fdns.port, query({ name: "x.test" }));
    const idle = connect(fdns.port, "127.0.0.1");
    await new Promise((resolve) => idle.once("connect", resolve));
    const closed = new Promise((resolve) => idle.once("close", resolve));
    const { tookMs, code } = await end(fdns, "SIGTERM");
    await closed;
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(SLACK_MS);
  });

  test("a second signal ends it now", async () => {
    const fdns = await start(silent, form, "batched");
    const asking = askUdp(fdns.port, query({ name: "x.test" }), "127.0.0.1", 500).catch(() => undefined);
    await Bun.sleep(SIGNAL_AFTER_MS);
    fdns.kill("SIGTERM");
    await fdns.logged("finishing what is in flight");
    const { tookMs, code } = await end(fdns, "SIGINT");
    expect(code).toBe(130);
    expect(tookMs).toBeLessThan(BOUND_MS / 2);
    await asking;
  });

  test("as process 1 it answers, and SIGTERM ends it within a second", async () => {
    const fdns = await start(slow, form, "auto", ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]);
    // unshare waits; its child is process 1 of the new namespace, and passes its exit code on.
    const processOne = Number(readFileSync(`/proc/${fdns.pid}/task/${fdns.pid}/children`, "utf8"));
    expect(readFileSync(`/proc/${processOne}/status`, "utf8")).toMatch(/^NSpid:\t\d+\t1$/m);
    expect(rcodeOf(await askUdp(fdns.port, query({ name: "x.test" })))).toBe(0);
    const began = performance.now();
    process.kill(processOne, "SIGTERM");
    expect(await fdns.exited).toBe(0);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
