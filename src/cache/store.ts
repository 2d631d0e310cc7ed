/**
 * The cache's storage: whole answers in one flat memory (memory.ts) that several threads share. Reading takes no lock:
 * a reader copies, and asks afterwards whether what it copied was there all the time.
 */

import type { Random } from "../runtime/runtime.ts";
import { HEADER_OCTETS } from "../wire/protocol.ts";
import type { MessageLayout } from "../wire/response.ts";
import { CacheCounters } from "./counters.ts";
import { entryUnits, hasPlainQuestion, isKeyAt, keptOptionsOctets, readEntry, writeEntry } from "./entry.ts";
import { Eviction } from "./eviction.ts";
import { Found, type FoundEntry, MAX_TTLS } from "./found.ts";
import { Ghosts } from "./ghosts.ts";
import { type QuestionHash, questionHash } from "./hash.ts";
import { KEY_DENIAL } from "./key.ts";
import { CacheMemory, REFUSED_WORD, TALLY, UNIT_OCTETS } from "./memory.ts";
import { isLive, MAIN, PROBATION } from "./ring.ts";
import { MAX_PROBES, Slots } from "./slots.ts";
import { type StoreWalk, Walk } from "./walk.ts";
import { WriterLock } from "./writer-lock.ts";

export type { CacheCounters } from "./counters.ts";
export type { FoundEntry } from "./found.ts";
export { KEY_CD, KEY_DENIAL, KEY_DO } from "./key.ts";
export { cacheMemory } from "./memory.ts";
export type { StoreWalk } from "./walk.ts";

export interface CacheStoreParts {
  /** For the hash's key, if nobody has made it yet. */
  readonly random: Random;
  /** This thread's number among those that share the memory, from 0. */
  readonly worker?: number;
  /** Whether there are other threads; if not, what only they need is left out. */
  readonly isShared?: boolean;
}

/** Larger answers are not stored: one of them would push out too many others. */
const MAX_SHARE = 1 / 8;
/** What the processor fetches from memory at once: 64 octets. An entry of 136, as an answer of 100 makes, lies in three. */
const LINE_WORDS = 16;
/** A larger entry is not put on probation: it would push out too many others there. */
const MAX_PROBATION_SHARE = 1 / 4;

export class CacheStore {
  readonly found: FoundEntry;
  /** All of the memory; the message of `found` starts at found.messageStart. */
  readonly octets: Uint8Array;
  readonly counters: CacheCounters;
  readonly #found = new Found();
  readonly #memory: CacheMemory;
  readonly #words: Int32Array;
  readonly #tallies: Float64Array;
  readonly #unitMask: number;
  readonly #slots: Slots;
  readonly #ghosts: Ghosts;
  readonly #eviction: Eviction;
  readonly #lock: WriterLock;
  readonly #seedA: number;
  readonly #seedB: number;
  readonly #isShared: boolean;
  readonly #maxUnits: number;
  /** A cell that only this thread uses; what it holds means nothing. */
  readonly #own = new Int32Array(new SharedArrayBuffer(4));
  /** The ref of what `found` describes, or of what search() found. */
  #ref = 0;
  /** Where find() found it. */
  #slot = 0;

  constructor(memory: SharedArrayBuffer, parts: CacheStoreParts) {
    this.#memory = new CacheMemory(memory);
    this.#words = this.#memory.words;
    this.#tallies = this.#memory.tallies;
    this.#unitMask = 2 ** this.#memory.unitBits - 1;
    this.#slots = new Slots(this.#memory);
    this.#ghosts = new Ghosts(this.#memory);
    this.#eviction = new Eviction(this.#memory, this.#slots, this.#ghosts);
    this.#lock = new WriterLock(this.#words, parts.worker ?? 0);
    [this.#seedA, this.#seedB] = this.#memory.seeds(parts.random);
    this.#isShared = parts.isShared ?? false;
    this.#maxUnits = this.#eviction.units * MAX_SHARE;
    this.found = this.#found;
    this.octets = this.#memory.octets;
    this.counters = new CacheCounters(this.#memory, this.#eviction.units * UNIT_OCTETS);
  }

  /** The keyed hash of the question, in any case, at octets[at, at + questionOctets): 32 bits, unsigned. */
  readonly hash: QuestionHash = (octets, at, questionOctets) =>
    questionHash(this.#seedA, this.#seedB, octets, at, questionOctets);

  /**
   * Says that what has these hashes will be looked up next. In a large cache a look-up waits twice for memory, for its
   * slot and then for its entry; here the waits of all of them overlap.
   */
  approach(hashes: Uint32Array, count: number): void {
    const { slotMask } = this.#memory;
    let touched = 0;
    for (let i = 0; i < count; i++) touched ^= this.#slots.refOf(hashes[i]! & slotMask);
    for (let i = 0; i < count; i++) touched ^= this.#touch(hashes[i]! | 0);
    // What is read and not used would not be read at all by compiled code.
    this.#own[0] = touched;
  }

  /** Looks up; true if found: `found` describes it until the next call of find or put. Counts a use. */
  find(question: Uint8Array, questionOctets: number, flags: number, hash: number): boolean {
    const slot = this.#search(question, 0, questionOctets, flags, hash | 0);
    if (slot < 0 || !readEntry(this.#memory, (this.#ref >>> 1) & this.#unitMask, this.#found)) return false;
    if (this.#isShared && !this.intact) return false;
    this.#slots.use(slot);
    this.#slot = slot;
    return true;
  }

  /** Whether the caller is to refresh what `found` describes: true once in the life of an entry, for all threads. */
  claimRefresh(): boolean {
    return this.#slots.refOf(this.#slot) === this.#ref && this.#slots.claimRefresh(this.#slot);
  }

  /** Whether what `found` describes has not been overwritten since find(): to be asked after its octets were copied. */
  get intact(): boolean {
    this.#fence();
    return isLive(this.#words, this.#ref);
  }

  /**
   * Stores; replaces the entry of the same key. The message is octets[start, start + bodyOctets); of its options, the
   * Extended DNS Errors are kept. `storedDs` is now, by the cache's clock. False if it is larger than an eighth of the
   * room, its question is none that a query could have, or the lock was not to be had.
   */
  put(
    flags: number,
    hash: number,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    lifetimeSeconds: number,
    storedDs: number,
  ): boolean {
    const optionsOctets = keptOptionsOctets(octets, start, layout);
    const units = entryUnits(layout.ttlCount, layout.bodyOctets, optionsOctets);
    const isFit = units <= this.#maxUnits && layout.ttlCount <= MAX_TTLS && hasPlainQuestion(octets, start, layout);
    if (!isFit || !this.#lock.acquire()) {
      Atomics.add(this.#words, REFUSED_WORD, 1);
      return false;
    }
    try {
      const question = start + HEADER_OCTETS;
      // Both waits for memory at once. What is read and not used would not be read at all by compiled code.
      this.#own[0] = this.#slots.wordAt(hash) ^ this.#ghosts.wordAt(hash);
      const before = this.#search(octets, question, layout.questionOctets, flags, hash | 0);
      const ring = this.#eviction.ring(this.#ringFor(before, hash | 0, units));
      const ref = this.#eviction.place(ring, units, storedDs);
      const unit = ring.unitOf(ref);
      writeEntry(this.#memory, unit, ref, hash, flags, octets, start, layout, optionsOctets, lifetimeSeconds, storedDs);
      ring.advance(ref, units);
      this.#tallies[TALLY.USED + ring.number]! += units;
      // Making room may have given up, or moved, what is replaced.
      const slot = before < 0 ? -1 : this.#search(octets, question, layout.questionOctets, flags, hash | 0);
      this.#enter(slot, hash | 0, flags, ref);
    } finally {
      this.#lock.release();
    }
    return true;
  }

  /** Forgets the entry of this key; false if there is none, or the lock was not to be had. */
  remove(question: Uint8Array, questionOctets: number, flags: number, hash: number): boolean {
    if (!this.#lock.acquire(true)) return false;
    try {
      const slot = this.#search(question, 0, questionOctets, flags, hash | 0);
      if (slot < 0) return false;
      this.#eviction.forget(slot);
      this.#slots.free(slot);
      return true;
    } finally {
      this.#lock.release();
    }
  }

  /** Forgets everything; false if the lock was not to be had. */
  flush(): boolean {
    if (!this.#lock.acquire(true)) return false;
    this.#clear();
    this.#lock.release();
    return true;
  }

  /**
   * For a worker that is no more: if it held the lock, everything is forgotten, since what it was at may be half done,
   * and the lock is free again. False if it did not.
   */
  releaseLockOf(worker: number): boolean {
    if (!this.#lock.takeFrom(worker)) return false;
    this.#clear();
    this.#lock.release();
    return true;
  }

  /** For dump and snapshot; stores may go on between its steps. */
  walk(): StoreWalk {
    const rings = [this.#eviction.ring(PROBATION), this.#eviction.ring(MAIN)];
    return new Walk(this.#memory, this.#slots, rings, () => this.#fence());
  }

  /** Reads a word of each line that a look-up reads of the first entry with this hash. */
  #touch(hash: number): number {
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

  /** The slot of a key, whose question is at octets[at...]; -1 if there is none. Leaves the ref in #ref. */
  #search(octets: Uint8Array, at: number, questionOctets: number, flags: number, hash: number): number {
    const words = this.#words;
    const memory = this.#memory;
    const slots = this.#slots;
    const mask = memory.slotMask;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (hash + probe) & mask;
      const ref = slots.refOf(slot);
      if (ref === 0) return -1;
      if (!slots.isHash(slot, hash)) continue;
      // What the index leads to is live, but for a change that another thread is at.
      if (this.#isShared && !isLive(words, ref)) continue;
      const unit = (ref >>> 1) & this.#unitMask;
      if (!isKeyAt(memory, unit, ref, hash, flags, octets, at, questionOctets)) continue;
      this.#ref = ref;
      return slot;
    }
    return -1;
  }

  #ringFor(before: number, hash: number, units: number): 0 | 1 {
    if (units > this.#eviction.ring(PROBATION).units * MAX_PROBATION_SHARE) return MAIN;
    if (before < 0) return this.#ghosts.take(hash) ? MAIN : PROBATION;
    return (this.#slots.refOf(before) & 1) === MAIN || this.#slots.uses(before) > 0 ? MAIN : PROBATION;
  }

  /** Makes the index lead to a new entry; `slot` is that of the entry it replaces, or -1. */
  #enter(slot: number, hash: number, flags: number, ref: number): void {
    const tallies = this.#tallies;
    tallies[TALLY.STORES]!++;
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

  #clear(): void {
    this.#eviction.clear();
    this.#slots.clear();
    this.#ghosts.clear();
    this.#tallies.fill(0, TALLY.ENTRIES, TALLY.STORES);
  }

  /**
   * On weakly ordered machines a plain load may pass a later Atomics.load, so that the look at the tail would say
   * nothing about octets copied before. A locked operation stands between them: no load passes it either way. Its
   * cell is this thread's own, so it costs nobody else anything.
   */
  #fence(): void {
    if (this.#isShared) Atomics.add(this.#own, 0, 0);
  }
}
