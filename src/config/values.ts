/** How the plain values of options are read: numbers, durations, one word of several. */

import { UsageError } from "./config.ts";
import type { Tunable } from "./defaults.ts";

const msPerUnit: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** A whole number within the tunable's range. */
export function countOf(tunable: Tunable): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^[0-9]{1,15}$/.test(text) && isWithin(count, tunable)) return count;
    throw new UsageError(`"${text}" is not allowed; a whole number from ${tunable.min} to ${tunable.max} is`);
  };
}

/** A whole number with its unit (`1500ms`, `4s`, `1m`) within the tunable's range, in milliseconds. */
export function durationOf(tunable: Tunable): (text: string) => number {
  return (text) => {
    const match = /^([0-9]{1,12})(ms|s|m)$/.exec(text);
    const ms = match === null ? Number.NaN : Number(match[1]) * msPerUnit[match[2]!]!;
    if (isWithin(ms, tunable)) return ms;
    throw new UsageError(
      `"${text}" is not allowed; ${formatDuration(tunable.min)} to ${formatDuration(tunable.max)} is, written as 1500ms, 4s or 1m`,
    );
  };
}

/** One of a few words. */
export function oneOf<Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new UsageError(`"${text}" is not allowed; ${words.slice(0, -1).join(", ")} or ${words.at(-1)} is`);
  };
}

/** Writes milliseconds in the largest unit that keeps them whole. */
export function formatDuration(ms: number): string {
  if (ms !== 0 && ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms !== 0 && ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** The parts of a list, which commas, spaces or both set apart. */
export function listItems(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== "");
}

function isWithin(value: number, tunable: Tunable): boolean {
  return value >= tunable.min && value <= tunable.max;
}
