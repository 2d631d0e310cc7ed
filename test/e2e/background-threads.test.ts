/** The threads on which Bun compiles give way to the one that answers, so that on one core a query does not wait for them. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { askUdp, query, rcodeOf } from "../support/ask.ts";
import { type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
let upstream: ScriptedUpstream;
let fdns: RunningFdns;

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder);
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--listen", "127.0.0.1:0"];
  fdns = await startFdns({ flags });
});

afterAll(async () => {
  await fdns.stop();
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

/** Nice values by the threads' names (proc(5): field 19 of stat). */
function niceOfThreads(): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>();
  for (const thread of readdirSync(`/proc/${fdns.pid}/task`)) {
    const [, name = "", rest = ""] = /\((.*)\) (.*)/.exec(
      readFileSync(`/proc/${fdns.pid}/task/${thread}/stat`, "latin1"),
    )!;
    const nice = Number(rest.split(" ")[16]);
    found.set(name, (found.get(name) ?? new Set()).add(nice));
  }
  return found;
}

test("a second after the start", async () => {
  const [own = 0] = niceOfThreads().get("fdns")!;
  const lower = Math.min(19, own + 10);
  const until = performance.now() + 10_000;
  while (!niceOfThreads().get("JITWorker")?.has(lower) && performance.now() < until) await Bun.sleep(100);
  const nice = niceOfThreads();
  expect(nice.get("JITWorker")).toEqual(new Set([lower]));
  expect(nice.get("fdns")).toEqual(new Set([own]));
  expect(rcodeOf(await askUdp(fdns.port, query({ id: 1, name: "www.example.test" })))).toBe(0);
});
