import { expect, test } from "bun:test";
import { join } from "node:path";
import { projectRoot, readSources } from "../support/sources.ts";
import { runToEnd } from "../support/toolchain.ts";

const withHelp = readSources(["scripts"], "").filter(({ text }) => text.includes("exec scripts/show-help"));

test("scripts that take arguments", () => expect(withHelp.length).toBeGreaterThan(6));

test.each(withHelp.map(({ path }) => path))("%s --help says what it takes, and does nothing", async (path) => {
  const { exitCode, stdout, stderr } = await runToEnd([join(projectRoot, path), "--help"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^ +${path} \\[`, "m"));
  expect(stdout).not.toMatch(/^[#!]|set -/m);
});
