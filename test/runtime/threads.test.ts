import { expect, test } from "bun:test";
import { projectRoot } from "../support/sources.ts";
import { bun, deno, denoPermissions, runToEnd } from "../support/toolchain.ts";

const program = `${projectRoot}test/support/threads-program.ts`;

test.each([
  ["bun", [bun, program]],
  ["deno", [deno, "run", "--quiet", ...denoPermissions, program]],
])("%s: threads get messages in order, share memory, tell one time, and their end is noticed", async (_, command) => {
  const { stdout, stderr } = await runToEnd(command);
  expect(stderr.replace(/.*for a test[\s\S]*/, "")).toBe("");
  const lines: { what: string; value: unknown }[] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const apartMs = lines.find(({ what }) => what === "time apart")?.value;
  // The cache counts in tenths of a second.
  expect(apartMs).toBeLessThan(50);
  expect(lines.filter(({ what }) => what !== "time apart").map(({ what, value }) => `${what}: ${value}`)).toEqual([
    "first: first",
    "second: second",
    "shared: 7",
    "throw: TypeError: for a test",
    "end: it ended with code 3",
    "guarded: exception",
    "guarded: rejection",
    "guarded: lives",
    "a spinning thread ended within a second: true",
    "end() tells nobody: true",
  ]);
});
