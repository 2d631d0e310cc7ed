/** A Bun executable reads `.env` and `bunfig.toml` of the folder it starts in, unless it was built not to. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bun, executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
  writeFileSync(join(folder, ".env"), "FDNS_LISTEN=not-an-address\nNODE_TLS_REJECT_UNAUTHORIZED=0\n");
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  const marker = JSON.stringify(join(folder, "preloaded"));
  writeFileSync(join(folder, "preload.ts"), `require("node:fs").writeFileSync(${marker}, "");\n`);
});

afterEach(() => rmSync(folder, { recursive: true }));

const preloaded = () => existsSync(join(folder, "preloaded"));

test("files in the working directory change nothing", async () => {
  const check = await runToEnd([executable, "check", "--listen", "127.0.0.1:0"], { cwd: folder });
  expect(check).toMatchObject({ exitCode: 0 });
  expect(check.stdout + check.stderr).not.toContain("NODE_TLS_REJECT_UNAUTHORIZED");
  expect(preloaded()).toBe(false);
});

test("the same variable in the environment would have been an error", async () => {
  const check = await runToEnd([executable, "check"], { cwd: folder, env: { FDNS_LISTEN: "not-an-address" } });
  expect(check).toMatchObject({ exitCode: 2 });
  expect(check.stderr).toContain("not-an-address");
});

test("an executable built without our flags falls into the same trap", async () => {
  const program = join(folder, "program.ts");
  writeFileSync(program, "console.log(process.env.FDNS_LISTEN);\n");
  const build = await runToEnd([bun, "build", "--compile", "--outfile", join(folder, "program"), program]);
  expect(build).toMatchObject({ exitCode: 0 });
  const run = await runToEnd([join(folder, "program")], { cwd: folder });
  expect(run.stdout).toBe("not-an-address\n");
  expect(preloaded()).toBe(true);
});
