/** Lines of workers in the one log: all see the same upstreams, and what one said need not be said by each. */

import type { Log } from "../observe/log.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { FromWorker } from "./messages.ts";

type Line = Extract<FromWorker, object>;

/** For so long a line that another worker said is not repeated. */
const SAME_MS = 10_000;
/** Lines remembered; a text that varies without end must not fill memory. */
const MAX_LINES = 256;

export class WorkerLog {
  readonly #log: Log;
  readonly #clock: Pick<Clock, "nowMs">;
  /** By their text: who said it, and when. */
  readonly #said = new Map<string, { readonly workers: Set<number>; readonly atMs: number }>();

  constructor(log: Log, clock: Pick<Clock, "nowMs">) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Of the main thread itself: its lines are always written. */
  get own(): Log {
    const at = (level: Line["level"]) => (message: string, fields?: Line["fields"]) => {
      this.#isRepeated(0, level, message);
      this.#log[level](message, fields);
    };
    return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
  }

  write(worker: number, { level, message, fields }: Line): void {
    if (!this.#isRepeated(worker, level, message)) this.#log[level](message, { ...fields, worker });
  }

  /** Whether another said it lately, and this one has not since. */
  #isRepeated(worker: number, level: string, message: string): boolean {
    const nowMs = this.#clock.nowMs();
    const line = `${level} ${message}`;
    const before = this.#said.get(line);
    if (before !== undefined && nowMs - before.atMs < SAME_MS && !before.workers.has(worker)) {
      before.workers.add(worker);
      return true;
    }
    if (this.#said.size >= MAX_LINES) this.#said.clear();
    this.#said.set(line, { workers: new Set([worker]), atMs: nowMs });
    return false;
  }
}
