/**
 * Ends that could not be kept because another thread was writing: tried again until they are. An answer that is not
 * stored for that reason is asked for again; one that is not forgotten would come back.
 */

import type { Clock } from "../runtime/runtime.ts";
import type { CacheStore } from "./store/store.ts";

const RETRY_MS = 5;
/** Beyond, the oldest is given up: who keeps the lock for so long is no more, and then everything is forgotten. */
const MAX_PENDING = 256;

interface PendingEnd {
  readonly question: Uint8Array;
  readonly flags: number;
  readonly hash: number;
  readonly storedDs: number;
  readonly askedMs: number;
}

export class PendingEnds {
  readonly #store: CacheStore;
  readonly #clock: Pick<Clock, "after">;
  #pending: PendingEnd[] = [];

  constructor(store: CacheStore, clock: Pick<Clock, "after">) {
    this.#store = store;
    this.#clock = clock;
  }

  /** As CacheStore.end(), at once or as soon as it can be done. */
  end(
    question: Uint8Array,
    questionOctets: number,
    flags: number,
    hash: number,
    storedDs: number,
    askedMs: number,
  ): void {
    if (this.#store.end(question, questionOctets, flags, hash, storedDs, askedMs)) return;
    if (this.#pending.length === 0) this.#schedule();
    if (this.#pending.length === MAX_PENDING) this.#pending.shift();
    this.#pending.push({ question: question.slice(0, questionOctets), flags, hash, storedDs, askedMs });
  }

  /** Tries again what is pending. False if something still is. */
  settle(): boolean {
    if (this.#pending.length === 0) return true;
    this.#pending = this.#pending.filter(({ question, flags, hash, storedDs, askedMs }) => {
      return !this.#store.end(question, question.length, flags, hash, storedDs, askedMs);
    });
    return this.#pending.length === 0;
  }

  #schedule(): void {
    this.#clock.after(RETRY_MS, () => {
      if (!this.settle()) this.#schedule();
    });
  }
}
