import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  checkLayers,
  checkLength,
  checkLockFile,
  checkMachineAccess,
  checkMarks,
  checkNames,
  checkRandomness,
  checkSkips,
  checkTime,
  checkWireIsPure,
  MAX_LINES,
} from "./support/rules.ts";
import { importsOf, projectRoot, readSources, withoutComments } from "./support/sources.ts";

const src = readSources(["src"], ".ts");
const tests = readSources(["test"], ".ts");
const all = [...src, ...tests, ...readSources(["scripts"], "")];

/** One made-up file. */
const file = (path: string, text: string) => [{ path, text }];

describe("the project keeps its rules", () => {
  test("imports point one way", () => expect(checkLayers(src)).toEqual([]));
  test("only src/runtime touches the machine", () => expect(checkMachineAccess(src)).toEqual([]));
  test("time is passed in", () => expect(checkTime(src)).toEqual([]));
  test("src/wire is pure", () => expect(checkWireIsPure(src)).toEqual([]));
  test("no predictable randomness", () => expect(checkRandomness(src)).toEqual([]));
  test("files can be read in one sitting", () => expect(checkLength(src)).toEqual([]));
  test("names say what is inside", () => expect(checkNames(all.map(({ path }) => path))).toEqual([]));
  test("no marks of unfinished work", () => expect(checkMarks(all)).toEqual([]));
  test("no test is skipped", () => expect(checkSkips(tests)).toEqual([]));
  test("the lock file names no download address", () =>
    expect(checkLockFile(readFileSync(`${projectRoot}package-lock.json`, "utf8"))).toEqual([]));
});

describe("the rules complain", () => {
  test.each([
    ["src/wire/a.ts", "../cache/b.ts"],
    ["src/wire/a.ts", "../observe/log.ts"],
    ["src/wire/a.ts", "../runtime/runtime.ts"],
    ["src/cache/a.ts", "../upstream/b.ts"],
    ["src/listener/a.ts", "../policy/b.ts"],
    ["src/upstream/a.ts", "../runtime/streams.ts"],
    ["src/upstream/a.ts", "../config/load.ts"],
    ["src/policy/a.ts", "../resolver/b.ts"],
    ["src/resolver/a.ts", "../app.ts"],
    ["src/resolver/a.ts", "../testupstream/b.ts"],
    ["src/app.ts", "./cli/b.ts"],
    ["src/app.ts", "./testupstream/b.ts"],
    ["src/main.ts", "./app.ts"],
    ["src/runtime/runtime.ts", "../wire/b.ts"],
    ["src/app.ts", "../package.json"],
    ["src/cli/a.ts", "../../test/support/b.ts"],
    ["src/somewhere/a.ts", "../wire/b.ts"],
  ])("%s may not import %s", (path, specifier) => {
    expect(checkLayers(file(path, `import type { B } from "${specifier}";`))).toHaveLength(1);
    expect(checkLayers(file(path, `export { B } from '${specifier}';`))).toHaveLength(1);
    expect(checkLayers(file(path, `const b = await import("${specifier}");`))).toHaveLength(1);
    expect(checkLayers(file(path, `// import "${specifier}";`))).toEqual([]);
  });

  test.each([
    ["src/cache/a.ts", "../wire/b.ts"],
    ["src/upstream/a.ts", "../runtime/runtime.ts"],
    ["src/policy/a.ts", "../observe/log.ts"],
    ["src/config/config.ts", "../runtime/runtime.ts"],
    ["src/resolver/a.ts", "../upstream/b.ts"],
    ["src/app.ts", "./resolver/b.ts"],
    ["src/cli/a.ts", "../testupstream/b.ts"],
    ["src/cli/a.ts", "../../package.json"],
    ["src/main.ts", "./cli/b.ts"],
  ])("%s may import %s", (path, specifier) => {
    expect(checkLayers(file(path, `import { b } from "${specifier}";`))).toEqual([]);
  });

  test.each([
    "Bun.write(path, text);",
    "const listener = Deno.listen({ port });",
    "globalThis.Bun;",
    'import { dlopen } from "bun:ffi";',
    'import { connect } from "node:tls";',
    'const { createSocket } = await import("node:dgram");',
    'import { spawn } from "node:child_process";',
  ])("outside src/runtime: %s", (line) => {
    expect(checkMachineAccess(file("src/upstream/a.ts", line))).toHaveLength(1);
    expect(checkMachineAccess(file("src/runtime/a.ts", line))).toEqual([]);
  });

  test.each([
    "setTimeout(retry, 5);",
    "const handle = setInterval(tick, 5);",
    "const now = Date.now();",
    "const parts = { wallMs: Date.now };",
    "const now = new Date();",
    "const now = performance.now();",
  ])("time of its own: %s", (line) => {
    expect(checkTime(file("src/upstream/a.ts", line))).toHaveLength(1);
    expect(checkTime(file("src/runtime/a.ts", line))).toEqual([]);
  });

  test.each([
    "// Bun.write is slow",
    'log.info("on Deno.");',
    'import { parseArgs } from "node:util";',
    "clock.after(5, f);",
  ])("outside src/runtime is fine: %s", (line) =>
    expect(checkMachineAccess(file("src/upstream/a.ts", line))).toEqual([]),
  );

  test("a module of the runtime in src/wire", () => {
    expect(checkWireIsPure(file("src/wire/a.ts", 'import { Buffer } from "node:buffer";'))).toHaveLength(1);
    expect(checkWireIsPure(file("src/cache/a.ts", 'import { Buffer } from "node:buffer";'))).toEqual([]);
  });

  test("Math.random", () => {
    expect(checkRandomness(file("src/upstream/a.ts", "const id = Math.random() * 65536;"))).toHaveLength(1);
    expect(checkRandomness(file("src/upstream/a.ts", "// never Math.random()"))).toEqual([]);
  });

  test("a long file", () => {
    expect(checkLength(file("src/app.ts", "x;\n".repeat(MAX_LINES)))).toEqual([]);
    expect(checkLength(file("src/app.ts", "x;\n".repeat(MAX_LINES + 1)))).toHaveLength(1);
  });

  test("names that say nothing", () => {
    const bad = ["src/utils/a.ts", "src/helper.ts", "src/upstream/connection-manager.ts", "test/support/test-utils.ts"];
    expect(checkNames([...bad, "src/upstream/connection/connection.ts", "src/wire/compose.ts"])).toEqual(bad);
  });

  test("marks of unfinished work", () => {
    for (const mark of ["TO-DO", "FIX-ME", "X-XX", "HA-CK"].map((word) => word.replace("-", ""))) {
      expect(checkMarks(file("src/app.ts", `x; // ${mark}: later`))).toHaveLength(1);
    }
    expect(checkMarks(file("src/app.ts", "const hackathon = 1;"))).toEqual([]);
  });

  test("tests that do not run", () => {
    for (const call of ["test.sk-ip(", "it.to-do(", "describe.on-ly(", "test.sk-ipIf(linux)("]) {
      expect(checkSkips(file("test/a.test.ts", `${call.replace("-", "")}"name", () => {});`))).toHaveLength(1);
    }
    expect(checkSkips(file("test/a.test.ts", 'test("name", () => {});'))).toEqual([]);
  });

  test("download addresses in the lock file", () => {
    expect(checkLockFile('  "resolved": "https://registry.test/a.tgz",')).toHaveLength(1);
    expect(checkLockFile('  "integrity": "sha512-AAAA",')).toEqual([]);
  });

  test("comments are told from strings", () => {
    expect(withoutComments('a("http://x"); // b\n/* c\n */ d;')).toBe('a("http://x"); \n\n d;');
    expect(importsOf('/* from "a" */ import b from "b"; import "c"; export * from "./d.ts";')).toEqual([
      "b",
      "c",
      "./d.ts",
    ]);
  });
});
