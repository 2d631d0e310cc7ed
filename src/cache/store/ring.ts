/**
 * A ring of entries, and where in it they are. A position ("ref") is one number of 32 bits for everything a reader
 * has to know:
 *
 *      31                              1   0
 *     +-----------+---------------------+------+
 *     |    lap    | unit in the memory  | ring |    ring: 0 probation, 1 main
 *     +-----------+---------------------+------+
 *
 * Refs of a ring grow with what was written to it, so an entry is there as long as tail <= ref < head, compared as
 * numbers that wrap. A lap differs from the one before, so an entry overwritten while it was copied is noticed, unless
 * every lap number was used up meanwhile: 4 GiB in cache memory are four laps, 32 MiB five hundred.
 *
 * Who writes moves the tail first, then writes octets, then moves the head: what is between tail and head is whole.
 */

import { type CacheMemory, RINGS_WORD } from "./memory.ts";

export const PROBATION = 0;
export const MAIN = 1;

/** In place of the first word of an entry: the rest of this lap is empty. No entry's ref is 0, since unit 0 is in no ring. */
const GAP = 0;

/** Whether what was written at `ref` is there. Any thread may ask. */
export function isLive(words: Int32Array, ref: number): boolean {
  const head = RINGS_WORD + (ref & 1) * 2;
  return ((Atomics.load(words, head) - ref) | 0) > 0 && ((ref - Atomics.load(words, head + 1)) | 0) >= 0;
}

export class Ring {
  readonly number: 0 | 1;
  readonly firstUnit: number;
  readonly endUnit: number;
  readonly #words: Int32Array;
  readonly #headWord: number;
  readonly #unitMask: number;
  /** Where a ref's lap begins. */
  readonly #lapBit: number;

  constructor(memory: CacheMemory, number: 0 | 1) {
    this.number = number;
    this.firstUnit = number === PROBATION ? memory.probationUnit : memory.mainUnit;
    this.endUnit = number === PROBATION ? memory.mainUnit : memory.endUnit;
    this.#words = memory.words;
    this.#headWord = RINGS_WORD + number * 2;
    this.#unitMask = 2 ** memory.unitBits - 1;
    this.#lapBit = memory.unitBits + 1;
    const first = (this.firstUnit << 1) | number;
    Atomics.compareExchange(this.#words, this.#headWord + 1, 0, first);
    Atomics.compareExchange(this.#words, this.#headWord, 0, first);
  }

  get units(): number {
    return this.endUnit - this.firstUnit;
  }

  get head(): number {
    return Atomics.load(this.#words, this.#headWord);
  }

  get tail(): number {
    return Atomics.load(this.#words, this.#headWord + 1);
  }

  unitOf(ref: number): number {
    return (ref >>> 1) & this.#unitMask;
  }

  /** Whether nothing more comes in the lap of this ref, which is between tail and head. */
  endsLap(ref: number): boolean {
    const unit = this.unitOf(ref);
    return unit >= this.endUnit || this.#words[unit * 2] === GAP;
  }

  /** The first position of the lap behind. */
  nextLap(ref: number): number {
    return (((ref >>> this.#lapBit) + 1) << this.#lapBit) | (this.firstUnit << 1) | this.number;
  }

  // What follows is for who holds the lock: nobody else moves head and tail, so a plain load is as good as an atomic one,
  // which is a call in code that JavaScriptCore compiled (12 ns).

  get #ownHead(): number {
    return this.#words[this.#headWord]!;
  }

  get #ownTail(): number {
    return this.#words[this.#headWord + 1]!;
  }

  /** Whether so many units can be written without moving the tail. */
  hasRoom(units: number): boolean {
    const head = this.#ownHead;
    const tail = this.#ownTail;
    const headUnit = this.unitOf(head);
    const tailUnit = this.unitOf(tail);
    if (head >>> this.#lapBit !== tail >>> this.#lapBit) return headUnit + units <= tailUnit;
    return headUnit + units <= this.endUnit || this.firstUnit + units <= tailUnit;
  }

  /** Where the next entry of so many units goes; there is room for it. Nobody reads it before advance(). */
  claim(units: number): number {
    const head = this.#ownHead;
    const unit = this.unitOf(head);
    if (unit + units <= this.endUnit) return head;
    if (unit < this.endUnit) this.#words[unit * 2] = GAP;
    return this.nextLap(head);
  }

  /** The entry at `ref`, from claim(), is whole. */
  advance(ref: number, units: number): void {
    Atomics.store(this.#words, this.#headWord, (ref + units * 2) | 0);
  }

  /** The entry at the tail; 0 if the ring is empty. */
  oldest(): number {
    const head = this.#ownHead;
    const tail = this.#ownTail;
    if (tail === head) return 0;
    if (!this.endsLap(tail)) return tail;
    this.#moveTail(this.nextLap(tail));
    return this.#ownTail;
  }

  /** Gives up the entry at the tail, which is `ref`. */
  pass(ref: number, units: number): void {
    this.#moveTail((ref + units * 2) | 0);
  }

  /** Gives up everything. */
  clear(): void {
    this.#moveTail(this.#ownHead);
  }

  /** Begins a new lap of an empty ring, where an entry has room that has none behind the last one. */
  restart(): void {
    const first = this.nextLap(this.#ownHead);
    this.#moveTail(first);
    Atomics.store(this.#words, this.#headWord, first);
  }

  /**
   * No octet behind the old tail may be written before every thread can see the new one. A store releases only what
   * was before it; the load after it, of the same order, is what later writes wait for.
   */
  #moveTail(ref: number): void {
    Atomics.store(this.#words, this.#headWord + 1, ref);
    Atomics.load(this.#words, this.#headWord + 1);
  }
}
