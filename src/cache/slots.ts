/**
 * The index: an open-addressing table with linear probing, a power of two of slots, each the hash and the ref of an
 * entry; a ref of 0 is a free slot. A second table counts the uses of each slot's entry, apart from the entries, so
 * that a reader that is late can count a use of the wrong one at worst, and never write into an answer.
 *
 * Written by who holds the lock; what readers see of a change under way is checked by them against the entry itself.
 */

import type { CacheMemory } from "./memory.ts";

/** No entry is further from its hash's slot, and nobody looks further. */
export const MAX_PROBES = 128;
/** S3-FIFO counts to three. */
const MAX_USES = 3;
/** Above this share, look-ups of what is not there become long. */
const MAX_FILL = 0.85;

export class Slots {
  readonly #words: Int32Array;
  readonly #octets: Uint8Array;
  readonly #mask: number;
  readonly #firstWord: number;
  readonly #usesOctet: number;
  /** More entries than this should not be. */
  readonly limit: number;

  constructor(memory: CacheMemory) {
    this.#words = memory.words;
    this.#octets = memory.octets;
    this.#mask = memory.slotMask;
    this.#firstWord = memory.slotsWord;
    this.#usesOctet = memory.usesOctet;
    this.limit = Math.floor((this.#mask + 1) * MAX_FILL);
  }

  /** Counts one use more. Readers do: two at once may count as one. */
  use(slot: number): void {
    const at = this.#usesOctet + slot;
    const uses = this.#octets[at]!;
    // Most of what is asked for is at the top already, and a write would take the line from the other threads.
    if (uses < MAX_USES) this.#octets[at] = uses + 1;
  }

  uses(slot: number): number {
    return this.#octets[this.#usesOctet + slot]!;
  }

  setUses(slot: number, uses: number): void {
    this.#octets[this.#usesOctet + slot] = uses;
  }

  refOf(slot: number): number {
    return this.#words[this.#firstWord + slot * 2 + 1]!;
  }

  setRef(slot: number, ref: number): void {
    this.#words[this.#firstWord + slot * 2 + 1] = ref;
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
    this.#words[this.#firstWord + slot * 2] = hash;
    this.setRef(slot, ref);
    this.setUses(slot, uses);
  }

  /** Frees a slot. Those behind that only are there because it was taken move up, so that no search ends too soon. */
  free(slot: number): void {
    const mask = this.#mask;
    let hole = slot;
    for (let next = (slot + 1) & mask; next !== slot && this.refOf(next) !== 0; next = (next + 1) & mask) {
      const hash = this.#words[this.#firstWord + next * 2]!;
      const isPastHole = ((next - hash) & mask) >= ((next - hole) & mask);
      if (!isPastHole) continue;
      this.set(hole, hash, this.refOf(next), this.uses(next));
      hole = next;
    }
    this.set(hole, 0, 0, 0);
  }

  clear(): void {
    const end = this.#firstWord + (this.#mask + 1) * 2;
    this.#words.fill(0, this.#firstWord, end);
    this.#octets.fill(0, this.#usesOctet, this.#usesOctet + this.#mask + 1);
  }
}
