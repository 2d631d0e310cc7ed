/** The arm64 executable, in emulation where this machine is not one: that it starts, and that its FFI calls work. */

import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startFdns } from "../support/fdns.ts";
import { chaosQuery, firstAnswer, rcodeOf } from "../support/first-answer.ts";
import { projectRoot } from "../support/sources.ts";
import { runToEnd } from "../support/toolchain.ts";

const emulator = process.arch === "arm64" ? [] : ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"];
const fdns = [...emulator, join(projectRoot, "dist/fdns-linux-arm64")];

beforeAll(async () => {
  const build = await runToEnd([join(projectRoot, "scripts/build"), "linux-arm64"]);
  if (build.exitCode !== 0) throw new Error(build.stderr);
}, 120_000);

test("it prints its version", async () => {
  const run = await runToEnd([...fdns, "version"]);
  expect(run).toMatchObject({ exitCode: 0 });
  expect(run.stdout).toContain(JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")).version);
}, 60_000);

test("the batched engine, which is all FFI, answers", async () => {
  const flags = ["--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1#dot.test", "--udp-engine", "batched"];
  const running = await startFdns({ command: fdns, flags });
  try {
    expect(await running.logged("listening on")).toMatchObject({ udpEngine: "batched" });
    expect(rcodeOf(await firstAnswer(running.port, chaosQuery, 200, 30_000))).toBe(5);
  } finally {
    expect(await running.stop()).toBe(0);
  }
}, 60_000);
