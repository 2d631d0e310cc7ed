/** From the arguments to the command, and from whatever it does to an exit code. */

import { UsageError } from "../config/config.ts";
import { nearest } from "../config/nearest.ts";
import { serveOptions } from "../config/options.ts";
import { escapeControls } from "../observe/log.ts";
import { writeOut } from "../runtime/process.ts";
import { firstPositional, hasSwitch, type OptionSpec, parseArguments } from "./arguments.ts";
import { commonOptions, exitCodes } from "./command.ts";
import { commands, DEFAULT_COMMAND } from "./commands.ts";

const versionSwitch: OptionSpec = { name: "version", kind: "switch", description: "Print the version" };

/** Runs `fdns ARGS`. @returns the exit code; never rejects. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const { sayLastWords } = await import("./process-log.ts");
    await sayLastWords(`fdns: ${escapeControls(message)}\n`);
    return error instanceof UsageError ? exitCodes.usage.code : exitCodes.failure.code;
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const { name, rest, isNamed } = chooseCommand(args);
  const entry = commands.find((command) => command.name === name)!;
  if (!isNamed && hasSwitch([...topOptions, versionSwitch], args, "version")) {
    const { versionLines } = await import("./version.ts");
    writeOut(versionLines());
    return exitCodes.ok.code;
  }
  const command = await entry.load();
  const options = [...command.options, ...commonOptions];
  if (hasSwitch(options, rest, "help")) {
    const { renderHelp } = await import("./help.ts");
    writeOut(await renderHelp(entry, command, isNamed));
    return exitCodes.ok.code;
  }
  const parsed = parseArguments(options, rest);
  const extra = parsed.positionals[0];
  if (extra !== undefined && command.positionals === undefined)
    throw isNamed ? unexpected(extra, name) : unknownCommand(extra);
  return command.run(parsed);
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

function unknownCommand(text: string): UsageError {
  const names = commands.map((command) => command.name);
  const meant = nearest(text, names);
  const hint = meant === undefined ? "" : `is ${meant} meant? `;
  return new UsageError(`unknown command "${text}"; ${hint}${names.join(", ")} are allowed`);
}

function unexpected(text: string, name: string): UsageError {
  return new UsageError(`fdns ${name} takes flags only, but "${text}" is given; fdns ${name} --help lists them`);
}
