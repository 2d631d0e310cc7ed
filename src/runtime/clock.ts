/** Time and randomness as the host has them. */

import type { Clock, Random } from "./runtime.ts";

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  // The check phase follows the poll phase: sockets that were readable have been read by then.
  endOfTurn: (callback) => {
    setImmediate(callback);
  },
};

/** The most that getRandomValues() fills at once (Web Cryptography API). */
const RANDOM_QUOTA_OCTETS = 65_536;

export const systemRandom: Random = {
  fill(octets) {
    for (let at = 0; at < octets.length; at += RANDOM_QUOTA_OCTETS) {
      crypto.getRandomValues(octets.subarray(at, at + RANDOM_QUOTA_OCTETS) as Uint8Array<ArrayBuffer>);
    }
  },
};
