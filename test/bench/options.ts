/** The command line of scripts/bench. */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "../support/sources.ts";
import { executable } from "../support/toolchain.ts";
import { QUICK_ROUNDS, QUICK_ROWS, QUICK_SECONDS } from "./quick.ts";
import type { Row } from "./rows.ts";
import { LOAD_ROWS } from "./rows-load.ts";
import { OTHER_ROWS } from "./rows-other.ts";
import { SERVERS, type ServerName } from "./servers.ts";

export const ALL_ROWS: readonly Row[] = [...LOAD_ROWS, ...OTHER_ROWS];
export const BASELINE_FILE = join(projectRoot, "test/bench/baseline.json");

export interface Options {
  readonly quick: boolean;
  readonly writeBaseline: boolean;
  readonly rows: readonly Row[];
  readonly servers: readonly ServerName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly pacedSeconds: number;
  readonly out: string;
  readonly executable: string;
  /** Another one to compare it with, and nothing else. */
  readonly against: string | undefined;
}

const ROUNDS = 3;
const SECONDS = 3;

const FLAGS = {
  quick: { type: "boolean", default: false },
  "write-baseline": { type: "boolean", default: false },
  rows: { type: "string" },
  servers: { type: "string" },
  rounds: { type: "string" },
  seconds: { type: "string" },
  out: { type: "string", default: join(projectRoot, "dist/bench") },
  executable: { type: "string", default: executable },
  against: { type: "string" },
} as const;

function flagsOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch (error) {
    const allowed = Object.keys(FLAGS).map((name) => `--${name}`);
    throw new Error(`${(error as Error).message}; allowed: --help, --install, ${allowed.join(", ")}`);
  }
}

/** @throws Error that names the flag, the value and what is allowed. */
export function readOptions(args: readonly string[]): Options {
  const values = flagsOf(args);
  const quick = values.quick || values["write-baseline"];
  const rows = quick ? QUICK_ROWS : ALL_ROWS;
  const ids = chosen(
    "rows",
    values.rows,
    rows.map(({ id }) => id),
  );
  const seconds = wholeNumber("seconds", values.seconds, quick ? QUICK_SECONDS : SECONDS);
  return {
    quick,
    writeBaseline: values["write-baseline"],
    rows: rows.filter(({ id }) => ids.includes(id)),
    servers: chosen("servers", values.servers, SERVERS),
    rounds: wholeNumber("rounds", values.rounds, quick ? QUICK_ROUNDS : ROUNDS),
    seconds,
    pacedSeconds: quick ? 0 : Math.max(1, Math.round((seconds * 2) / 3)),
    out: values.out,
    executable: values.executable,
    against: values.against,
  };
}

function chosen<Choice extends string>(flag: string, text: string | undefined, all: readonly Choice[]): Choice[] {
  if (text === undefined) return [...all];
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const wrong = words.find((word) => !(all as readonly string[]).includes(word));
  if (wrong !== undefined) throw new Error(`--${flag} "${wrong}": allowed: ${all.join(", ")}`);
  return all.filter((choice) => words.includes(choice));
}

function wholeNumber(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9][0-9]{0,2}$/.test(text)) throw new Error(`--${flag} "${text}": allowed: a whole number from 1 to 999`);
  return Number(text);
}
