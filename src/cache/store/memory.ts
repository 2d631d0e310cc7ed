/**
 * The one block of memory a cache lives in, and its views. All of the operator's number is in here:
 *
 *     octet 0  +---------------------------------------+
 *              | control: seed | rings | lock | tallies |  a cache line (64 octets) or more each, see below
 *              +---------------------------------------+
 *              | index: hash and uses, ref | ...        |  8 octets a slot (slots.ts)
 *              +---------------------------------------+
 *              | ghosts                                 |  4 octets a slot (ghosts.ts)
 *              +---------------------------------------+
 *              | probation ring: entries, one behind    |  a tenth of the rest (ring.ts, entry.ts)
 *              | the other, in units of 8 octets        |
 *              +---------------------------------------+
 *              | main ring                              |  the rest
 *              +---------------------------------------+
 *
 * All zeros is an empty cache, but for the rings' positions and the seed, which whoever comes first writes. Pages are
 * the kernel's until they are written to, so a cache takes memory as it fills, some 2 MiB at a time.
 */

import type { Random } from "../../runtime/runtime.ts";

export const MIN_CACHE_OCTETS = 2 ** 20;
export const MAX_CACHE_OCTETS = 2 ** 32;

/** Entries begin at multiples of this. */
export const UNIT_OCTETS = 8;

/** Control words, counted in `words`. Those that are written often are apart from those that only are read. */
const SEED_WORD = 0;
/** Head and tail of the probation ring, then of the main ring. */
export const RINGS_WORD = 16;
export const LOCK_WORD = 32;
export const REFUSED_WORD = 33;

/** What writers count, in `tallies`; changed only by who holds the lock. */
export const TALLY = {
  ENTRIES: 24,
  DENIALS: 25,
  USED: 26,
  /** Of ENTRIES, those that are ends. */
  ENDS: 28,
  STORES: 29,
  EVICTIONS: 30,
  REPLACED: 31,
  ENDED: 32,
} as const;

const CONTROL_OCTETS = 320;
/**
 * A slot for so many octets, or up to twice as many, as the number of slots is a power of two. An answer of 100 octets
 * takes 136, so two slots of five are full in a cache of 32 MiB or another power of two, and at most 85 % in any. There
 * a look-up of what is not in the cache tries 22 slots instead of 2, and each answer that is stored makes four.
 */
const OCTETS_A_SLOT = 64;
/** Of a slot, and its part of the ghosts: half as many are one for each entry, but in a cache nearly twice a power of two. */
const SLOT_OCTETS = 8 + 2;
const PROBATION_SHARE = 0.1;

/**
 * Memory for a store.
 *
 * @throws RangeError unless 1 MiB <= octets <= 4 GiB
 */
export function cacheMemory(octets: number): SharedArrayBuffer {
  if (octets >= MIN_CACHE_OCTETS && octets <= MAX_CACHE_OCTETS) return new SharedArrayBuffer(Math.floor(octets));
  throw new RangeError(`a cache of ${octets} octets; allowed are ${MIN_CACHE_OCTETS} to ${MAX_CACHE_OCTETS}`);
}

export class CacheMemory {
  readonly octets: Uint8Array;
  readonly shorts: Uint16Array;
  readonly words: Int32Array;
  readonly tallies: Float64Array;
  /** A power of two, less one. */
  readonly slotMask: number;
  readonly slotsWord: number;
  readonly ghostsWord: number;
  /** A power of two. */
  readonly ghosts: number;
  readonly probationUnit: number;
  readonly mainUnit: number;
  /** The last unit is never used, so that a position behind the last entry is still a unit's number. */
  readonly endUnit: number;
  /** Bits of a unit's number. */
  readonly unitBits: number;

  constructor(memory: SharedArrayBuffer) {
    const length = memory.byteLength - (memory.byteLength % UNIT_OCTETS);
    this.octets = new Uint8Array(memory, 0, length);
    this.shorts = new Uint16Array(memory, 0, length / 2);
    this.words = new Int32Array(memory, 0, length / 4);
    this.tallies = new Float64Array(memory, 0, length / 8);
    const slots = 2 ** Math.floor(Math.log2(length / OCTETS_A_SLOT));
    this.slotMask = slots - 1;
    this.slotsWord = CONTROL_OCTETS / 4;
    this.ghostsWord = this.slotsWord + slots * 2;
    this.ghosts = slots / 2;
    this.probationUnit = Math.ceil((CONTROL_OCTETS + slots * SLOT_OCTETS) / UNIT_OCTETS);
    this.endUnit = length / UNIT_OCTETS - 1;
    this.mainUnit = this.probationUnit + Math.ceil((this.endUnit - this.probationUnit) * PROBATION_SHARE);
    this.unitBits = 32 - Math.clz32(this.endUnit);
  }

  /** Two numbers no client knows, made by the first thread that asks. */
  seeds(random: Random): readonly [number, number] {
    const own = new Uint8Array(8);
    random.fill(own);
    const [first = 0, second = 0] = new Int32Array(own.buffer);
    // 0 is what nobody has written to yet.
    Atomics.compareExchange(this.words, SEED_WORD, 0, first | 1);
    Atomics.compareExchange(this.words, SEED_WORD + 1, 0, second | 1);
    return [Atomics.load(this.words, SEED_WORD), Atomics.load(this.words, SEED_WORD + 1)];
  }
}
