/** Going over the whole cache without holding up the event loop: a little work, a pause, and so on. */

import type { Clock } from "../runtime/runtime.ts";
import type { FoundEntry, StoreWalk } from "./store.ts";

/** The longest a slice should take, with room for one slow entry: no query should notice it. */
const SLICE_MS = 2;

/** Looking at the clock costs about as much as an entry, so that is not done for each. */
const ENTRIES_A_LOOK = 16;

/**
 * Steps on through the walk for a short while, or until `each` returns true to ask for a pause.
 * @returns whether there may be more
 */
export function walkSlice(
  walk: StoreWalk,
  clock: Pick<Clock, "nowMs">,
  each: (entry: FoundEntry) => boolean | undefined,
): boolean {
  const untilMs = clock.nowMs() + SLICE_MS;
  for (let seen = 1; walk.next(); seen++) {
    if (each(walk.entry) === true) return true;
    if (seen % ENTRIES_A_LOOK === 0 && clock.nowMs() >= untilMs) return true;
  }
  return false;
}

/** Lets everything else have its turn. */
export function nextTurn(clock: Pick<Clock, "endOfTurn">): Promise<void> {
  return new Promise((resolve) => clock.endOfTurn(resolve));
}
