/** Looking for entries in the index, by key. Any thread may. */

import { flagsAt, isEndAt, isKeyAt, isNewerAt, isNewerThanAt } from "./entry.ts";
import { KEY_DENIAL, KEY_MASK } from "./key.ts";
import { type CacheMemory, UNIT_OCTETS } from "./memory.ts";
import { isLive } from "./ring.ts";
import { MAX_PROBES, type Slots } from "./slots.ts";

/** What the processor fetches from memory at once: 64 octets. An entry of 136, as an answer of 100 makes, lies in three. */
const LINE_WORDS = 16;

export class Search {
  readonly #memory: CacheMemory;
  readonly #slots: Slots;
  readonly #isShared: boolean;
  readonly #unitMask: number;
  /** Of what was found last. */
  ref = 0;

  /** `isShared`: whether there are other threads. */
  constructor(memory: CacheMemory, slots: Slots, isShared: boolean) {
    this.#memory = memory;
    this.#slots = slots;
    this.#isShared = isShared;
    this.#unitMask = 2 ** memory.unitBits - 1;
  }

  /** Where what was found last begins. */
  get unit(): number {
    return (this.ref >>> 1) & this.#unitMask;
  }

  /** Reads a word of each line that a look-up reads of the first entry with this hash. */
  touch(hash: number): number {
    const { slotMask, words } = this.#memory;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (hash + probe) & slotMask;
      const ref = this.#slots.refOf(slot);
      if (ref === 0) return 0;
      if (!this.#slots.isHash(slot, hash)) continue;
      const word = ((ref >>> 1) & this.#unitMask) * (UNIT_OCTETS / 4);
      return words[word]! ^ words[word + LINE_WORDS]! ^ words[word + 2 * LINE_WORDS]!;
    }
    return 0;
  }

  /** The slot of a key, whose question is at octets[at...]; -1 if there is none. */
  slotOf(octets: Uint8Array, at: number, questionOctets: number, flags: number, hash: number): number {
    const probe = this.#next(0, octets, at, questionOctets, flags, KEY_MASK, hash);
    return probe < 0 ? -1 : (hash + probe) & this.#memory.slotMask;
  }

  /**
   * Entries of a question whatever their DO and CD, but denials only for a denial. From the slot `probe` places behind the
   * hash's own on, the first of them; returns its `probe`, or -1.
   */
  variantFrom(
    probe: number,
    octets: Uint8Array,
    at: number,
    questionOctets: number,
    flags: number,
    hash: number,
  ): number {
    return this.#next(probe, octets, at, questionOctets, flags & KEY_DENIAL, KEY_DENIAL, hash);
  }

  /** Finds the newest of them; of those equally new, the one with `flags`, or else with the fewest. False if there is none. */
  newest(question: Uint8Array, questionOctets: number, flags: number, hash: number): boolean {
    const memory = this.#memory;
    let ref = 0;
    let newest = -1;
    let newestRank = 0;
    let probe = this.variantFrom(0, question, 0, questionOctets, flags, hash);
    for (; probe >= 0; probe = this.variantFrom(probe + 1, question, 0, questionOctets, flags, hash)) {
      const { unit } = this;
      const own = flagsAt(memory, unit);
      const rank = own === flags ? -1 : own;
      const isBetter = newest < 0 || isNewerThanAt(memory, unit, newest);
      if (!isBetter && (rank > newestRank || isNewerThanAt(memory, newest, unit))) continue;
      newest = unit;
      newestRank = rank;
      ref = this.ref;
    }
    this.ref = ref;
    return newest >= 0;
  }

  /** Whether the entry of this key is newer than what was asked and stored at these times, or an end of its question is. */
  isOutdated(
    octets: Uint8Array,
    at: number,
    questionOctets: number,
    flags: number,
    hash: number,
    askedMs: number,
    storedDs: number,
  ): boolean {
    let probe = this.variantFrom(0, octets, at, questionOctets, flags, hash);
    for (; probe >= 0; probe = this.variantFrom(probe + 1, octets, at, questionOctets, flags, hash)) {
      const { unit } = this;
      const counts = flagsAt(this.#memory, unit) === flags || isEndAt(this.#memory, unit);
      if (counts && isNewerAt(this.#memory, unit, askedMs, storedDs)) return true;
    }
    return false;
  }

  /** As variantFrom(), of entries with these flags among those in `mask`. */
  #next(
    probe: number,
    octets: Uint8Array,
    at: number,
    questionOctets: number,
    flags: number,
    mask: number,
    hash: number,
  ): number {
    const memory = this.#memory;
    const { words, slotMask } = memory;
    const slots = this.#slots;
    for (; probe < MAX_PROBES; probe++) {
      const slot = (hash + probe) & slotMask;
      const ref = slots.refOf(slot);
      if (ref === 0) return -1;
      if (!slots.isHash(slot, hash)) continue;
      // What the index leads to is live, but for a change that another thread is at.
      if (this.#isShared && !isLive(words, ref)) continue;
      const unit = (ref >>> 1) & this.#unitMask;
      if (!isKeyAt(memory, unit, ref, hash, flags, mask, octets, at, questionOctets)) continue;
      this.ref = ref;
      return probe;
    }
    return -1;
  }
}
