/** Signals: which of them end fdns, in order, and that no other does. */

import process from "node:process";
import { FIRST_REALTIME_SIGNAL, LAST_REALTIME_SIGNAL, loadLibc, SIG_IGN, SIGSTKFLT } from "../libc.ts";

export type StopSignal = "SIGTERM" | "SIGINT" | "SIGQUIT";

/** What the shell reports for a process that such a signal ended: 128 and the signal's number. */
export const exitCodeOfSignal: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 };

/**
 * What would end the process, and means nothing to fdns. Not SIGIO, which tells of datagrams; not SIGPWR under Bun, whose
 * collector stops threads with it; not those that say that the process itself is broken (SIGSEGV, SIGABRT and the like).
 */
const OTHER_SIGNALS: readonly NodeJS.Signals[] = [
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGPIPE",
  ...(process.versions.bun === undefined ? (["SIGPWR"] as const) : []),
];

/** Calls back for each of them from now on, instead of ending; as process 1 too, where none would end it. */
export function onStopSignal(callback: (signal: StopSignal) => void): void {
  for (const signal of Object.keys(exitCodeOfSignal) as StopSignal[]) process.on(signal, () => callback(signal));
}

/** Calls back for every other signal that would end the process, but for those the runtimes do not know, which are ignored. */
export function onOtherSignal(callback: (signal: NodeJS.Signals) => void): void {
  for (const signal of OTHER_SIGNALS) {
    try {
      process.on(signal, () => callback(signal));
    } catch {
      // A machine, or a runtime, that does not know it.
    }
  }
  void loadLibc().then(
    (libc) => {
      libc.signal(SIGSTKFLT, SIG_IGN);
      for (let signal = FIRST_REALTIME_SIGNAL; signal <= LAST_REALTIME_SIGNAL; signal++) libc.signal(signal, SIG_IGN);
    },
    () => {}, // then they end the process, as they always did
  );
}
