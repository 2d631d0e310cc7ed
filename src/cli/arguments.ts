/**
 * The strict reading of a command line. citty names the commands and prints their help, but keeps the last of a
 * repeated flag and accepts unknown ones; here a repeated value adds up or is an error, and an unknown flag is an error.
 */

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
