/** Who may write. One thread at a time; readers never ask. */

import { LOCK_WORD } from "./memory.ts";

/** A store takes a few microseconds, in a thread that has just begun a hundred: another one waits for some of those. */
const STORE_SPINS = 20_000;
/** For what is asked for by people: some hundred milliseconds. */
const PATIENT_SPINS = 10_000_000;

export class WriterLock {
  readonly #words: Int32Array;
  /** What the word holds while it is ours: the worker's number and 1, since 0 is nobody. */
  readonly #own: number;

  constructor(words: Int32Array, worker: number) {
    this.#words = words;
    this.#own = worker + 1;
  }

  /** False if another thread kept it all the time: a cache may forget, and must not wait. */
  acquire(isPatient = false): boolean {
    for (let spins = isPatient ? PATIENT_SPINS : STORE_SPINS; spins > 0; spins--) {
      if (Atomics.compareExchange(this.#words, LOCK_WORD, 0, this.#own) === 0) return true;
    }
    return false;
  }

  release(): void {
    Atomics.store(this.#words, LOCK_WORD, 0);
  }

  /** Takes the lock from a worker that is no more; false if it did not have it. */
  takeFrom(worker: number): boolean {
    return Atomics.compareExchange(this.#words, LOCK_WORD, worker + 1, this.#own) === worker + 1;
  }
}
