/** What the cache counts, read from its memory when asked: the numbers are of all threads. */

import { type CacheMemory, REFUSED_WORD, TALLY, UNIT_OCTETS } from "./store/memory.ts";
import { MAIN, PROBATION } from "./store/ring.ts";

export class CacheCounters {
  /** Octets there are for entries. */
  readonly capacityOctets: number;
  readonly #tallies: Float64Array;
  readonly #words: Int32Array;

  constructor(memory: CacheMemory, capacityOctets: number) {
    this.#tallies = memory.tallies;
    this.#words = memory.words;
    this.capacityOctets = capacityOctets;
  }

  /** Answers. */
  get entries(): number {
    return this.#tallies[TALLY.ENTRIES]! - this.#tallies[TALLY.ENDS]!;
  }

  /** Entries with KEY_DENIAL, ends among them. */
  get denials(): number {
    return this.#tallies[TALLY.DENIALS]!;
  }

  /** Octets of `entries`, all that belongs to them but the index included. */
  get octetsUsed(): number {
    return (this.#tallies[TALLY.USED + PROBATION]! + this.#tallies[TALLY.USED + MAIN]!) * UNIT_OCTETS;
  }

  get stores(): number {
    return this.#tallies[TALLY.STORES]!;
  }

  /** Grows with whatever was stored or ended. */
  get changes(): number {
    return this.stores + this.#tallies[TALLY.ENDED]!;
  }

  /** Entries given up to make room. */
  get evictions(): number {
    return this.#tallies[TALLY.EVICTIONS]!;
  }

  /** Stores of a question that had an entry. */
  get replaced(): number {
    return this.#tallies[TALLY.REPLACED]!;
  }

  /** Stores that were not made: too large, older than what is there, or another thread was writing. */
  get refused(): number {
    return Atomics.load(this.#words, REFUSED_WORD) >>> 0;
  }
}
