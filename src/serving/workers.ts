/**
 * Workers beside the main thread, which is the first: started, told what concerns all, watched, and replaced when they
 * are no more. Loaded only when there is more than one.
 *
 * A worker that died costs what it had in flight: its sockets are closed, so that the kernel gives their datagrams to
 * the others, and what it held of shared memory is freed.
 */

import type { CacheStore } from "../cache/store/store.ts";
import type { Config } from "../config/config.ts";
import type { SharedSocket } from "../listener/listen.ts";
import type { Log } from "../observe/log.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { startThread, Thread } from "../runtime/threads.ts";
import type { ReadinessRelay } from "../runtime/udp/readiness-relay.ts";
import { SharedFigures } from "./figures.ts";
import type { Boot, FromWorker, ToWorker } from "./messages.ts";
import type { WorkerShare } from "./serving.ts";
import { WorkerLog } from "./worker-log.ts";

export interface WorkersParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly startThread: typeof startThread;
  /** Relays to the places of each thread. */
  readonly relayTo: (
    places: readonly Int32Array[],
    wake: (thread: number) => void,
  ) => Pick<ReadinessRelay, "closeThoseOf">;
}

/** What its threads begin with; see Boot. */
export type CommonBoot = Pick<Boot, "config" | "roots" | "memory" | "sockets">;

/** Looks, one a second, without a beat (which is due each second too) before a worker is taken to stand still, or to be gone. */
const MAX_SILENT_LOOKS = 4;
/** Looks before a worker that was started must have shown a first beat. */
const MAX_STARTING_LOOKS = 20;
/** How soon one that died is replaced; doubled while it keeps dying, until it lived for so long. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;
const LIVED_MS = 60_000;

export class Workers {
  readonly figures: SharedFigures;
  /** One place: what the main thread's cache time is to write, for the others to follow. */
  readonly shift = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  /** With the main thread. */
  readonly count: number;
  readonly #parts: WorkersParts;
  readonly #memory: SharedArrayBuffer;
  readonly #log: WorkerLog;
  #watched: readonly WatchedWorker[] = [];
  #endLooks = () => {};

  constructor(count: number, config: Config, parts: WorkersParts) {
    this.count = count;
    this.#parts = parts;
    this.#memory = SharedFigures.memory(count, config.upstreams.length);
    this.figures = new SharedFigures(this.#memory, count, config.upstreams.length);
    this.#log = new WorkerLog(parts.log, parts.clock);
  }

  /** What the main thread serves with. */
  get ownShare(): WorkerShare {
    return { worker: 0, workers: this.count, figures: this.figures };
  }

  /** The main thread's log, whose lines the others need not repeat. */
  get ownLog(): Log {
    return this.#log.own;
  }

  /** Starts the threads, once what they share is open. They begin to serve a moment later. */
  start(boot: CommonBoot, store: CacheStore | undefined): void {
    const { clock } = this.#parts;
    const places = Array.from({ length: this.count - 1 }, () => placesFor(boot.sockets));
    const relay = this.#parts.relayTo(places, (thread) => this.#watched[thread]?.post("wake"));
    this.#watched = places.map((own, thread) => {
      const worker = thread + 1;
      const shared = { worker, workers: this.count, figures: this.#memory, shift: this.shift, places: own };
      return new WatchedWorker(worker, { ...boot, ...shared }, this.#parts, {
        beats: () => this.figures.workers[worker]!.beats[0]!,
        onLine: (line) => {
          this.figures.workers[worker]!.linesTaken[0]!++;
          this.#log.write(worker, line);
        },
        onGone: () => {
          relay.closeThoseOf(thread);
          store?.releaseLockOf(worker);
          this.figures.workers[worker]!.clear();
          this.figures.workers[worker]!.replaced[0]!++;
        },
      });
    });
    const look = () => {
      for (const worker of this.#watched) worker.look();
    };
    look();
    this.#endLooks = clock.eachSecond(look);
  }

  tell(message: Exclude<ToWorker, "stop" | "wake">): void {
    for (const worker of this.#watched) worker.post(message);
  }

  /** Lets them answer what is in flight, and ends them. */
  async stop(): Promise<void> {
    this.#endLooks();
    await Promise.all(this.#watched.map((worker) => worker.stop()));
  }
}

interface WatchedParts {
  readonly beats: () => number;
  readonly onLine: (line: Extract<FromWorker, object>) => void;
  /** Nothing of it runs any more. */
  readonly onGone: () => void;
}

class WatchedWorker {
  readonly #worker: number;
  readonly #boot: Boot;
  readonly #parts: WorkersParts;
  readonly #own: WatchedParts;
  #thread: Thread | undefined;
  #startedMs = 0;
  #isServing = false;
  #beats = 0;
  #silentLooks = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #cancelStart = () => {};
  #isStopping = false;
  #onStopped = () => {};

  constructor(worker: number, boot: Boot, parts: WorkersParts, own: WatchedParts) {
    this.#worker = worker;
    this.#boot = boot;
    this.#parts = parts;
    this.#own = own;
    this.#start();
  }

  post(message: ToWorker): void {
    this.#thread?.post(message);
  }

  /** Whether it still turns; called once a second. */
  look(): void {
    if (this.#thread === undefined) return;
    const beats = this.#own.beats();
    this.#silentLooks = beats === this.#beats ? this.#silentLooks + 1 : 0;
    this.#beats = beats;
    if (this.#silentLooks < (this.#isServing ? MAX_SILENT_LOOKS : MAX_STARTING_LOOKS)) return;
    const thread = this.#thread;
    this.#thread = undefined;
    const cause = `it showed no life for ${this.#silentLooks} s`;
    void thread.end().then(() => this.#gone(cause));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelStart();
    const thread = this.#thread;
    if (thread === undefined) return;
    await new Promise<void>((resolve) => {
      this.#onStopped = resolve;
      thread.post("stop" satisfies ToWorker);
    });
    this.#thread = undefined;
    await thread.end();
  }

  #start(): void {
    this.#startedMs = this.#parts.clock.nowMs();
    this.#isServing = false;
    this.#silentLooks = 0;
    this.#thread = this.#parts.startThread({
      name: `fdns-${this.#worker}`,
      boot: this.#boot,
      onMessage: (message) => this.#onMessage(message as FromWorker),
      onEnd: (cause) => this.#gone(cause),
    });
  }

  #onMessage(message: FromWorker): void {
    if (message === "serving") this.#isServing = true;
    else if (message === "stopped") this.#onStopped();
    else this.#own.onLine(message);
  }

  #gone(cause: string): void {
    this.#thread = undefined;
    this.#own.onGone();
    this.#onStopped();
    if (this.#isStopping) return;
    const { clock, log } = this.#parts;
    if (clock.nowMs() - this.#startedMs >= LIVED_MS) this.#pauseMs = FIRST_PAUSE_MS;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
    log.error(`worker ${this.#worker} is gone: ${cause}; another takes its place in ${pauseMs / 1000} s`);
    this.#cancelStart = clock.after(pauseMs, () => this.#start());
  }
}

/** One for each UDP socket. */
function placesFor(sockets: readonly SharedSocket[]): Int32Array {
  const udp = sockets.filter(({ transport }) => transport === "UDP");
  return new Int32Array(new SharedArrayBuffer(udp.length * Int32Array.BYTES_PER_ELEMENT));
}
