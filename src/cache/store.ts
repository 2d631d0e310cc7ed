/**
 * The cache's storage: whole answers in one flat memory that several threads share. Reading takes no lock: who reads
 * copies, and asks afterwards whether what was copied was still there.
 */

import type { Random } from "../runtime/runtime.ts";
import type { MessageLayout } from "../wire/response.ts";
import { Found, type FoundEntry } from "./found.ts";

export type { FoundEntry } from "./found.ts";

/** What a key has besides the question: DNSSEC OK, Checking Disabled, and that it is a denial (RFC 8020). */
export const KEY_DO = 1;
export const KEY_CD = 2;
export const KEY_DENIAL = 4;

export interface CacheStoreParts {
  readonly random: Random;
  /** The number of the thread among those that share the memory, from 0. */
  readonly worker?: number;
  /** Whether there are other threads; if not, what only they need is left out. */
  readonly isShared?: boolean;
}

/** Read when asked, from the shared memory: they are of all threads. */
export interface CacheCounters {
  readonly entries: number;
  /** Of `entries`, those with KEY_DENIAL. */
  readonly denials: number;
  /** Octets of the live entries, and how many there is room for. */
  readonly octetsUsed: number;
  readonly capacityOctets: number;
  readonly stores: number;
  readonly evictions: number;
  readonly replaced: number;
  readonly refused: number;
}

/** A walk over every live entry, oldest first in each ring. Stores may happen in between. */
export interface StoreWalk {
  /** Goes on to the next entry; false at the end. */
  next(): boolean;
  readonly entry: FoundEntry;
  /** Whether `entry` is still there: to be asked after its octets were copied, when there are other threads. */
  readonly intact: boolean;
}

/**
 * Memory for a store; everything the store needs is in it. The pages are the kernel's until they are written to.
 *
 * @throws RangeError unless 1 MiB <= octets <= 4 GiB
 */
export function cacheMemory(octets: number): SharedArrayBuffer {
  return new SharedArrayBuffer(octets);
}

export class CacheStore {
  readonly found: FoundEntry = new Found();
  readonly octets: Uint8Array;
  readonly counters: CacheCounters;

  constructor(memory: SharedArrayBuffer, _parts: CacheStoreParts) {
    this.octets = new Uint8Array(memory);
    throw new Error("not built yet");
  }

  /** The keyed hash of a question and its flags: 32 bits, unsigned. The question starts at octet 0. */
  hash(_question: Uint8Array, _questionOctets: number, _flags: number): number {
    return 0;
  }

  /** Looks up; true if found: `found` describes it until the next call of find or put. Counts a use. */
  find(_question: Uint8Array, _questionOctets: number, _flags: number, _hash: number): boolean {
    return false;
  }

  /** Whether what `found` describes has not been overwritten since find(): to be asked after its octets were copied. */
  get intact(): boolean {
    return false;
  }

  /**
   * Stores; replaces the entry of the same key. The message is octets[start, start + bodyOctets); of its options,
   * the Extended DNS Errors are kept. False if it is too large (more than an eighth of the room), has no plain
   * question, or the lock was not to be had.
   */
  put(
    _flags: number,
    _hash: number,
    _octets: Uint8Array,
    _start: number,
    _layout: MessageLayout,
    _lifetimeSeconds: number,
    _storedDs: number,
  ): boolean {
    return false;
  }

  /** Forgets the entry of this key; false if there is none or the lock was not to be had. */
  remove(_question: Uint8Array, _questionOctets: number, _flags: number, _hash: number): boolean {
    return false;
  }

  /** Forgets everything; false if the lock was not to be had. */
  flush(): boolean {
    return false;
  }

  /** Frees the lock if a worker that is no more held it, and forgets everything then: it left its work half done. */
  releaseLockOf(_worker: number): boolean {
    return false;
  }

  walk(): StoreWalk {
    return { next: () => false, entry: this.found, intact: false };
  }
}
