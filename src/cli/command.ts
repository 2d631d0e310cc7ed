/** What a subcommand is to the command line. */

import type { OptionSpec, ParsedArguments } from "./arguments.ts";

export interface Example {
  readonly line: string;
  readonly meaning: string;
}

/** One argument by its place, for --help. */
export interface PositionalSpec {
  /** "NAME". */
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
}

export interface ExitCode {
  /** A number, or several as text. */
  readonly code: number | string;
  readonly meaning: string;
}

export interface Command {
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  /** Further paragraphs of its --help. */
  readonly notes?: readonly string[];
  /** The arguments it takes that are no flags; what they may be is its own to judge. Absent: none is allowed. */
  readonly positionals?: readonly PositionalSpec[];
  /** What it ends with, where that is not what every command ends with. */
  readonly exitCodes?: readonly ExitCode[];
  /** Does it. @returns the exit code. @throws UsageError for what the operator must change. */
  run(args: ParsedArguments): Promise<number>;
}

/** A command by name; loaded only when it is the one asked for, so that no other costs start-up time. */
export interface CommandEntry {
  readonly name: string;
  readonly description: string;
  load(): Promise<Command>;
}

/** What every command ends with, for --help and for whoever starts fdns from a script. */
export const exitCodes = {
  ok: { code: 0, meaning: "done, or stopped by SIGTERM, SIGINT or SIGQUIT" },
  failure: { code: 1, meaning: "could not start or go on: an address to listen on is taken, output cannot be written" },
  usage: { code: 2, meaning: "a wrong flag, value or variable, or a file named by one cannot be used" },
  signalled: {
    code: "128+N",
    meaning: "a second SIGINT (2), SIGQUIT (3) or SIGTERM (15) while stopping: ended at once",
  },
} as const;

export const HELP_DESCRIPTION = "Print this help";

/** Options every command has. */
export const commonOptions: readonly OptionSpec[] = [{ name: "help", kind: "switch", description: HELP_DESCRIPTION }];
