import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LogFormat, LogLevel } from "../../src/config/config.ts";
import { escapeControls, openLog } from "../../src/observe/log.ts";
import { uncaughtReporter } from "../../src/observe/uncaught.ts";

function logInto(lines: string[], format: LogFormat, level: LogLevel = "info", isTerminal = false) {
  return openLog({
    format,
    level,
    isTerminal,
    hasColour: false,
    lineOctets: 4096,
    write: (text) => lines.push(text),
    wallMs: () => 1_700_000_000_000,
  });
}

describe("JSON lines", () => {
  test("time, level and message first, then the fields, none of which replaces them", () => {
    const lines: string[] = [];
    logInto(lines, "json").warn("upstream failed", { upstream: "1.1.1.1", tries: 3, gone: undefined, level: "x" });
    expect(lines).toEqual([
      '{"time":"2023-11-14T22:13:20.000Z","level":"warn","message":"upstream failed","upstream":"1.1.1.1","tries":3}\n',
    ]);
  });

  test("characters that JSON lets through but terminals obey are escaped", () => {
    const lines: string[] = [];
    logInto(lines, "json").info("\u007f\u009b2J", { name: "\u2028\u202e\u2066" });
    expect(lines[0]).toEndWith('"message":"\\u007f\\u009b2J","name":"\\u2028\\u202e\\u2066"}\n');
  });

  test("one line of printable characters whatever comes in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (message, value) => {
        const lines: string[] = [];
        logInto(lines, "json").info(message, { value });
        expect(lines).toHaveLength(1);
        expect(lines[0]!.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(JSON.parse(lines[0]!)).toMatchObject({
          level: "info",
          message: message.toWellFormed(),
          value: value.toWellFormed(),
        });
      }),
    );
  });
});

test("only levels asked for are written", () => {
  for (const [level, expected] of [
    ["error", 1],
    ["warn", 2],
    ["info", 3],
    ["debug", 4],
  ] as const) {
    const lines: string[] = [];
    const log = logInto(lines, "json", level);
    for (const method of ["error", "warn", "info", "debug"] as const) log[method]("x");
    expect(lines).toHaveLength(expected);
  }
});

test("auto is pretty at a terminal only", () => {
  const [terminal, pipe]: [string[], string[]] = [[], []];
  const logs = [logInto(terminal, "auto", "info", true), logInto(pipe, "auto", "info", false)];
  for (const log of logs) {
    log.info("listening", { address: "127.0.0.1:53", reason: 'a "b" c' });
  }
  expect(terminal.join("")).toContain('listening address=127.0.0.1:53 reason="a \\"b\\" c"');
  expect(JSON.parse(pipe.join(""))).toMatchObject({ message: "listening" });
});

test("a pretty line begins with the time of day on this host's clock", () => {
  const lines: string[] = [];
  logInto(lines, "pretty").info("listening");
  // 2023-11-14T22:13:20Z, in whatever zone this host is.
  const local = new Date(1_700_000_000_000).toTimeString().slice(0, 8);
  expect(lines).toEqual([`${local} ℹ listening\n`]);
});

test("pretty lines keep their order and forge no other line", () => {
  const lines: string[] = [];
  const log = logInto(lines, "pretty");
  log.info("first\nsecond \u001b[2J", { name: "a\r\n\u009b31m\u202e" });
  log.error("third");
  log.warn("fourth");
  const text = lines.join("");
  expect(text.trimEnd().split("\n")).toHaveLength(3);
  expect(text).toContain("first\\x0asecond \\x1b[2J name=a\\x0d\\x0a\\x9b31m\\u202e");
  expect(text.indexOf("third")).toBeGreaterThan(text.indexOf("first"));
  expect(text.indexOf("fourth")).toBeGreaterThan(text.indexOf("third"));
});

test("a log that cannot be written throws nothing", () => {
  for (const format of ["json", "pretty"] as const) {
    const log = openLog({
      format,
      level: "debug",
      isTerminal: true,
      hasColour: true,
      lineOctets: 4096,
      write: () => {
        throw new Error("gone");
      },
      wallMs: () => Number.NaN,
    });
    log.error("x");
    log.error("y");
  }
});

test("escapes are one line and leave other text alone", () => {
  expect(escapeControls("héllo → \t\u007f")).toBe("héllo → \\x09\\x7f");
});

describe("what nobody caught", () => {
  test("is logged once a kind, whatever was thrown", () => {
    const lines: string[] = [];
    const report = uncaughtReporter(logInto(lines, "json"));
    for (let i = 0; i < 5; i++) report("exception", new TypeError("boom"));
    report("rejection", undefined);
    report("rejection", { toString: () => Promise.reject });
    report("rejection", Object.create(null));
    const messages = lines.map((line) => JSON.parse(line).message as string);
    expect(messages).toHaveLength(3);
    expect(messages[0]).toContain("boom");
  });

  test("kinds without end do not fill the log", () => {
    const lines: string[] = [];
    const report = uncaughtReporter(logInto(lines, "json"));
    for (let i = 0; i < 1000; i++) report("rejection", `kind ${i}`);
    expect(lines.length).toBeLessThan(100);
  });
});
