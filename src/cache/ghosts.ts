/**
 * Hashes of what left the probation ring without having been asked for again: a question that comes back is worth
 * more than one seen once. A table of groups of four; in each, the newest pushes the oldest out. A hash that two
 * questions share can only let one of them into the main ring too early.
 */

import type { CacheMemory } from "./memory.ts";

const GROUP = 4;

export class Ghosts {
  readonly #words: Int32Array;
  readonly #firstWord: number;
  readonly #count: number;

  constructor(memory: CacheMemory) {
    this.#words = memory.words;
    this.#firstWord = memory.ghostsWord;
    this.#count = memory.slotMask + 1;
  }

  add(hash: number): void {
    const group = this.#groupOf(hash);
    this.#words.copyWithin(group + 1, group, group + GROUP - 1);
    this.#words[group] = hash;
  }

  /** Whether the hash is there; it is no longer then. */
  take(hash: number): boolean {
    const group = this.#groupOf(hash);
    for (let at = group; at < group + GROUP; at++) {
      if (this.#words[at] !== hash || hash === 0) continue;
      this.#words[at] = 0;
      return true;
    }
    return false;
  }

  clear(): void {
    this.#words.fill(0, this.#firstWord, this.#firstWord + this.#count);
  }

  #groupOf(hash: number): number {
    return this.#firstWord + (hash & (this.#count - 1) & -GROUP);
  }
}
