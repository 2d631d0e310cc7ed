import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { firstPositional, hasSwitch, type OptionSpec, parseArguments } from "../../src/cli/arguments.ts";
import { commonOptions } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { UsageError } from "../../src/config/config.ts";
import { serveOptions } from "../../src/config/options.ts";
import { nearest } from "../../src/config/syntax/nearest.ts";

const options: readonly OptionSpec[] = [
  { name: "listen", kind: "list", valueName: "ADDRESS", description: "" },
  { name: "tcp-idle", kind: "value", valueName: "DURATION", description: "" },
  { name: "once", kind: "switch", description: "" },
  ...commonOptions,
];

const parse = (...args: string[]): Record<string, readonly string[]> => {
  const { values, positionals } = parseArguments(options, args);
  return { ...Object.fromEntries(values), _: positionals };
};

describe("what is understood", () => {
  test("both ways to give a value, in the order given", () => {
    expect(parse("--listen", ":53", "--tcp-idle=4s", "--listen=:54")).toEqual({
      listen: [":53", ":54"],
      "tcp-idle": ["4s"],
      _: [],
    });
  });

  test("switches, -h, positionals and --", () => {
    expect(parse("--once", "a", "-h", "--", "--b")).toEqual({ once: [""], help: [""], _: ["a", "--b"] });
  });

  test("a value with a dash, an equals sign or nothing, after =", () => {
    expect(parse("--listen=--x", "--listen=a=b", "--listen=")).toMatchObject({ listen: ["--x", "a=b", ""] });
  });
});

test.each([
  [["--listne", ":53"], "unknown flag --listne; did you mean --listen?"],
  [["--zzzzzz"], "unknown flag --zzzzzz; --help"],
  [["-x"], "unknown flag -x"],
  [["--no-once"], "unknown flag --no-once"],
  [["--listen"], "--listen needs ADDRESS"],
  [["--listen", "--once"], '"--once" follows'],
  [["--once=yes"], '--once takes no value, but "yes"'],
  [["--once", "--once"], "--once is given twice"],
  [["--tcp-idle", "1s", "--tcp-idle=1s"], "--tcp-idle is given twice"],
])("%j is refused: %s", (args, message) => {
  expect(() => parseArguments(options, args)).toThrow(UsageError);
  expect(() => parseArguments(options, args)).toThrow(message);
});

test("any values come back as they were given, and garbage is a UsageError", () => {
  const value = fc.string().filter((text) => !text.startsWith("-"));
  fc.assert(
    fc.property(fc.array(value), fc.boolean(), (values, isInline) => {
      const args = values.flatMap((text) => (isInline ? [`--listen=${text}`] : ["--listen", text]));
      expect(parseArguments(options, args).values.get("listen") ?? []).toEqual(values);
    }),
  );
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("--", "-", "--listen", "--once", "--once=", "-hh", "--__proto__=1"),
  );
  fc.assert(
    fc.property(fc.array(piece), (args) => {
      firstPositional(options, args);
      hasSwitch(options, args, "help");
      try {
        parseArguments(options, args);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }),
  );
});

test("a flag's value is not taken for the command", () => {
  expect(firstPositional(options, ["--listen", "check", "--once", "demo"])).toEqual({ text: "demo", index: 3 });
  expect(firstPositional(options, ["--listen", "check"])).toBeUndefined();
});

test("a flag of serve is of the same kind in every command that has it, or a value before the command would be misread", async () => {
  const serveKinds = new Map<string, string>(Object.values(serveOptions).map(({ name, kind }) => [name, kind]));
  for (const entry of commands) {
    const command = await entry.load();
    const names = command.options.map((option) => option.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, kind } of command.options) {
      const takesValue = (text: string | undefined) => text !== "switch";
      if (serveKinds.has(name))
        expect([entry.name, name, takesValue(kind)]).toEqual([entry.name, name, takesValue(serveKinds.get(name))]);
    }
  }
});

test("the nearest word, if it is near", () => {
  expect(nearest("upstrem", ["listen", "upstream", "upstream-allow"])).toBe("upstream");
  expect(nearest("x", ["listen"])).toBeUndefined();
  expect(nearest("x".repeat(100_000), ["listen"])).toBeUndefined();
});
