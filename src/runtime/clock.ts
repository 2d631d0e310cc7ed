/** Time and randomness as the host has them. */

import type { Clock, Random } from "./runtime.ts";

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  eachSecond: sharedSecond((tick) => {
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }),
  endOfTask: queueMicrotask,
  // The check phase follows the poll phase: sockets that were readable have been read by then.
  endOfTurn: (callback) => {
    setImmediate(callback);
  },
};

/** One timer for all who ask, and none while nobody does. `startTimer` calls back once a second until what it returns is called. */
export function sharedSecond(startTimer: (tick: () => void) => () => void): Clock["eachSecond"] {
  let asked: readonly { readonly callback: () => void; isOver: boolean }[] = [];
  let endTimer: (() => void) | undefined;
  const tick = () => {
    for (const one of asked) if (!one.isOver) one.callback();
  };
  return (callback) => {
    const own = { callback, isOver: false };
    asked = [...asked, own];
    endTimer ??= startTimer(tick);
    return () => {
      own.isOver = true;
      asked = asked.filter((other) => other !== own);
      if (asked.length > 0) return;
      endTimer?.();
      endTimer = undefined;
    };
  };
}

/** The most that getRandomValues() fills at once (Web Cryptography API). */
const RANDOM_QUOTA_OCTETS = 65_536;

export const systemRandom: Random = {
  fill(octets) {
    for (let at = 0; at < octets.length; at += RANDOM_QUOTA_OCTETS) {
      crypto.getRandomValues(octets.subarray(at, at + RANDOM_QUOTA_OCTETS) as Uint8Array<ArrayBuffer>);
    }
  },
};
