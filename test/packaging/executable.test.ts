import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/sources.ts";
import { executable, runToEnd } from "../support/toolchain.ts";

const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));

test("fdns version prints the version of package.json", async () => {
  const run = await runToEnd([executable, "version"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toContain(version);
});

test("it needs no library but those of the C library", async () => {
  const { stdout } = await runToEnd(["ldd", executable]);
  const libraries = [...stdout.matchAll(/^\s*(\S+)/gm)].map((match) => match[1]?.replace(/.*\//, ""));
  const ofGlibc = /^(linux-vdso|libc|libm|libdl|libpthread|ld-linux[\w-]*)\.so(\.\d+)?$/;
  expect(libraries.filter((library) => !ofGlibc.test(library ?? ""))).toEqual([]);
  expect(libraries).toContain("libc.so.6");
});

test("scripts/run starts it with the arguments given, from any folder", async () => {
  const run = await runToEnd([join(projectRoot, "scripts/run"), "version"], { cwd: "/" });
  expect(run).toMatchObject({ exitCode: 0 });
  expect(run.stdout).toContain(version);
});

test("a refused argument keeps its exit code through scripts/run", async () => {
  const run = await runToEnd([join(projectRoot, "scripts/run"), "--no-such-flag"]);
  expect(run).toMatchObject({ exitCode: 2, stdout: "" });
  expect(run.stderr).toContain("--no-such-flag");
});
