/**
 * Bun compiles JavaScript, and gives memory back, on threads beside the one that answers. Where all of them share one
 * core they are given turns of some 3 ms (the kernel's base slice), and a query waits that long. So they give way, with
 * a lower priority and turns of a fifth of a millisecond. They still get a tenth of a core that is full, so that what
 * waits for them (the collector for the compiler to pause) never waits for long; the collector's own threads are left
 * as they are. Threads come and go, so this looks again every second.
 *
 * The thread that answers asks for turns that are shorter still: once it wakes up, the kernel takes the core from a
 * thread with longer ones at once, and from one with the same only at the end of its turn, which it looks for at its
 * clock's next tick, up to 4 ms later.
 */

import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import type { Clock } from "../runtime.ts";

/** sched_setattr(2) for one thread, 0 for the one that calls. 0, or -1. */
export type SetScheduling = (thread: number, attributes: Uint8Array) => number;

const BACKGROUND = /^(JITWorker|JSCWarmUp|mi-scavenger)/;
/** A thread that has just begun may not have its name yet, so it is looked at twice, and then known. */
const LOOKS_AT_EACH = 2;

/** A tenth of the weight of the thread that answers (sched(7)). */
const NICER_BY = 10;
const NICEST = 19;
/** Since Linux 6.12; the least it allows. Earlier ones take no notice of it, and let a thread that slept go first. */
const ANSWERING_SLICE_NS = 100_000n;
/** Longer than that, or there is no order between the two. */
const BACKGROUND_SLICE_NS = 200_000n;
/** To sched_setattr(2), the thread that calls. */
const THIS_THREAD = 0;
/** SCHED_FLAG_KEEP_POLICY: where an operator chose SCHED_FIFO, the call fails, and it stays. */
const KEEP_POLICY = 0x08n;
/**
 * SCHED_FLAG_RESET_ON_FORK: threads that begin later, as the compiler's do until they are looked at, get the kernel's own
 * slice and not the short one of the thread that began them. It would take a priority above the usual from them, too.
 */
const RESET_ON_FORK = 0x01n;

/** struct sched_attr, as first defined (sched_setattr(2)): 48 octets. Without flags the policy becomes SCHED_OTHER. */
function schedulingAttributes(nice: number, sliceNs: bigint, flags: bigint): Uint8Array {
  const octets = new Uint8Array(new ArrayBuffer(48));
  const view = new DataView(octets.buffer);
  view.setUint32(0, octets.length, true);
  view.setBigUint64(8, flags, true);
  view.setInt32(16, nice, true);
  view.setBigUint64(24, sliceNs, true);
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
    const nice = getPriority();
    const flags = nice < 0 ? KEEP_POLICY : KEEP_POLICY | RESET_ON_FORK;
    setScheduling(THIS_THREAD, schedulingAttributes(nice, ANSWERING_SLICE_NS, flags));
    const look = lookAtThreads(setScheduling);
    look();
    endLooks = clock.eachSecond(look);
  };
  let endLooks = clock.eachSecond(() => {
    endLooks();
    // Where the C library cannot be called, the line about the engine says so; here it costs some latency at times.
    // So may a filter that forbids to ask for a priority.
    void open()
      .then(begin)
      .catch(() => {});
  });
  return () => {
    isOver = true;
    endLooks();
  };
}

function lookAtThreads(setScheduling: SetScheduling): () => void {
  const nice = Math.min(NICEST, getPriority() + NICER_BY);
  const attributes = schedulingAttributes(nice, BACKGROUND_SLICE_NS, 0n);
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
