/**
 * The log: one line for each change of state, never one for each query. By default no line holds a query name or a
 * client address.
 */

import { createConsola } from "consola/core";
import type { LogFormat, LogLevel } from "../config/config.ts";
import { boundedLine, type LineFormat } from "./log-line.ts";

/** Extra facts of a line, in a stable order, with names that a program can rely on. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly format: LogFormat;
  /** The least severe level to write. */
  readonly level: LogLevel;
  /** Whether `write` reaches a terminal: what "auto" goes by. */
  readonly isTerminal: boolean;
  /** Whether the terminal shows colour and its user wants it. */
  readonly hasColour: boolean;
  /** No line is longer; texts are cut to fit. */
  readonly lineOctets: number;
  /** Takes whole lines with their line ends. What it throws is ignored: a lost line is better than a lost query. */
  readonly write: (text: string) => void;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

/** What a line of this level looks like now. */
type Formatting = (level: LogLevel) => LineFormat;

const severities: readonly LogLevel[] = ["error", "warn", "info", "debug"];

/** Opens the log. No method of it ever throws. */
export function openLog(options: LogOptions): Log {
  const isPretty = options.format === "pretty" || (options.format === "auto" && options.isTerminal);
  const formatting = isPretty ? prettyLines(options) : jsonLines(options);
  const least = severities.indexOf(options.level);
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (severities.indexOf(level) > least) return;
    try {
      options.write(boundedLine(formatting(level), message, fields ?? {}, options.lineOctets));
    } catch {
      // Nothing is left to report it to.
    }
  };
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}

/** One JSON object a line: time (RFC 3339, UTC), level, message, then the fields; they cannot replace the first three. */
function jsonLines({ wallMs }: LogOptions): Formatting {
  return (level) => {
    const time = new Date(wallMs()).toISOString();
    return {
      format(message, fields) {
        const line: Record<string, unknown> = { time, level, message };
        for (const [name, value] of Object.entries(fields)) if (!Object.hasOwn(line, name)) line[name] = value;
        return `${jsonLine(line)}\n`;
      },
      written: (text) => jsonLine(text).slice(1, -1),
    };
  };
}

/** A value as JSON in one line, with the characters escaped that escapeControls() names; the same value when read. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(unsafe, escapeForJson);
}

/** The mark of a level, and its colour as an SGR parameter (ECMA-48). */
const marks: Readonly<Record<LogLevel, readonly [mark: string, colour: number]>> = {
  error: ["✖", 31],
  warn: ["⚠", 33],
  info: ["ℹ", 36],
  debug: ["⚙", 90],
};

/**
 * For people at a terminal, through consola. Its core with a reporter of ours: the whole of it draws in prompts and
 * the standard streams, which cost 7 ms at every start of the executable, used or not.
 */
function prettyLines({ hasColour, wallMs }: LogOptions): Formatting {
  let line = "";
  const report = (level: LogLevel, text: string) => {
    const [mark, colour] = marks[level];
    line = `${timeOfDay(wallMs())} ${hasColour ? `\u001b[${colour}m${mark}\u001b[39m` : mark} ${text}\n`;
  };
  const console = createConsola({
    // Levels are sorted out above; consola gets all of its own, and folds no repeated lines.
    level: Number.POSITIVE_INFINITY,
    throttle: 0,
    reporters: [{ log: ({ type, args }) => report(type as LogLevel, String(args[0])) }],
  });
  return (level) => ({
    format(message, fields) {
      console[level](escapeControls(message) + prettyFields(fields));
      return line;
    },
    written: (text) => quoted(escapeControls(text)),
  });
}

/** HH:MM:SS of the host's own time zone: who reads along compares it with the clock on the wall. */
function timeOfDay(wallMs: number): string {
  const at = new Date(wallMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

function prettyFields(fields: LogFields): string {
  let text = "";
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const shown = escapeControls(String(value));
    text += ` ${name}=${/^[^\s"=]+$/.test(shown) ? shown : `"${quoted(shown)}"`}`;
  }
  return text;
}

/** As it looks between quotes. */
function quoted(text: string): string {
  return text.replaceAll('"', '\\"');
}

/**
 * What must not reach a terminal or a log reader as it is: control characters (C0, DEL, C1), Unicode's line ends,
 * and the marks that turn the direction of text. A name or certificate from outside could otherwise forge lines.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The text with each such character written as \xNN or \uNNNN; one line whatever comes in. */
export function escapeControls(text: string): string {
  return text.replace(unsafe, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : escapeForJson(char);
  });
}

function escapeForJson(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
