/**
 * The log: one line for each change of state, never one for each query. By default no line holds a query name or a
 * client address.
 */

import type { ConsolaInstance } from "consola";
import type { LogFormat, LogLevel } from "../config/config.ts";

/** Extra facts of a line, in a stable order, with names that a program can rely on. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

/** A log that may hold lines back for a moment. */
export interface BufferedLog extends Log {
  /** Resolves when every line so far is written. Never rejects. */
  flush(): Promise<void>;
}

export interface LogOptions {
  readonly format: LogFormat;
  /** The least severe level to write. */
  readonly level: LogLevel;
  /** Whether `write` reaches a terminal: what "auto" goes by. */
  readonly isTerminal: boolean;
  /** Takes whole lines with their line ends. What it throws is ignored: a lost line is better than a lost query. */
  readonly write: (text: string) => void;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

type Sink = { write(level: LogLevel, message: string, fields: LogFields): void; flush(): Promise<void> };

const severities: readonly LogLevel[] = ["error", "warn", "info", "debug"];

/** Opens the log. No method of it ever throws. */
export function openLog(options: LogOptions): BufferedLog {
  const isPretty = options.format === "pretty" || (options.format === "auto" && options.isTerminal);
  const sink = isPretty ? prettySink(options) : jsonSink(options);
  const least = severities.indexOf(options.level);
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (severities.indexOf(level) > least) return;
    try {
      sink.write(level, message, fields ?? {});
    } catch {
      // Nothing is left to report it to.
    }
  };
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug"), flush: () => sink.flush() };
}

/** One JSON object a line: time (RFC 3339, UTC), level, message, then the fields; they cannot replace the first three. */
function jsonSink({ write, wallMs }: LogOptions): Sink {
  return {
    write(level, message, fields) {
      const line: Record<string, unknown> = { time: new Date(wallMs()).toISOString(), level, message };
      for (const [name, value] of Object.entries(fields)) if (!Object.hasOwn(line, name)) line[name] = value;
      write(`${JSON.stringify(line).replace(unsafe, escapeForJson)}\n`);
    },
    flush: () => Promise.resolve(),
  };
}

/**
 * For people at a terminal, through consola. It takes about 15 ms to load, so it is loaded when the first line is
 * due, after the work that the line reports; lines wait for it in order.
 */
function prettySink({ write }: LogOptions): Sink {
  let console: ConsolaInstance | undefined;
  let loading: Promise<void> | undefined;
  const waiting: [LogLevel, string][] = [];
  const load = async () => {
    const { createConsola } = await import("consola");
    // consola writes to streams; the two members below are all it uses of them.
    const stream = { write: (text: string) => write(text), columns: 0 } as unknown as NodeJS.WriteStream;
    console = createConsola({
      level: 5,
      stdout: stream,
      stderr: stream,
      // Every line is worth its place: no folding of repeated ones, and no blank lines around warnings.
      throttle: 0,
      defaults: { badge: false } as object,
      formatOptions: { date: false },
    });
    for (const [level, line] of waiting.splice(0)) console[level](line);
  };
  return {
    write(level, message, fields) {
      const line = escapeControls(message) + prettyFields(fields);
      if (console !== undefined) return console[level](line);
      waiting.push([level, line]);
      loading ??= load().catch(() => {
        for (const [waitingLevel, text] of waiting.splice(0)) write(`${waitingLevel}: ${text}\n`);
      });
    },
    flush: () => loading ?? Promise.resolve(),
  };
}

function prettyFields(fields: LogFields): string {
  let text = "";
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const shown = escapeControls(String(value));
    text += ` ${name}=${/^[^\s"=]+$/.test(shown) ? shown : quoted(shown)}`;
  }
  return text;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '\\"')}"`;
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
