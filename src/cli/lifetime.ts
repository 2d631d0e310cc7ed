/** How long a serving command lives: until a signal, then until what is in flight is done, within a bound. */

import { exit, exitCodeOfSignal, onStopSignal, type StopSignal } from "../runtime/process.ts";

/** Time past the bound that stop() itself gets, for closing what it cut off. */
const GRACE_MS = 250;

/**
 * Listens for SIGTERM and SIGINT from now on. The first resolves the promise, the second ends the process at once
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

/** Waits for `work`, but no longer than the bound and a little. @returns whether it ended in time; rejects as it does. */
export async function endsWithin(boundMs: number, work: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const bound = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), boundMs + GRACE_MS);
  });
  try {
    return await Promise.race([work.then(() => true), bound]);
  } finally {
    clearTimeout(timer);
  }
}
