/** A log that keeps its lines: "warn upstream x: gone". */

import type { Log, LogFields } from "../../src/observe/log.ts";

export class FakeLog implements Log {
  readonly lines: string[] = [];
  readonly fields: (LogFields | undefined)[] = [];

  error(message: string, fields?: LogFields): void {
    this.#keep("error", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#keep("warn", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#keep("info", message, fields);
  }
  debug(message: string, fields?: LogFields): void {
    this.#keep("debug", message, fields);
  }

  /** The lines of operators: all but "debug". */
  get told(): string[] {
    return this.lines.filter((line) => !line.startsWith("debug "));
  }

  #keep(level: string, message: string, fields: LogFields | undefined): void {
    this.lines.push(`${level} ${message}`);
    this.fields.push(fields);
  }
}
