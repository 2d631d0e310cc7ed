/** Numbers that only look random: the same for the same seed, so that a failure can be seen again. */

import type { Random } from "../../src/runtime/runtime.ts";

/** mulberry32: whole numbers from 0 to 2^32 - 1. */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

export function fakeRandom(seed = 1): Random {
  const next = numbersFrom(seed);
  return {
    fill(octets) {
      for (let i = 0; i < octets.length; i++) octets[i] = next();
    },
  };
}
