/** A walk over every answer, in slices as long as the caller likes. */

import { hashAt, isEndAt, readEntry, unitsAt } from "./entry.ts";
import { Found, type FoundEntry } from "./found.ts";
import type { CacheMemory } from "./memory.ts";
import { isLive, type Ring } from "./ring.ts";
import type { Slots } from "./slots.ts";

/** Each answer once, oldest first in each ring. What is stored, moved or given up meanwhile may be left out. */
export interface StoreWalk {
  /** Goes on to the next entry; false at the end. */
  next(): boolean;
  readonly entry: FoundEntry;
  /** Whether `entry` has not been overwritten: to be asked after its octets were copied. */
  readonly intact: boolean;
}

/** The way through one ring, from its tail to where its head was at first. */
class RingWalk {
  readonly #ring: Ring;
  readonly #end: number;
  #at: number;

  constructor(ring: Ring) {
    this.#ring = ring;
    this.#at = ring.tail;
    this.#end = ring.head;
  }

  /** The next entry's ref, live or not any more; 0 at the end. */
  next(memory: CacheMemory, isIntact: (ref: number) => boolean): number {
    const ring = this.#ring;
    for (;;) {
      const { tail } = ring;
      if (((tail - this.#at) | 0) > 0) this.#at = tail;
      if (((this.#end - this.#at) | 0) <= 0) return 0;
      const ref = this.#at;
      const behind = ring.endsLap(ref) ? ring.nextLap(ref) : ref + unitsAt(memory, ring.unitOf(ref)) * 2;
      const isEntry = !ring.endsLap(ref);
      // Overwritten while it was looked at: from the tail again.
      if (!isIntact(ref)) continue;
      this.#at = behind | 0;
      if (isEntry) return ref;
    }
  }
}

export class Walk implements StoreWalk {
  readonly #memory: CacheMemory;
  readonly #slots: Slots;
  readonly #rings: readonly Ring[];
  readonly #ways: readonly RingWalk[];
  readonly #fence: () => void;
  readonly #found = new Found();
  #ref = 0;

  /** `fence` as the store's. */
  constructor(memory: CacheMemory, slots: Slots, rings: readonly Ring[], fence: () => void) {
    this.#memory = memory;
    this.#slots = slots;
    this.#rings = rings;
    this.#ways = rings.map((ring) => new RingWalk(ring));
    this.#fence = fence;
  }

  get entry(): FoundEntry {
    return this.#found;
  }

  get intact(): boolean {
    return this.#isIntact(this.#ref);
  }

  next(): boolean {
    for (const [i, way] of this.#ways.entries()) {
      const ring = this.#rings[i]!;
      for (;;) {
        this.#ref = way.next(this.#memory, (ref) => this.#isIntact(ref));
        if (this.#ref === 0) break;
        if (this.#read(ring.unitOf(this.#ref)) && this.intact) return true;
      }
    }
    return false;
  }

  /** False if the entry is an end, or was replaced, removed or overwritten. */
  #read(unit: number): boolean {
    if (isEndAt(this.#memory, unit)) return false;
    return this.#slots.slotOf(hashAt(this.#memory, unit), this.#ref) >= 0 && readEntry(this.#memory, unit, this.#found);
  }

  #isIntact(ref: number): boolean {
    this.#fence();
    return isLive(this.#memory.words, ref);
  }
}
