/** The rules the sources keep, each as a function from files to complaints, so that each can be shown to complain. */

import { posix } from "node:path";
import { importsOf, type Source, withoutComments, withoutStrings } from "./sources.ts";

/**
 * Which folders of src/ each one may import besides itself. A file directly in src/ counts as a folder of its name.
 * This is the layering of ARCHITECTURE.md: wire <- cache | upstream | listener | policy <- resolver <- app <- cli <- main.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  // An address is octets and text here too.
  runtime: ["wire"],
  // Addresses are octets, and the host has roots to trust.
  config: ["wire", "runtime"],
  observe: [],
  // Text for people to read, made from octets: never on a query's way, so not in wire.
  presentation: ["wire"],
  admin: ["wire", "cache", "observe", "presentation", "resolver", "serving", "upstream", "runtime"],
  control: ["wire", "observe", "presentation", "cache", "runtime"],
  cache: ["wire"],
  upstream: ["wire"],
  listener: ["wire"],
  policy: ["wire"],
  resolver: ["wire", "cache", "upstream", "listener", "policy"],
  // What one worker runs.
  serving: ["wire", "cache", "upstream", "listener", "policy", "resolver", "config", "observe", "runtime"],
  "start-checks": ["serving", "listener", "config", "observe", "runtime"],
  app: [
    "wire",
    "start-checks",
    "admin",
    "control",
    "serving",
    "cache",
    "upstream",
    "listener",
    "policy",
    "resolver",
    "config",
    "observe",
    "runtime",
  ],
  testupstream: ["wire", "runtime"],
  cli: [
    "app",
    "start-checks",
    "serving",
    "config",
    "control",
    "observe",
    "presentation",
    "runtime",
    "testupstream",
    "upstream",
    "wire",
  ],
  main: ["cli", "runtime"],
};

/** Interfaces and types that every layer but wire may import. */
const SHARED = new Set([
  "src/runtime/runtime.ts",
  "src/runtime/kept-files.ts",
  "src/runtime/sockaddr.ts",
  "src/config/config.ts",
  "src/observe/log.ts",
  "src/observe/figures.ts",
  "src/observe/histogram.ts",
  "src/observe/quoted.ts",
  "src/observe/system-error.ts",
]);

/** "src/wire/query.ts" is of layer "wire", "src/app.ts" of layer "app". */
function layerOf(path: string): string {
  return path.split("/")[1]?.replace(/\.ts$/, "") ?? "";
}

export function checkLayers(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) =>
    importsOf(text)
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => posix.join(posix.dirname(path), specifier))
      .filter((target) => !mayImport(path, target))
      .map((target) => `${path} imports ${target}`),
  );
}

function mayImport(path: string, target: string): boolean {
  const [from, to] = [layerOf(path), layerOf(target)];
  if (!(from in MAY_IMPORT)) return false;
  if (from === to) return true;
  // Where the version is stated.
  if (target === "package.json") return from === "cli";
  if (SHARED.has(target)) return from !== "wire";
  return (
    path !== "src/runtime/runtime.ts" && !(SHARED.has(path) && to !== "wire") && (MAY_IMPORT[from] ?? []).includes(to)
  );
}

/** Modules that reach the machine; node: modules that only compute (node:util, node:path, node:crypto) are not. */
const MACHINE_MODULES =
  /^(bun(:.*)?|deno|node:(net|tls|dgram|dns|http|https|http2|child_process|cluster|worker_threads|os|timers)(\/.*)?)$/;
const MACHINE_GLOBALS = /(?<![\w$.])(Bun|Deno)\s*[.[]|\bglobalThis\s*\.\s*(Bun|Deno)\b/;

/** The runtimes and their sockets are used in src/runtime alone. */
export function checkMachineAccess(sources: readonly Source[]): string[] {
  return outsideRuntime(sources).flatMap(({ path, text }) => {
    const modules = importsOf(text).filter((specifier) => MACHINE_MODULES.test(specifier));
    return [...modules, ...linesWith(text, MACHINE_GLOBALS)].map((what) => `${path}: ${what}`);
  });
}

const TIME =
  /(?<![\w$.])(setTimeout|setInterval|setImmediate|queueMicrotask)\s*\(|\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.(hrtime|nextTick)\b/;

/** Time is passed in, as the runtime's Clock, so that tests can pass their own. */
export function checkTime(sources: readonly Source[]): string[] {
  return outsideRuntime(sources).flatMap(({ path, text }) => linesWith(text, TIME).map((line) => `${path}: ${line}`));
}

function outsideRuntime(sources: readonly Source[]): Source[] {
  return sources.filter(({ path }) => !path.startsWith("src/runtime/"));
}

/** wire/ is pure: no module of the runtime at all. */
export function checkWireIsPure(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith("src/wire/"))
    .flatMap(({ path, text }) =>
      importsOf(text)
        .filter((specifier) => /^(node|bun|deno):|^bun$/.test(specifier))
        .map((specifier) => `${path} imports ${specifier}`),
    );
}

/** Math.random can be predicted from its outputs; the runtime's Random cannot. */
export function checkRandomness(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) =>
    linesWith(text, /\bMath\s*\.\s*random\b/).map((line) => `${path}: ${line}`),
  );
}

export const MAX_LINES = 350;

export function checkLength(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const lines = text.replace(/\n$/, "").split("\n").length;
    return lines > MAX_LINES ? [`${path} has ${lines} lines; ${MAX_LINES} are allowed`] : [];
  });
}

/** Names that say nothing about what is inside. */
export function checkNames(paths: readonly string[]): string[] {
  return paths.filter((path) => /(^|[/.-])(utils?|helpers?|managers?|misc|common)([/.-]|$)/i.test(path));
}

/** Marks of unfinished work, in code and comments alike. */
export function checkMarks(sources: readonly Source[]): string[] {
  const mark = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`);
  return sources.flatMap(({ path, text }) =>
    text
      .split("\n")
      .filter((line) => mark.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
}

/** Tests that do not run, or keep the others from running. */
export function checkSkips(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) =>
    linesWith(text, /\b(x(it|test|describe)\s*\(|(test|it|describe)\s*\.\s*(skip|todo|only|failing)\w*)/).map(
      (line) => `${path}: ${line}`,
    ),
  );
}

/** Addresses in the lock file would tie an install to the registry of whoever made it. */
export function checkLockFile(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => /"resolved":|"(git\+)?(https?|ssh|file):/.test(line) && !/"url":/.test(line));
}

/** Code lines that match, comments and strings left out. */
function linesWith(text: string, pattern: RegExp): string[] {
  return withoutStrings(withoutComments(text))
    .split("\n")
    .filter((line) => pattern.test(line))
    .map((line) => line.trim());
}
