/**
 * The index: an open-addressing table with linear probing, a power of two of slots of two words:
 *
 *      31   30      29      28                             0
 *     +-------+-----------+--------------------------------+
 *     | uses  | refreshed | the lower 29 bits of the hash  |
 *     +-------+-----------+--------------------------------+
 *     |  ref of the entry; 0: the slot is free             |
 *     +----------------------------------------------------+
 *
 * What readers write is here and not in the entry so that one that is late can count a use of the wrong one at worst,
 * and never write into an answer; and in no table of its own, as each place apart is a wait for memory in every look-up
 * of a large cache.
 *
 * Written by who holds the lock; what readers see of a change under way is checked by them against the entry itself.
 */

import type { CacheMemory } from "./memory.ts";

/** No entry is further from its hash's slot, and nobody looks further. */
export const MAX_PROBES = 128;
/** S3-FIFO counts to three: the two upper bits of a slot's first word. */
const USES_SHIFT = 30;
const MAX_USES = 3;
const ONE_USE = 1 << USES_SHIFT;
/** Somebody has begun to refresh the entry. */
const REFRESHED = 1 << 29;
const HASH_MASK = REFRESHED - 1;
/** Above this share, look-ups of what is not there become long. */
const MAX_FILL = 0.85;

export class Slots {
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #firstWord: number;
  /** More entries than this should not be. */
  readonly limit: number;

  constructor(memory: CacheMemory) {
    this.#words = memory.words;
    this.#mask = memory.slotMask;
    this.#firstWord = memory.slotsWord;
    this.limit = Math.floor((this.#mask + 1) * MAX_FILL);
  }

  /** Counts one use more. Readers do; one that is in the way of another, or of a writer, may not be counted. */
  use(slot: number): void {
    const at = this.#firstWord + slot * 2;
    const word = this.#words[at]!;
    // Most of what is asked for is at the top already, and a write would take the line from the other threads.
    if (word >>> USES_SHIFT < MAX_USES) Atomics.compareExchange(this.#words, at, word, (word + ONE_USE) | 0);
  }

  uses(slot: number): number {
    return this.#words[this.#firstWord + slot * 2]! >>> USES_SHIFT;
  }

  setUses(slot: number, uses: number): void {
    const at = this.#firstWord + slot * 2;
    this.#words[at] = (this.#words[at]! & (ONE_USE - 1)) | (uses << USES_SHIFT);
  }

  /** Whether this call is the one that begins to refresh the entry. Readers call it, each entry grants it once. */
  claimRefresh(slot: number): boolean {
    const at = this.#firstWord + slot * 2;
    const word = this.#words[at]!;
    return (word & REFRESHED) === 0 && Atomics.compareExchange(this.#words, at, word, word | REFRESHED) === word;
  }

  /** Whether an entry with this hash may be in this slot. */
  isHash(slot: number, hash: number): boolean {
    return ((this.#words[this.#firstWord + slot * 2]! ^ hash) & HASH_MASK) === 0;
  }

  refOf(slot: number): number {
    return this.#words[this.#firstWord + slot * 2 + 1]!;
  }

  /** A word of where an entry with this hash would be: reading it fetches the rest. */
  wordAt(hash: number): number {
    return this.#words[this.#firstWord + (hash & this.#mask) * 2]!;
  }

  /** The entry is in another place now. */
  setRef(slot: number, ref: number): void {
    this.#words[this.#firstWord + slot * 2 + 1] = ref;
  }

  /** Another entry has taken the place of the one with the same key, and its uses. */
  replace(slot: number, ref: number): void {
    this.#words[this.#firstWord + slot * 2]! &= ~REFRESHED;
    this.setRef(slot, ref);
  }

  /** The slot of the entry with this hash at this ref; -1 if it is in none. */
  slotOf(hash: number, ref: number): number {
    for (let probe = 0, slot = hash & this.#mask; probe < MAX_PROBES; probe++, slot = (slot + 1) & this.#mask) {
      const found = this.refOf(slot);
      if (found === ref) return slot;
      if (found === 0) return -1;
    }
    return -1;
  }

  /** A free slot for an entry with this hash; -1 if none is near enough. */
  freeSlot(hash: number): number {
    return this.slotOf(hash, 0);
  }

  /** Among the slots where this hash may be, all taken, one whose entry is not asked for; else the first. */
  leastUsed(hash: number): number {
    const home = hash & this.#mask;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (home + probe) & this.#mask;
      if (this.uses(slot) === 0) return slot;
    }
    return home;
  }

  set(slot: number, hash: number, ref: number, uses: number): void {
    this.#words[this.#firstWord + slot * 2] = (hash & HASH_MASK) | (uses << USES_SHIFT);
    this.setRef(slot, ref);
  }

  /** Frees a slot. Those behind that only are there because it was taken move up, so that no search ends too soon. */
  free(slot: number): void {
    const mask = this.#mask;
    let hole = slot;
    for (let next = (slot + 1) & mask; next !== slot && this.refOf(next) !== 0; next = (next + 1) & mask) {
      const hash = this.#words[this.#firstWord + next * 2]!;
      const isPastHole = ((next - hash) & mask) >= ((next - hole) & mask);
      if (!isPastHole) continue;
      this.#words[this.#firstWord + hole * 2] = hash;
      this.setRef(hole, this.refOf(next));
      hole = next;
    }
    this.set(hole, 0, 0, 0);
  }

  clear(): void {
    this.#words.fill(0, this.#firstWord, this.#firstWord + (this.#mask + 1) * 2);
  }
}
