/**
 * What is kept: S3-FIFO (Yang et al., SOSP 2023). New answers go to the small probation ring. Those that were asked for
 * again by the time they reach its tail go on to the main ring; of the others the hash is kept for a while (ghosts.ts),
 * and if the question comes back, its answer goes to the main ring at once. An entry at the main ring's tail that was
 * asked for since is moved to the head, and its count falls by one. So names asked once pass through a tenth of the
 * room and push out nothing that is asked often, and a look-up moves nothing.
 *
 * Answers that replaced others leave holes in a ring. While less than seven eighths of the main ring are in use,
 * nothing is given up: whatever reaches a tail is moved on. Otherwise what has expired gives way, asked for or not.
 *
 * Nothing here takes longer in a larger cache: one store moves MAX_MOVES entries at most, then tails go regardless.
 */

import { flagsAt, hashAt, isEndAt, isExpiredAt, setRefAt, unitsAt } from "./entry.ts";
import type { Ghosts } from "./ghosts.ts";
import { KEY_DENIAL } from "./key.ts";
import { type CacheMemory, TALLY, UNIT_OCTETS } from "./memory.ts";
import { MAIN, PROBATION, Ring } from "./ring.ts";
import type { Slots } from "./slots.ts";

/** Entries at the probation ring's tail whose places elsewhere are read together, so that their waits for memory overlap. */
const AHEAD = 16;
const MAX_MOVES = 32;
/** Entries one store gives up at most because the index is full, those replaced already included. */
const MAX_DROPS = 64;
const ROOMY = 7 / 8;

/** All of it is for who holds the lock. */
export class Eviction {
  readonly #memory: CacheMemory;
  readonly #slots: Slots;
  readonly #ghosts: Ghosts;
  readonly #probation: Ring;
  readonly #main: Ring;
  readonly #mainUnits: number;
  #movesLeft = 0;
  #nowDs = 0;
  /** Entries at the probation ring's tail whose places were read already. */
  #ahead = 0;
  /** What is read and not used would not be read at all by compiled code. */
  #read = 0;

  constructor(memory: CacheMemory, slots: Slots, ghosts: Ghosts) {
    this.#memory = memory;
    this.#slots = slots;
    this.#ghosts = ghosts;
    this.#probation = new Ring(memory, PROBATION);
    this.#main = new Ring(memory, MAIN);
    this.#mainUnits = this.#main.units * ROOMY;
  }

  get units(): number {
    return this.#probation.units + this.#main.units;
  }

  ring(number: number): Ring {
    return number === PROBATION ? this.#probation : this.#main;
  }

  /** A place in the ring for a new entry, which is the caller's to write and to advance over. */
  place(ring: Ring, units: number, nowDs: number): number {
    this.#movesLeft = MAX_MOVES;
    this.#nowDs = nowDs;
    for (let drops = 0; this.#isIndexFull && drops < MAX_DROPS; drops++) this.#retire(this.#largerShare, 0);
    this.#makeRoom(ring, units);
    return ring.claim(units);
  }

  /** The entry of this slot is no more: what it counted for is taken back, and its octets are dead. */
  forget(slot: number): void {
    const ref = this.#slots.refOf(slot);
    const ring = this.ring(ref & 1);
    const unit = ring.unitOf(ref);
    const { tallies } = this.#memory;
    tallies[TALLY.USED + ring.number]! -= unitsAt(this.#memory, unit);
    tallies[TALLY.ENTRIES]!--;
    if ((flagsAt(this.#memory, unit) & KEY_DENIAL) !== 0) tallies[TALLY.DENIALS]!--;
    if (isEndAt(this.#memory, unit)) tallies[TALLY.ENDS]!--;
  }

  clear(): void {
    this.#probation.clear();
    this.#main.clear();
  }

  get #isIndexFull(): boolean {
    return this.#memory.tallies[TALLY.ENTRIES]! >= this.#slots.limit;
  }

  /** The probation ring, if it has more than its tenth of what is kept. */
  get #largerShare(): Ring {
    const used = this.#memory.tallies;
    return used[TALLY.USED + PROBATION]! * 9 > used[TALLY.USED + MAIN]! ? this.#probation : this.#main;
  }

  #makeRoom(ring: Ring, units: number): void {
    while (!ring.hasRoom(units)) this.#retire(ring, units);
  }

  /** Gives up the entry at the ring's tail, or moves it on. `units` are asked for. */
  #retire(ring: Ring, units: number): void {
    const ref = ring.oldest();
    if (ref === 0) {
      ring.restart();
      return;
    }
    if (ring === this.#probation && this.#ahead-- === 0) this.#lookAhead(ref);
    const unit = ring.unitOf(ref);
    const own = unitsAt(this.#memory, unit);
    const slot = this.#slots.slotOf(hashAt(this.#memory, unit), ref);
    if (slot < 0) ring.pass(ref, own);
    else if (this.#movesLeft === 0 || !this.#deserves(ring, slot, unit, own + units)) this.#drop(ring, ref, slot, own);
    else if (ring === this.#probation) this.#promote(ref, own);
    else this.#reinsert(ref, slot, own);
  }

  /** Reads where the index and the ghosts have the next entries of the probation ring, from `ref` on. */
  #lookAhead(ref: number): void {
    const ring = this.#probation;
    const { head } = ring;
    let at = ref;
    let count = 0;
    for (; count < AHEAD && at !== head && !ring.endsLap(at); count++) {
      const unit = ring.unitOf(at);
      const hash = hashAt(this.#memory, unit);
      this.#read ^= this.#slots.wordAt(hash) ^ this.#ghosts.wordAt(hash);
      at = (at + unitsAt(this.#memory, unit) * 2) | 0;
    }
    this.#ahead = Math.max(0, count - 1);
  }

  /** Whether the entry at the tail of `ring` is to be kept; with what is to be stored it makes `units`. */
  #deserves(ring: Ring, slot: number, unit: number, units: number): boolean {
    if (!this.#isIndexFull) {
      if (this.#memory.tallies[TALLY.USED + MAIN]! + units <= this.#mainUnits) return true;
      // What was never filled.
      if (ring === this.#probation && this.#main.hasRoom(units)) return true;
    }
    return this.#slots.uses(slot) > 0 && !isExpiredAt(this.#memory, unit, this.#nowDs);
  }

  #drop(ring: Ring, ref: number, slot: number, units: number): void {
    const hash = hashAt(this.#memory, ring.unitOf(ref));
    this.forget(slot);
    this.#memory.tallies[TALLY.EVICTIONS]!++;
    this.#slots.free(slot);
    if (ring === this.#probation) this.#ghosts.add(hash);
    ring.pass(ref, units);
  }

  /** From the probation ring's tail to the main ring's head. Who reads it meanwhile goes on doing so. */
  #promote(ref: number, units: number): void {
    this.#movesLeft--;
    this.#makeRoom(this.#main, units);
    const to = this.#copyToMain(this.#probation.unitOf(ref), units);
    const { tallies } = this.#memory;
    tallies[TALLY.USED + PROBATION]! -= units;
    tallies[TALLY.USED + MAIN]! += units;
    // Room was made, so only now is it known which slot has it.
    const slot = this.#slots.slotOf(hashAt(this.#memory, this.#main.unitOf(to)), ref);
    this.#slots.setRef(slot, to);
    this.#slots.setUses(slot, 0);
    this.#probation.pass(ref, units);
  }

  /** From the main ring's tail to its head, where there is room for it once the tail is past it. */
  #reinsert(ref: number, slot: number, units: number): void {
    this.#movesLeft--;
    this.#main.pass(ref, units);
    this.#slots.setRef(slot, this.#copyToMain(this.#main.unitOf(ref), units));
    this.#slots.setUses(slot, Math.max(0, this.#slots.uses(slot) - 1));
  }

  /** Copies an entry to the main ring's head. Returns its new ref. */
  #copyToMain(unit: number, units: number): number {
    const main = this.#main;
    const to = main.claim(units);
    const { octets } = this.#memory;
    octets.copyWithin(main.unitOf(to) * UNIT_OCTETS, unit * UNIT_OCTETS, (unit + units) * UNIT_OCTETS);
    setRefAt(this.#memory, main.unitOf(to), to);
    main.advance(to, units);
    return to;
  }
}
