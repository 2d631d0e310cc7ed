/** What the main thread and the threads of further workers tell each other. */

import type { Config, LogLevel } from "../config/config.ts";
import type { SharedSocket } from "../listener/listen.ts";
import type { LogFields } from "../observe/log.ts";

/** What a worker's thread begins with. The memory is shared, the rest is its own copy. */
export interface Boot {
  /** From 1: 0 is the main thread. */
  readonly worker: number;
  readonly workers: number;
  readonly config: Config;
  /** PEM. */
  readonly roots: readonly string[];
  /** The cache; undefined: there is none. */
  readonly memory: SharedArrayBuffer | undefined;
  /** See SharedFigures. */
  readonly figures: SharedArrayBuffer;
  /** See CacheTimeParts.shift. */
  readonly shift: Float64Array;
  /** See readiness-relay.ts. */
  readonly places: Int32Array;
  /** What to listen on, beside the main thread. */
  readonly sockets: readonly SharedSocket[];
}

export type ToWorker =
  /** Some descriptor became readable. */
  | "wake"
  /** The way to the upstreams may have changed. */
  | "renew"
  /** The cache was flushed: failures are to be forgotten too. */
  | "forget"
  | "stop";

export type FromWorker =
  | "serving"
  | "stopped"
  | { readonly level: LogLevel; readonly message: string; readonly fields: LogFields | undefined };
