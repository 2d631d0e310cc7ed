/** The log of a further worker: lines on their way to the main thread, as many as that one keeps up with. */

import type { LogLevel } from "../config/config.ts";
import { defaults } from "../config/defaults.ts";
import type { Log, LogFields } from "../observe/log.ts";
import { cutText } from "../observe/log-line.ts";
import type { WorkerFigures } from "./figures.ts";
import type { FromWorker } from "./messages.ts";

/** Lines under way: a main thread that stands still must not find memory full of them. */
const MAX_UNDER_WAY = 256;

export class SentLog {
  readonly log: Log;
  readonly #post: (message: FromWorker) => void;
  readonly #own: Pick<WorkerFigures, "linesSent" | "linesTaken">;
  #lost = 0;

  constructor(post: (message: FromWorker) => void, own: Pick<WorkerFigures, "linesSent" | "linesTaken">) {
    this.#post = post;
    this.#own = own;
    const at = (level: LogLevel) => (message: string, fields?: LogFields) => this.#send(level, message, fields);
    this.log = { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
  }

  /** Says how many lines were lost, once there is room again; called every now and then. */
  tellLost(): void {
    if (this.#lost === 0 || this.#isFull()) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.#send("warn", `${lost} of this worker's log lines are lost: the main thread took no more`, { lost });
  }

  #send(level: LogLevel, message: string, fields: LogFields | undefined): void {
    this.tellLost();
    if (this.#isFull()) {
      this.#lost++;
      return;
    }
    this.#own.linesSent[0]!++;
    this.#post({ level, message: cut(message), fields: fields && cutFields(fields) });
  }

  #isFull(): boolean {
    return this.#own.linesSent[0]! - this.#own.linesTaken[0]! >= MAX_UNDER_WAY;
  }
}

/** No line holds more of a text. */
function cut(text: string): string {
  return cutText(text, defaults.logLineOctets.value);
}

function cutFields(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? cut(value) : value]),
  );
}
