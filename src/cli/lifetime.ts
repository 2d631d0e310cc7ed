/** How long a serving command lives: until a signal, then until what is in flight is done, within a bound. */

import type { Log } from "../observe/log.ts";
import { systemClock } from "../runtime/clock.ts";
import { exitCodeOfSignal, onOtherSignal, onStopSignal, type StopSignal } from "../runtime/host/signals.ts";
import { exit } from "../runtime/process.ts";

/** Time past the bound that stop() itself gets, for closing what it cut off. */
const GRACE_MS = 250;

/**
 * Listens for SIGTERM, SIGINT and SIGQUIT from now on. The first resolves the promise, the second ends the process at once
 * with 128 and the signal's number.
 */
export function firstStopSignal(): Promise<StopSignal> {
  return new Promise((resolve) => {
    let isStopping = false;
    onStopSignal((signal) => {
      if (isStopping) exit(exitCodeOfSignal[signal]);
      isStopping = true;
      resolve(signal);
    });
  });
}

/** No other signal ends the process from now on; the log hears of each kind once. */
export function outliveOtherSignals(log: Log): void {
  const told = new Set<string>();
  onOtherSignal((signal) => {
    if (told.has(signal)) return;
    told.add(signal);
    if (signal === "SIGHUP") log.info("SIGHUP: nothing to reload; a restart reads the configuration anew");
    else log.info(`${signal} is ignored`);
  });
}

/** Waits for `work`, but no longer than the bound and a little. @returns whether it ended in time; rejects as it does. */
export async function endsWithin(boundMs: number, work: Promise<void>): Promise<boolean> {
  let cancel = () => {};
  const bound = new Promise<false>((resolve) => {
    cancel = systemClock.after(boundMs + GRACE_MS, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), bound]);
  } finally {
    cancel();
  }
}
