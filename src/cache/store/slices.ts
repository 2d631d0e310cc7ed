/** Going over the whole cache without holding up the event loop: a little work, a pause, and so on. */

import type { Clock } from "../../runtime/runtime.ts";
import type { FoundEntry, StoreWalk } from "./store.ts";

/** How long is worked at once: no query should notice it. */
const SLICE_MS = 1;

/** Looking at the clock costs about as much as an entry, so that is not done for each. */
const ENTRIES_A_LOOK = 8;

/** Tells when it is time for a pause. */
export class Slice {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #untilMs: number;
  #entries = 0;

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
    this.#untilMs = clock.nowMs() + SLICE_MS;
  }

  /** Whether the slice is over, one entry later. */
  isOverAfterOne(): boolean {
    return ++this.#entries % ENTRIES_A_LOOK === 0 && this.#clock.nowMs() >= this.#untilMs;
  }
}

/**
 * Steps on through the walk for a short while, or until `each` returns true to ask for a pause.
 * @returns whether there may be more
 */
export function walkSlice(
  walk: StoreWalk,
  clock: Pick<Clock, "nowMs">,
  each: (entry: FoundEntry) => boolean | undefined,
): boolean {
  const slice = new Slice(clock);
  while (walk.next()) {
    if (each(walk.entry) === true || slice.isOverAfterOne()) return true;
  }
  return false;
}

/** Lets everything else have its turn. */
export function nextTurn(clock: Pick<Clock, "endOfTurn">): Promise<void> {
  return new Promise((resolve) => clock.endOfTurn(resolve));
}
