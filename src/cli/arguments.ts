/**
 * The strict reading of a command line. citty names the commands and prints their help, but keeps the last of a
 * repeated flag and accepts unknown ones; here a repeated value adds up or is an error, and an unknown flag is an error.
 */

import { parseArgs } from "node:util";
import { UsageError } from "../config/config.ts";
import { nearest } from "../config/syntax/nearest.ts";
import { bounded, quoted } from "../observe/quoted.ts";

/** One option of a command: `--name`. */
export interface OptionSpec {
  /** Without dashes: "ca-file". */
  readonly name: string;
  /** "switch" takes no value, "value" one, "list" may be repeated (and each may hold several, by comma or space). */
  readonly kind: "switch" | "value" | "list";
  /** How the value is called in --help: "ADDRESS". */
  readonly valueName?: string;
  /** One sentence for --help. */
  readonly description: string;
  /** What holds when it is not given, in words, for --help. */
  readonly defaultText?: string;
}

export interface ParsedArguments {
  /** Values in the order given; a switch that was given has [""]. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
}

/** One flag as it was met. `written` is how the operator wrote it; `value` is undefined where none was given. */
interface Flag {
  readonly name: string;
  readonly written: string;
  readonly value: string | undefined;
  readonly isInline: boolean;
}

interface Positional {
  readonly text: string;
  /** Where in the arguments it stood. */
  readonly index: number;
}

export const shortNames: Readonly<Record<string, string>> = { help: "h", version: "V", reverse: "x", verbose: "v" };

/**
 * Reads `--name value`, `--name=value` and, for some, their short names. After `--` everything is positional.
 * @throws UsageError for an unknown flag, a missing or unwanted value, and a "value" or "switch" given twice.
 */
export function parseArguments(options: readonly OptionSpec[], args: readonly string[]): ParsedArguments {
  const { flags, positionals } = scan(options, args);
  const byName = new Map(options.map((option) => [option.name, option]));
  const values = new Map<string, string[]>();
  for (const flag of flags) {
    const option = byName.get(flag.name);
    if (option === undefined) throw unknownFlag(flag, byName.keys());
    const before = values.get(flag.name) ?? [];
    if (before.length > 0 && option.kind !== "list") {
      throw new UsageError(`${bounded(flag.written)} is given twice; once is allowed`);
    }
    values.set(flag.name, [...before, valueOfFlag(option, flag)]);
  }
  return { values, positionals: positionals.map((positional) => positional.text) };
}

/** The first argument that is neither a flag nor a flag's value, reading as parseArguments would; never throws. */
export function firstPositional(options: readonly OptionSpec[], args: readonly string[]): Positional | undefined {
  return scan(options, args).positionals[0];
}

/** Whether a switch is among the arguments, however wrong the rest is: `fdns --listne :53 --help` still helps. */
export function hasSwitch(options: readonly OptionSpec[], args: readonly string[], name: string): boolean {
  return scan(options, args).flags.some((flag) => flag.name === name);
}

function scan(options: readonly OptionSpec[], args: readonly string[]): { flags: Flag[]; positionals: Positional[] } {
  const types = options.map((option) => {
    const short = shortNames[option.name];
    const type: "boolean" | "string" = option.kind === "switch" ? "boolean" : "string";
    return [option.name, { type, multiple: true, ...(short === undefined ? {} : { short }) }] as const;
  });
  // Not strict: its tokens are all that is wanted, and what they are worth is judged above, in our own words.
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(types),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const flags: Flag[] = [];
  const positionals: Positional[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push({ text: token.value, index: token.index });
    if (token.kind !== "option") continue;
    flags.push({
      name: token.name,
      written: token.rawName,
      value: token.value,
      isInline: token.inlineValue === true,
    });
  }
  return { flags, positionals };
}

function valueOfFlag(option: OptionSpec, { written, value, isInline }: Flag): string {
  if (option.kind === "switch") {
    if (value === undefined) return "";
    throw new UsageError(`${written} takes no value, but ${quoted(value)} is given`);
  }
  const wanted = option.valueName ?? "a value";
  if (value === undefined) throw new UsageError(`${written} needs ${wanted}, and none is given`);
  // "--listen --upstream 1.1.1.1" has lost a value; whoever means a value with a dash writes it after "=".
  if (!isInline && value.startsWith("-") && value !== "-") {
    throw new UsageError(
      `${written} needs ${wanted}, but ${quoted(value)} follows; if that is its value, write ${written}=VALUE`,
    );
  }
  return value;
}

function unknownFlag(flag: Flag, known: Iterable<string>): UsageError {
  const meant = nearest(flag.name, known);
  const hint =
    meant === undefined ? "--help lists what is allowed" : `did you mean --${meant}? --help lists what is allowed`;
  return new UsageError(`unknown flag ${bounded(flag.written)}; ${hint}`);
}
