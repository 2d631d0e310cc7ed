/**
 * The cache's storage: whole answers in one flat memory (memory.ts) that several threads share. Reading takes no lock:
 * a reader copies, and asks afterwards whether what it copied was there all the time.
 */

import type { Random } from "../../runtime/runtime.ts";
import { HEADER_OCTETS } from "../../wire/protocol.ts";
import type { MessageLayout } from "../../wire/response.ts";
import { CacheCounters } from "../counters.ts";
import { BlankMessage } from "../file/blank-message.ts";
import { entryUnits, hasPlainQuestion, isNewerAt, keptOptionsOctets, readEntry } from "./entry.ts";
import { Eviction } from "./eviction.ts";
import { Found, type FoundEntry, MAX_TTLS } from "./found.ts";
import { Ghosts } from "./ghosts.ts";
import { type QuestionHash, questionHash } from "./hash.ts";
import { CacheMemory, REFUSED_WORD, UNIT_OCTETS } from "./memory.ts";
import { isLive, MAIN, PROBATION } from "./ring.ts";
import { Search } from "./search.ts";
import { Slots } from "./slots.ts";
import { type StoreWalk, Walk } from "./walk.ts";
import { WriterLock } from "./writer-lock.ts";
import { Writing } from "./writing.ts";

export type { CacheCounters } from "../counters.ts";
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

export class CacheStore {
  readonly found: FoundEntry;
  /** What findNewest() found. */
  readonly newest: FoundEntry;
  /** All of the memory; the message of `found` starts at found.messageStart. */
  readonly octets: Uint8Array;
  readonly counters: CacheCounters;
  readonly #found = new Found();
  readonly #newest = new Found();
  readonly #memory: CacheMemory;
  readonly #words: Int32Array;
  readonly #slots: Slots;
  readonly #search: Search;
  readonly #ghosts: Ghosts;
  readonly #eviction: Eviction;
  readonly #writing: Writing;
  readonly #lock: WriterLock;
  readonly #seedA: number;
  readonly #seedB: number;
  readonly #isShared: boolean;
  readonly #maxUnits: number;
  /** A cell that only this thread uses; what it holds means nothing. */
  readonly #own = new Int32Array(new SharedArrayBuffer(4));
  /** Of what `found` describes, and its slot. */
  #ref = 0;
  #slot = 0;
  /** Of what `newest` describes. */
  #newestRef = 0;
  readonly #blank = new BlankMessage();

  constructor(memory: SharedArrayBuffer, parts: CacheStoreParts) {
    this.#memory = new CacheMemory(memory);
    this.#words = this.#memory.words;
    this.#isShared = parts.isShared ?? false;
    this.#slots = new Slots(this.#memory);
    this.#search = new Search(this.#memory, this.#slots, this.#isShared);
    this.#ghosts = new Ghosts(this.#memory);
    this.#eviction = new Eviction(this.#memory, this.#slots, this.#ghosts);
    this.#writing = new Writing(this.#memory, this.#slots, this.#search, this.#ghosts, this.#eviction);
    this.#lock = new WriterLock(this.#words, parts.worker ?? 0);
    [this.#seedA, this.#seedB] = this.#memory.seeds(parts.random);
    this.#maxUnits = this.#eviction.units * MAX_SHARE;
    this.found = this.#found;
    this.newest = this.#newest;
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
    for (let i = 0; i < count; i++) touched ^= this.#search.touch(hashes[i]! | 0);
    // What is read and not used would not be read at all by compiled code.
    this.#own[0] = touched;
  }

  /** Looks up; true if found: `found` describes it until the next call of find, put or end. Counts a use. */
  find(question: Uint8Array, questionOctets: number, flags: number, hash: number): boolean {
    const slot = this.#search.slotOf(question, 0, questionOctets, flags, hash | 0);
    if (slot < 0 || !readEntry(this.#memory, this.#search.unit, this.#found)) return false;
    this.#ref = this.#search.ref;
    if (this.#isShared && !this.intact) return false;
    this.#slots.use(slot);
    this.#slot = slot;
    return true;
  }

  /**
   * Looks up the newest entry of the question, whatever its DO and CD; of those equally new, the one with `flags`. True
   * if there is one: `newest` describes it until the next call. An end may be found, too.
   */
  findNewest(question: Uint8Array, questionOctets: number, flags: number, hash: number): boolean {
    if (!this.#search.newest(question, questionOctets, flags, hash | 0)) return false;
    this.#newestRef = this.#search.ref;
    return readEntry(this.#memory, this.#search.unit, this.#newest) && this.newestIntact;
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

  /** The same of `newest`. */
  get newestIntact(): boolean {
    this.#fence();
    return isLive(this.#words, this.#newestRef);
  }

  /**
   * Stores; replaces the entry of the same key. The message is octets[start, start + bodyOctets); of its options, the
   * Extended DNS Errors are kept. `storedDs` is now and `askedMs` when it was asked for, by the cache's clock. False if
   * it is larger than an eighth of the room, its question is none that a query could have, something newer is known of
   * the question, or the lock was not to be had.
   */
  put(
    flags: number,
    hash: number,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    lifetimeSeconds: number,
    storedDs: number,
    askedMs: number,
  ): boolean {
    const optionsOctets = keptOptionsOctets(octets, start, layout);
    const units = entryUnits(layout.ttlCount, layout.bodyOctets, optionsOctets);
    const isFit = units <= this.#maxUnits && layout.ttlCount <= MAX_TTLS && hasPlainQuestion(octets, start, layout);
    if (!isFit || !this.#lock.acquire()) return this.#refuse();
    try {
      const question = start + HEADER_OCTETS;
      // Both waits for memory at once. What is read and not used would not be read at all by compiled code.
      this.#own[0] = this.#slots.wordAt(hash) ^ this.#ghosts.wordAt(hash);
      const { questionOctets } = layout;
      if (this.#search.isOutdated(octets, question, questionOctets, flags, hash | 0, askedMs, storedDs)) {
        return this.#refuse();
      }
      this.#writing.write(flags, hash, octets, start, layout, optionsOctets, lifetimeSeconds, storedDs, askedMs);
    } finally {
      this.#lock.release();
    }
    return true;
  }

  /**
   * A newer answer than those kept may not be kept itself: forgets what was asked before `askedMs`, whatever its DO and CD,
   * and keeps an end, so that what was asked before and comes later is not kept either. False if the lock was not to be had.
   */
  end(
    question: Uint8Array,
    questionOctets: number,
    flags: number,
    hash: number,
    storedDs: number,
    askedMs: number,
  ): boolean {
    if (!this.#lock.acquire()) return false;
    const search = this.#search;
    const own = hash | 0;
    try {
      let probe = search.variantFrom(0, question, 0, questionOctets, flags, own);
      while (probe >= 0) {
        const stays = isNewerAt(this.#memory, search.unit, askedMs, storedDs);
        // What was behind a freed slot may have moved up to it.
        if (!stays) this.#writing.forget((own + probe) & this.#memory.slotMask);
        probe = search.variantFrom(stays ? probe + 1 : probe, question, 0, questionOctets, flags, own);
      }
      if (search.isOutdated(question, 0, questionOctets, flags, own, askedMs, storedDs)) return true;
      const blank = this.#blank;
      blank.ask(question, questionOctets);
      this.#writing.write(flags, hash, blank.octets, 0, blank, 0, 0, storedDs, askedMs);
      return true;
    } finally {
      this.#lock.release();
    }
  }

  /** Forgets the entry of this key; false if there is none, or the lock was not to be had. */
  remove(question: Uint8Array, questionOctets: number, flags: number, hash: number): boolean {
    if (!this.#lock.acquire(true)) return false;
    try {
      const slot = this.#search.slotOf(question, 0, questionOctets, flags, hash | 0);
      if (slot < 0) return false;
      this.#writing.forget(slot);
      return true;
    } finally {
      this.#lock.release();
    }
  }

  /** Forgets everything; false if the lock was not to be had. */
  flush(): boolean {
    if (!this.#lock.acquire(true)) return false;
    this.#writing.clear();
    this.#lock.release();
    return true;
  }

  /**
   * For a worker that is no more: if it held the lock, everything is forgotten, since what it was at may be half done,
   * and the lock is free again. False if it did not.
   */
  releaseLockOf(worker: number): boolean {
    if (!this.#lock.takeFrom(worker)) return false;
    this.#writing.clear();
    this.#lock.release();
    return true;
  }

  /** For dump and snapshot; stores may go on between its steps. */
  walk(): StoreWalk {
    const rings = [this.#eviction.ring(PROBATION), this.#eviction.ring(MAIN)];
    return new Walk(this.#memory, this.#slots, rings, () => this.#fence());
  }

  #refuse(): false {
    Atomics.add(this.#words, REFUSED_WORD, 1);
    return false;
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
