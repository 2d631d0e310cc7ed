/**
 * Bun collects garbage once a second, but only as long as the heap's blocks keep changing in number: after 30 looks at
 * the same number it looks each half minute. Then nothing is collected until there is as much garbage as there are
 * objects alive, shared memory such as the cache's counted with them: under a steady flood of new names, resident memory
 * rose by 4 MiB a second, to 75 MiB more than before. So the growth is looked at here, too.
 */

import type { Clock } from "../runtime.ts";

/** Of the thread that asks. */
export interface Heap {
  /** Octets of the blocks in which objects are kept, alive or not. */
  readonly octets: () => number;
  /** Collects what has become garbage soon after it was made, which takes 1 to 4 ms. */
  readonly collect: () => void;
}

/** More than a second of a flood leaves (some 5 MiB): while the runtime's own timer runs, this has nothing to do. */
const GROWTH_OCTETS = 8 * 1024 * 1024;

/** Looks once a second, which costs 0.1 ms; returns what ends it. */
export function boundGarbage(clock: Pick<Clock, "eachSecond">, { octets, collect }: Heap): () => void {
  let least = octets();
  return clock.eachSecond(() => {
    const now = octets();
    if (now - least <= GROWTH_OCTETS) {
      least = Math.min(least, now);
      return;
    }
    collect();
    // Empty blocks are given back a little later, then this is lower.
    least = octets();
  });
}
