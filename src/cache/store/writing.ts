/** What is done to the cache by who holds the lock: an entry written, forgotten, everything forgotten. */

import { HEADER_OCTETS } from "../../wire/protocol.ts";
import type { MessageLayout } from "../../wire/response.ts";
import { entryUnits, writeEntry } from "./entry.ts";
import type { Eviction } from "./eviction.ts";
import type { Ghosts } from "./ghosts.ts";
import { KEY_DENIAL } from "./key.ts";
import { type CacheMemory, TALLY } from "./memory.ts";
import { MAIN, PROBATION } from "./ring.ts";
import type { Search } from "./search.ts";
import type { Slots } from "./slots.ts";

/** A larger entry is not put on probation: it would push out too many others there. */
const MAX_PROBATION_SHARE = 1 / 4;

export class Writing {
  readonly #memory: CacheMemory;
  readonly #tallies: Float64Array;
  readonly #slots: Slots;
  readonly #search: Search;
  readonly #ghosts: Ghosts;
  readonly #eviction: Eviction;

  constructor(memory: CacheMemory, slots: Slots, search: Search, ghosts: Ghosts, eviction: Eviction) {
    this.#memory = memory;
    this.#tallies = memory.tallies;
    this.#slots = slots;
    this.#search = search;
    this.#ghosts = ghosts;
    this.#eviction = eviction;
  }

  /** Writes an entry and makes the index lead to it; replaces that of the same key. */
  write(
    flags: number,
    hash: number,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    optionsOctets: number,
    lifetimeSeconds: number,
    storedDs: number,
    askedMs: number,
  ): void {
    const own = hash | 0;
    const question = start + HEADER_OCTETS;
    const { questionOctets } = layout;
    const units = entryUnits(layout.ttlCount, layout.bodyOctets, optionsOctets);
    const before = this.#search.slotOf(octets, question, questionOctets, flags, own);
    const ring = this.#eviction.ring(this.#ringFor(before, own, units));
    const ref = this.#eviction.place(ring, units, storedDs);
    const at = ring.unitOf(ref);
    writeEntry(
      this.#memory,
      at,
      ref,
      hash,
      flags,
      octets,
      start,
      layout,
      optionsOctets,
      lifetimeSeconds,
      storedDs,
      askedMs,
    );
    ring.advance(ref, units);
    this.#tallies[TALLY.USED + ring.number]! += units;
    // Making room may have given up, or moved, what is replaced.
    const slot = before < 0 ? -1 : this.#search.slotOf(octets, question, questionOctets, flags, own);
    this.#enter(slot, own, flags, ref, lifetimeSeconds === 0);
  }

  forget(slot: number): void {
    this.#eviction.forget(slot);
    this.#slots.free(slot);
  }

  /** Forgets everything. */
  clear(): void {
    this.#eviction.clear();
    this.#slots.clear();
    this.#ghosts.clear();
    this.#tallies.fill(0, TALLY.ENTRIES, TALLY.STORES);
  }

  #ringFor(before: number, hash: number, units: number): 0 | 1 {
    if (units > this.#eviction.ring(PROBATION).units * MAX_PROBATION_SHARE) return MAIN;
    if (before < 0) return this.#ghosts.take(hash) ? MAIN : PROBATION;
    return (this.#slots.refOf(before) & 1) === MAIN || this.#slots.uses(before) > 0 ? MAIN : PROBATION;
  }

  /** Makes the index lead to a new entry; `slot` is that of the entry it replaces, or -1. */
  #enter(slot: number, hash: number, flags: number, ref: number, isEnd: boolean): void {
    const tallies = this.#tallies;
    tallies[isEnd ? TALLY.ENDED : TALLY.STORES]!++;
    if (isEnd) tallies[TALLY.ENDS]!++;
    tallies[TALLY.ENTRIES]!++;
    if ((flags & KEY_DENIAL) !== 0) tallies[TALLY.DENIALS]!++;
    if (slot >= 0) {
      tallies[TALLY.REPLACED]!++;
      this.#eviction.forget(slot);
      this.#slots.replace(slot, ref);
      return;
    }
    const free = this.#slots.freeSlot(hash);
    if (free >= 0) {
      this.#slots.set(free, hash, ref, 0);
      return;
    }
    const victim = this.#slots.leastUsed(hash);
    tallies[TALLY.EVICTIONS]!++;
    this.#eviction.forget(victim);
    this.#slots.set(victim, hash, ref, 0);
  }
}
