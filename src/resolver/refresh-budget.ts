/**
 * How many answers may be refreshed before they end: a share of the hits. A cache full of answers that end together
 * cannot become a burst on the upstreams, nor can clients that ask for one name after the other.
 */

/** Refreshes allowed for each hit. */
const SHARE = 0.1;
/** Unused budget that is kept, by all workers. */
export const MAX_REFRESHES_SAVED = 100;

export class RefreshBudget {
  readonly #most: number;
  #left: number;

  constructor(most = MAX_REFRESHES_SAVED) {
    this.#most = most;
    this.#left = most;
  }

  /** An answer was found in the cache. */
  earn(): void {
    if (this.#left < this.#most) this.#left += SHARE;
  }

  /** Whether one refresh may begin. */
  get allows(): boolean {
    return this.#left >= 1;
  }

  /** One has begun. */
  spend(): void {
    this.#left--;
  }
}
