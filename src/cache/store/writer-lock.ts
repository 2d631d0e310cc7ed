/** Who may write. One thread at a time; readers never ask. */

import { LOCK_WORD } from "./memory.ts";

/** Writing takes some 2 µs: another thread that is at it is done before this has been tried so often, about 10 µs. */
const SPINS = 500;
/**
 * If not, that thread has lost its core, perhaps to this one, which would spin for nothing until its slice is over. So the
 * core is let go, for 0.1 ms each time.
 */
const NAP_MS = 0.05;
const NAPS_TO_STORE = 20;
/** For what is asked for by people. */
const NAPS_IF_PATIENT = 2000;

export class WriterLock {
  readonly #words: Int32Array;
  /** What the word holds while it is ours: the worker's number and 1, since 0 is nobody. */
  readonly #own: number;
  /** Who had it all the time when it was last waited for. He may be no more, and each answer would wait for him in turn. */
  #stuck = 0;

  constructor(words: Int32Array, worker: number) {
    this.#words = words;
    this.#own = worker + 1;
  }

  /** False if another thread kept it all the time: a cache may forget, and must not wait. */
  acquire(isPatient = false): boolean {
    let holder = 0;
    for (let naps = isPatient ? NAPS_IF_PATIENT : NAPS_TO_STORE; naps > 0; naps--) {
      for (let spins = SPINS; spins > 0; spins--) {
        if (Atomics.compareExchange(this.#words, LOCK_WORD, 0, this.#own) !== 0) continue;
        this.#stuck = 0;
        return true;
      }
      holder = Atomics.load(this.#words, LOCK_WORD);
      if (holder === 0) continue;
      if (holder === this.#stuck && !isPatient) return false;
      Atomics.wait(this.#words, LOCK_WORD, holder, NAP_MS);
    }
    this.#stuck = holder;
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
