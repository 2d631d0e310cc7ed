/** Threads of this process, each with an event loop of its own; what they share is memory, the rest is messages. */

import { parentPort, Worker, workerData } from "node:worker_threads";
import { systemClock } from "./clock.ts";
import type { Clock } from "./runtime.ts";

export interface Thread {
  /** `message`: what structured cloning takes. */
  post(message: unknown): void;
  /** Ends it wherever it is; resolves when it is gone, or after a bound if it cannot be ended. onEnd is not called. */
  end(): Promise<void>;
}

export interface ThreadOptions {
  /** As tools of the host show it, 15 octets at most. */
  readonly name: string;
  /** What the thread finds in ThisThread.boot; shared memory in it is shared. */
  readonly boot: unknown;
  readonly onMessage: (message: unknown) => void;
  /** It is gone, for whatever reason; called once. */
  readonly onEnd: (cause: string) => void;
  /** The module to run; fdns' own if not said. */
  readonly entry?: URL;
}

/** What a thread asks when it begins, and what it is told. */
const ASKS_TIME = "fdns: what time is it?";
type Time = { readonly mainMs: number };

/** How long end() waits: one that has no more turn of its event loop cannot be seen to end. */
const END_MS = 1000;

/** In the executable every module lies at the root of its own file system, the entries below their folders. */
const isCompiled = import.meta.url.startsWith("file:///$bunfs/");
const entryUrl = () => new URL(isCompiled ? "./serving/worker.js" : "../serving/worker.ts", import.meta.url);

export function startThread({ name, boot, onMessage, onEnd, entry = entryUrl() }: ThreadOptions): Thread {
  const worker = new Worker(entry, { name, workerData: boot });
  let cause: string | undefined;
  let isWanted = true;
  let onGone = () => {};
  worker.on("message", (message: unknown) => {
    if (message === ASKS_TIME) worker.postMessage({ mainMs: systemClock.nowMs() } satisfies Time);
    else onMessage(message);
  });
  worker.on("error", (error: unknown) => {
    cause ??= error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  });
  worker.on("exit", (code) => {
    onGone();
    if (isWanted) onEnd(cause ?? `it ended with code ${code}`);
    isWanted = false;
  });
  return {
    post: (message) => worker.postMessage(message),
    end() {
      isWanted = false;
      return new Promise((resolve) => {
        const bound = setTimeout(resolve, END_MS);
        onGone = () => {
          clearTimeout(bound);
          resolve();
        };
        void worker.terminate();
      });
    },
  };
}

export interface ThisThread {
  readonly boot: unknown;
  /** Tells the same time as the main thread's clock. */
  readonly clock: Clock;
  post(message: unknown): void;
}

/** A reading whose answer came within so long is good enough: ages in the cache are told in tenths of a second. */
const GOOD_READING_MS = 20;
const READINGS = 10;

/** To be called once, in a thread; messages that come before the clock is known are kept. */
export async function thisThread(onMessage: (message: unknown) => void): Promise<ThisThread> {
  const port = parentPort;
  if (port === null) throw new Error("this is the main thread");
  const early: unknown[] = [];
  let onTime: ((time: Time) => void) | undefined;
  let isReady = false;
  port.on("message", (message: unknown) => {
    if (typeof message === "object" && message !== null && "mainMs" in message) onTime?.(message as Time);
    else if (isReady) onMessage(message);
    else early.push(message);
  });
  let shiftMs = 0;
  let leastMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < READINGS && leastMs > GOOD_READING_MS; i++) {
    const askedMs = systemClock.nowMs();
    const { mainMs } = await new Promise<Time>((resolve) => {
      onTime = resolve;
      port.postMessage(ASKS_TIME);
    });
    const tookMs = systemClock.nowMs() - askedMs;
    if (tookMs >= leastMs) continue;
    leastMs = tookMs;
    shiftMs = mainMs - (askedMs + tookMs / 2);
  }
  setImmediate(() => {
    isReady = true;
    for (const message of early) onMessage(message);
  });
  return {
    boot: workerData,
    clock: { ...systemClock, nowMs: () => systemClock.nowMs() + shiftMs },
    post: (message) => port.postMessage(message),
  };
}
