/** fdns before scripted upstreams, put up and taken down around a test. */

import { expect } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Form, type RunningFdns, startFdns } from "./fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "./scripted-upstream.ts";
import { temporaryFolder } from "./toolchain.ts";

/** Runs `body` with fdns before upstreams started with these flags, and ends them all. Resolves to their counters. */
export async function through(
  form: Form,
  upstreams: readonly (readonly string[])[],
  flags: readonly string[],
  body: (fdns: RunningFdns, upstreams: readonly ScriptedUpstream[]) => Promise<void>,
): Promise<Record<string, unknown>[]> {
  const folders: string[] = [];
  const started: ScriptedUpstream[] = [];
  const pems: string[] = [];
  const counters: Record<string, unknown>[] = [];
  try {
    for (const one of upstreams) {
      const folder = temporaryFolder();
      folders.push(folder);
      const upstream = await startScriptedUpstream(folder, one);
      started.push(upstream);
      pems.push(await Bun.file(upstream.caFile).text());
    }
    const roots = join(folders.at(-1)!, "roots.pem");
    writeFileSync(roots, pems.join("\n"));
    const given = flags.includes("--upstream") ? [] : started.flatMap(({ address }) => ["--upstream", address]);
    const fdns = await startFdns({ form, flags: ["--listen", "127.0.0.1:0", "--ca-file", roots, ...given, ...flags] });
    try {
      await body(fdns, started);
    } finally {
      expect(await fdns.stop()).toBe(0);
    }
  } finally {
    for (const one of started) counters.push(await one.stop());
    for (const folder of folders) rmSync(folder, { recursive: true });
  }
  return counters;
}
