/** `--help`: citty writes the usage, the options and the commands; examples, variables and exit codes follow. */

import { stripVTControlCharacters } from "node:util";
import { type ArgsDef, defineCommand, renderUsage } from "citty";
import { serveOptions, variableOf } from "../../config/options.ts";
import { type OptionSpec, shortNames } from "../arguments.ts";
import { type Command, type CommandEntry, commonOptions, type ExitCode, exitCodes } from "../command.ts";
import { commands, DEFAULT_COMMAND } from "../commands.ts";
import { styles } from "../terminal.ts";
import { programVersion } from "../version.ts";
import { definition, wrapped } from "./wrap.ts";

/** Where descriptions of options begin. */
const OPTION_COLUMN = 26;
const EXIT_CODE_COLUMN = 12;
const EXAMPLE_COLUMN = 6;

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
  const notes = (command.notes ?? []).map((note) => wrapped(note));
  const sections = [laidOut(usage), examplesOf(command), ...notes];
  if (takesConfiguration(command)) sections.push(variables);
  sections.push(exitCodeTable(command.exitCodes ?? Object.values(exitCodes)));
  const text = `${sections.join("\n\n")}\n`;
  return styles().stdout ? text : stripVTControlCharacters(text);
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
  const fallback = option.defaultText === undefined ? "" : ` (default: ${option.defaultText})`;
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

/** citty puts terms to the right of a column as wide as the longest, whatever the terminal is, and lists all commands as usage. */
function laidOut(usage: string): string {
  const names = commands.map(({ name }) => name).join("|");
  return usage
    .split("\n")
    .map((line) => {
      const row = /^\s+(\S.*?)(?:\s{4,}|\s*$)(.*)$/.exec(line);
      return row === null ? wrapped(line.replace(names, "[COMMAND]").trimEnd(), 6) : rowOf(row[1]!, row[2]!);
    })
    .join("\n")
    .trimEnd();
}

function rowOf(term: string, description: string): string {
  return definition(term, description.trimEnd(), OPTION_COLUMN);
}

function examplesOf(command: Command): string {
  const indent = " ".repeat(EXAMPLE_COLUMN);
  const lines = command.examples.map(
    ({ line, meaning }) => `  ${line}\n${indent}${wrapped(meaning, EXAMPLE_COLUMN, EXAMPLE_COLUMN)}`,
  );
  return `EXAMPLES\n\n${lines.join("\n")}`;
}

function takesConfiguration(command: Command): boolean {
  return command.options.some((option) => option.name === serveOptions.upstream.name);
}

const variables = `ENVIRONMENT

  ${wrapped(
    `Every flag of ${DEFAULT_COMMAND} has a variable: --ca-file is ${variableOf("ca-file")}. Lists are separated by commas or spaces. ` +
      "Flags win over variables. DNSSERVER=8.8.8.8 does the same as --upstream and yields to it and to FDNS_UPSTREAM. " +
      "Other FDNS_ variables are warned of. Variables that change what TLS trusts have no effect, or are refused.",
    2,
    2,
  )}`;

function exitCodeTable(codes: readonly ExitCode[]): string {
  const rows = codes.map(({ code, meaning }) => definition(String(code), meaning, EXIT_CODE_COLUMN));
  return `EXIT CODES\n\n${rows.join("\n")}`;
}
