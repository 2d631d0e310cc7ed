/** From the arguments to the command, and from whatever it does to an exit code. */

import { UsageError } from "../config/config.ts";
import { serveOptions } from "../config/options.ts";
import { quoted } from "../observe/quoted.ts";
import { writeOut } from "../runtime/process.ts";
import { firstPositional, hasSwitch, type OptionSpec, parseArguments } from "./arguments.ts";
import { commonOptions, exitCodes } from "./command.ts";
import { commands, DEFAULT_COMMAND, namedCommand, unknownCommand } from "./commands.ts";
import { exitCodeOf, failureLine } from "./failure.ts";

const versionSwitch: OptionSpec = { name: "version", kind: "switch", description: "Print the version" };

/** Runs `fdns ARGS`. @returns the exit code; never rejects. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    const { sayLastWords } = await import("./process-log.ts");
    await sayLastWords(failureLine(error));
    return exitCodeOf(error);
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const { name, rest, isNamed } = chooseCommand(args);
  const entry = namedCommand(name);
  const command = await entry.load();
  const options = [...command.options, ...commonOptions];
  if (asksForVersion(isNamed ? options : topOptions, rest)) {
    const { versionLines } = await import("./version.ts");
    writeOut(versionLines());
    return exitCodes.ok.code;
  }
  if (hasSwitch(options, rest, "help")) {
    const { renderHelp } = await import("./help/help.ts");
    writeOut(await renderHelp(entry, command, isNamed));
    return exitCodes.ok.code;
  }
  const parsed = parseArguments(options, rest);
  const extra = parsed.positionals[0];
  if (extra !== undefined && command.positionals === undefined)
    throw isNamed ? unexpected(extra, name) : unknownCommand(extra);
  return command.run(parsed);
}

/** --version and -V; -v too, which other programs have, where it is not the short form of --verbose. */
function asksForVersion(options: readonly OptionSpec[], args: readonly string[]): boolean {
  const known = [...options, versionSwitch];
  return hasSwitch(known, args, "version") || hasSwitch(known, args, "v");
}

/** Flags that may stand before a command's name are read as those of serve, so that their values are not taken for it. */
const topOptions: readonly OptionSpec[] = [...Object.values(serveOptions), ...commonOptions];

interface Choice {
  readonly name: string;
  /** The arguments without the command's name, those before it included. */
  readonly rest: readonly string[];
  /** False where it is the default. */
  readonly isNamed: boolean;
}

function chooseCommand(args: readonly string[]): Choice {
  const first = firstPositional([...topOptions, versionSwitch], args);
  if (first === undefined || !commands.some((command) => command.name === first.text)) {
    return { name: DEFAULT_COMMAND, rest: args, isNamed: false };
  }
  return { name: first.text, rest: args.filter((_, index) => index !== first.index), isNamed: true };
}

function unexpected(text: string, name: string): UsageError {
  return new UsageError(`fdns ${name} takes flags only, but ${quoted(text)} is given; fdns ${name} --help lists them`);
}
