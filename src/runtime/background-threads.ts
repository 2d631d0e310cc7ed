/**
 * Bun compiles JavaScript, and gives memory back, on threads beside the one that answers. Where all of them share one
 * core they are given turns of some 3 ms (the kernel's base slice), and a query waits that long. So they give way, with
 * a lower priority and turns of a tenth of a millisecond. They still get a tenth of a core that is full, so that what
 * waits for them (the collector for the compiler to pause) never waits for long; the collector's own threads are left
 * as they are. Threads come and go, so this looks again every second.
 */

import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import type { Clock } from "./runtime.ts";

/** sched_setattr(2) for one thread. 0, or -1. */
export type SetScheduling = (thread: number, attributes: Uint8Array) => number;

const BACKGROUND = /^(JITWorker|JSCWarmUp|mi-scavenger)/;
/** A thread that has just begun may not have its name yet, so it is looked at twice, and then known. */
const LOOKS_AT_EACH = 2;

/** A tenth of the weight of the thread that answers (sched(7)). */
const NICER_BY = 10;
const NICEST = 19;
/** Since Linux 6.12; the least it allows. Earlier ones take no notice of it, and let a thread that slept go first. */
const SLICE_NS = 100_000n;

/** struct sched_attr, as first defined (sched_setattr(2)): 48 octets. */
function schedulingAttributes(): Uint8Array {
  const octets = new Uint8Array(new ArrayBuffer(48));
  const view = new DataView(octets.buffer);
  view.setUint32(0, octets.length, true);
  view.setInt32(16, Math.min(NICEST, getPriority() + NICER_BY), true);
  view.setBigUint64(24, SLICE_NS, true);
  return octets;
}

/** Begins in a second, when start-up is over; returns what ends it. A kernel or a filter of system calls may say no. */
export function easeBackgroundThreads(
  clock: Pick<Clock, "eachSecond">,
  open: () => Promise<SetScheduling>,
): () => void {
  let isOver = false;
  const begin = (setScheduling: SetScheduling) => {
    if (isOver) return;
    const look = lookAtThreads(setScheduling);
    look();
    endLooks = clock.eachSecond(look);
  };
  let endLooks = clock.eachSecond(() => {
    endLooks();
    // Where the C library cannot be called, the line about the engine says so; here it costs some latency at times.
    void open().then(begin, () => {});
  });
  return () => {
    isOver = true;
    endLooks();
  };
}

function lookAtThreads(setScheduling: SetScheduling): () => void {
  const attributes = schedulingAttributes();
  /** Of each thread, how often it was looked at. */
  let looks = new Map<string, number>();
  return () => {
    const before = looks;
    looks = new Map(threadsNow().map((thread) => [thread, (before.get(thread) ?? 0) + 1]));
    for (const [thread, count] of looks) {
      if (count > LOOKS_AT_EACH || !BACKGROUND.test(nameOf(thread))) continue;
      setScheduling(Number(thread), attributes);
      looks.set(thread, LOOKS_AT_EACH);
    }
  };
}

/** Numbers of this process' threads; none where they cannot be listed. */
function threadsNow(): string[] {
  try {
    return readdirSync("/proc/self/task");
  } catch {
    return [];
  }
}

/** "" if it has ended meanwhile. */
function nameOf(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, "latin1");
  } catch {
    return "";
  }
}
