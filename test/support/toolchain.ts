/** Where the programs under test and the tools are, and a way to run one to its end. */

import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "./sources.ts";

/** What scripts/build makes; scripts/test builds it before the tests that run it. */
export const executable = join(projectRoot, "dist/fdns");
export const bun = join(projectRoot, "node_modules/.bin/bun");
export const deno = join(projectRoot, "node_modules/.bin/deno");

const { scripts } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));

/** What fdns may do under Deno, as package.json states it in "start:deno": "--allow-net" and so on. */
export const denoPermissions: readonly string[] = scripts["start:deno"].match(/--(allow-\S+|no-prompt)/g);

/** A new folder for one test, to be removed by it. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "fdns-test-"));
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end with no environment but PATH, HOME and what is given. */
export async function runToEnd(
  command: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Finished> {
  const child = Bun.spawn([...command], {
    cwd: options.cwd ?? projectRoot,
    env: { ...bareEnvironment(), ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, stdout, stderr };
}

/** The environment of a child that must not see the variables of whoever runs the tests. */
export function bareEnvironment(): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/" };
}
