/** Repeatable randomness: a scenario with the same seed does the same again. Never for anything that must be secret. */

export interface SeededRandom {
  /** A whole number from min to max, both included. */
  between(min: number, max: number): number;
  /** Puts a list in random order, in place. */
  shuffle<T>(list: T[]): void;
}

/** The mulberry32 generator. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  function between(min: number, max: number): number {
    return min + Math.floor(next() * (max - min + 1));
  }
  return {
    between,
    shuffle(list) {
      for (let i = list.length - 1; i > 0; i--) {
        const j = between(0, i);
        const moved = list[i]!;
        list[i] = list[j]!;
        list[j] = moved;
      }
    },
  };
}
