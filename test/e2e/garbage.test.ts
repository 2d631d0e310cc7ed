/** Garbage does not pile up where Bun's own timer leaves it: here as it does after 30 even seconds, from the start. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";
import { Ledger, totals } from "../support/volume.ts";
import { askOverUdp } from "../support/volume-client.ts";

/** As many as are shared out about evenly between the sockets of two workers; some 50,000 queries a second in all. */
const STUBS = 64;
const PER_STUB = 6000;
const WINDOW = 12;
/** The runtime tells of each collection, and makes none before there is as much garbage as there are objects alive. */
const env = { BUN_GC_TIMER_DISABLE: "1", BUN_JSC_logGC: "1" };

const folder = temporaryFolder();
let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder, ["--delay", "10-20"]);
});

afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

test.each([1, 2])("with %i workers, each collects its own", async (workers) => {
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--listen", "127.0.0.1:0"];
  const fdns = await startFdns({ flags: [...flags, "--workers", `${workers}`], env });
  const ledgers = Array.from({ length: STUBS }, (_, i) => new Ledger(i * PER_STUB, PER_STUB));
  try {
    await Promise.all(ledgers.map((ledger) => askOverUdp(ledger, { port: fdns.port, window: WINDOW })));
  } finally {
    expect(await fdns.stop()).toBe(0);
  }
  const asked = STUBS * PER_STUB;
  expect(totals(ledgers)).toEqual({ asked, answered: asked, crossed: 0, failed: 0 });
  const collections = new Map<string, number>();
  for (const { message } of fdns.log) {
    const heap = /GC<(\w+)>: START .*EdenCollection/.exec(message)?.[1];
    if (heap !== undefined) collections.set(heap, (collections.get(heap) ?? 0) + 1);
  }
  expect(collections.size).toBe(workers);
  // Left alone: 1 or 2.
  expect(Math.min(...collections.values())).toBeGreaterThan(3);
});
