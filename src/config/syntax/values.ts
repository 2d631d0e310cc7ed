/** How the plain values of options are read and shown: numbers, durations, sizes, one word of several. */

import { quoted } from "../../observe/quoted.ts";
import { UsageError } from "../config.ts";
import type { Tunable } from "../defaults/tunable.ts";

const msPerUnit: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "k" is 1024 here as for other resolvers (unbound.conf(5)): whoever writes 32M means a size of memory. */
const octetsPerUnit: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** A whole number within the tunable's range. */
export function countOf(tunable: Tunable): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^[0-9]{1,15}$/.test(text) && isWithin(count, tunable)) return count;
    throw new UsageError(`${quoted(text)} is not allowed; a whole number from ${tunable.min} to ${tunable.max} is`);
  };
}

/** The word "auto", or what else is allowed. */
export function autoOr<Value>(parse: (text: string) => Value): (text: string) => Value | "auto" {
  return (text) => {
    if (text.toLowerCase() === "auto") return "auto";
    try {
      return parse(text);
    } catch (error) {
      throw error instanceof UsageError ? new UsageError(`${error.message}, and auto`) : error;
    }
  };
}

/** A whole number with its unit (`1500ms`, `4s`, `1m`) within the tunable's range, in milliseconds. */
export function durationOf(tunable: Tunable): (text: string) => number {
  return (text) => {
    const ms = parseDuration(text);
    if (isWithin(ms, tunable)) return ms;
    throw new UsageError(
      `${quoted(text)} is not allowed; ${formatDuration(tunable.min)} to ${formatDuration(tunable.max)} is, written as 1500ms, 4s or 1m`,
    );
  };
}

/** Whole seconds with their unit (`30s`, `5m`, `2h`, `1d`; plain `0`) within the tunable's range, in seconds. */
export function secondsOf(tunable: Tunable): (text: string) => number {
  return (text) => {
    const seconds = text === "0" ? 0 : parseDuration(text) / 1000;
    if (Number.isInteger(seconds) && isWithin(seconds, tunable)) return seconds;
    throw new UsageError(
      `${quoted(text)} is not allowed; ${formatSeconds(tunable.min)} to ${formatSeconds(tunable.max)} is, written as 30s, 5m, 2h or 1d`,
    );
  };
}

/** A size (`32MiB`, `32M`, plain octets) within the tunable's range, or 0, in octets. */
export function sizeOf(tunable: Tunable): (text: string) => number {
  return (text) => {
    const match = /^([0-9]{1,13})(?:([kmg])(?:ib)?)?$/i.exec(text);
    const octets = match === null ? Number.NaN : Number(match[1]) * octetsPerUnit[(match[2] ?? "").toLowerCase()]!;
    if (octets === 0 || isWithin(octets, tunable)) return octets;
    throw new UsageError(
      `${quoted(text)} is not allowed; 0, or ${formatSize(tunable.min)} to ${formatSize(tunable.max)} is, written as 33554432, 32768KiB, 32MiB or 1GiB`,
    );
  };
}

/** One of a few words, in any case. */
export function oneOf<Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((candidate) => candidate === text.toLowerCase());
    if (word !== undefined) return word;
    throw new UsageError(`${quoted(text)} is not allowed; ${words.slice(0, -1).join(", ")} or ${words.at(-1)} is`);
  };
}

/** Writes milliseconds in the largest unit that keeps them whole. */
export function formatDuration(ms: number): string {
  const units = Object.entries(msPerUnit).filter(([, msOfOne]) => ms !== 0 && ms % msOfOne === 0);
  const [unit, msOfOne] = units.at(-1) ?? ["ms", 1];
  return `${ms / msOfOne}${unit}`;
}

/** Writes seconds in the largest unit that keeps them whole. */
export function formatSeconds(seconds: number): string {
  return seconds === 0 ? "0s" : formatDuration(seconds * 1000);
}

/** Writes octets in the largest unit that keeps them whole: "32MiB", "1000". */
export function formatSize(octets: number): string {
  if (octets === 0) return "0";
  for (const unit of ["g", "m", "k"]) {
    const size = octets / octetsPerUnit[unit]!;
    if (Number.isInteger(size)) return `${size}${unit.toUpperCase()}iB`;
  }
  return String(octets);
}

/** The parts of a list, which commas, spaces or both set apart. */
export function listItems(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== "");
}

/** In milliseconds; not a number if the text is no duration. */
function parseDuration(text: string): number {
  const match = /^([0-9]{1,12})(ms|s|m|h|d)$/.exec(text.toLowerCase());
  return match === null ? Number.NaN : Number(match[1]) * msPerUnit[match[2]!]!;
}

function isWithin(value: number, tunable: Tunable): boolean {
  return value >= tunable.min && value <= tunable.max;
}
