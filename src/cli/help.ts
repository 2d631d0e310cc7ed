/** `--help`: citty writes the usage, the options and the commands; examples, variables and exit codes follow. */

import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, defineCommand, renderUsage } from "citty";
import { serveOptions, variableOf } from "../config/options.ts";
import { terminals } from "../runtime/process.ts";
import { type OptionSpec, shortNames } from "./arguments.ts";
import {
  type Command,
  type CommandEntry,
  commonOptions,
  type ExitCode,
  exitCodes,
  HELP_DESCRIPTION,
} from "./command.ts";
import { commands, DEFAULT_COMMAND } from "./commands.ts";
import { programVersion } from "./version.ts";

/** The help of one command; of fdns itself (with the list of commands) where the command is not named. */
export async function renderHelp(entry: CommandEntry, command: Command, isNamed: boolean): Promise<string> {
  const meta = { name: "fdns", version: programVersion, description: "A DNS over TLS forwarder" };
  const subCommands = Object.fromEntries(
    commands.map(({ name, description }) => [name, defineCommand({ meta: { name, description } })]),
  );
  const args = { ...positionalArgs(command), ...cittyArgs([...command.options, ...commonOptions]) };
  const usage = isNamed
    ? await renderUsage(defineCommand({ meta: { name: entry.name, description: entry.description }, args }), { meta })
    : await renderUsage(defineCommand({ meta, args, subCommands }));
  const sections = [tidied(usage), examplesOf(command), ...(command.notes ?? [])];
  if (takesConfiguration(command)) sections.push(variables);
  sections.push(exitCodeTable(command.exitCodes ?? Object.values(exitCodes)));
  const text = `${sections.join("\n\n")}\n`;
  return terminals().stdout ? text : stripVTControlCharacters(text);
}

function positionalArgs(command: Command): ArgsDef {
  const specs = command.positionals ?? [];
  return Object.fromEntries(
    specs.map(({ name, description, required }) => [name, { type: "positional" as const, description, required }]),
  );
}

function cittyArgs(options: readonly OptionSpec[]): ArgsDef {
  return Object.fromEntries(options.map((option) => [option.name, cittyArg(option)]));
}

function cittyArg(option: OptionSpec): ArgsDef[string] {
  const repeated = option.kind === "list" ? "; may be repeated" : "";
  const fallback = option.defaultText === undefined ? "" : `\n(default: ${option.defaultText})`;
  const description = option.description + repeated + fallback;
  if (option.kind !== "switch") {
    return { type: "string", description, valueHint: option.valueName ?? "VALUE", ...aliasOf(option) };
  }
  return { type: "boolean", description, ...aliasOf(option) };
}

function aliasOf(option: OptionSpec): { alias?: string } {
  const short = shortNames[option.name];
  return short === undefined ? {} : { alias: short };
}

/** citty pads lines at the end and knows no second line: defaults go below the descriptions, in their column. */
function tidied(usage: string): string {
  const lines = usage.split("\n").map((line) => line.trimEnd());
  const helpLine = lines.map((line) => stripVTControlCharacters(line)).find((line) => line.endsWith(HELP_DESCRIPTION));
  const indent = " ".repeat(helpLine?.indexOf(HELP_DESCRIPTION) ?? 0);
  return lines
    .map((line) => (line.startsWith("(default: ") ? indent + line : line))
    .join("\n")
    .trimEnd();
}

function examplesOf(command: Command): string {
  const width = Math.max(...command.examples.map((example) => example.line.length));
  const lines = command.examples.map(({ line, meaning }) => `  ${line.padEnd(width)}  # ${meaning}`);
  return `EXAMPLES\n\n${lines.join("\n")}`;
}

function takesConfiguration(command: Command): boolean {
  return command.options.some((option) => option.name === serveOptions.upstream.name);
}

const variables = `ENVIRONMENT

  Every flag of ${DEFAULT_COMMAND} has a variable: --ca-file is ${variableOf("ca-file")}. Lists are set apart by commas or spaces.
  Flags win over variables. DNSSERVER=8.8.8.8 does the same as --upstream and yields to it and to FDNS_UPSTREAM.
  Other FDNS_ variables are warned of. Variables that change what TLS trusts have no effect, or are refused.`;

function exitCodeTable(codes: readonly ExitCode[]): string {
  const rows = codes.map(({ code, meaning }) => `  ${String(code).padEnd(8)}  ${meaning}`);
  return `EXIT CODES\n\n${rows.join("\n")}`;
}
