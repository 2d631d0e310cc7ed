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
    this.#count = memory.ghosts;
  }

  add(hash: number): void {
    const words = this.#words;
    const group = this.#groupOf(hash);
    for (let at = group + GROUP - 1; at > group; at--) words[at] = words[at - 1]!;
    words[group] = hash;
  }

  /** A word of where the hash would be: reading it fetches the rest. */
  wordAt(hash: number): number {
    return this.#words[this.#groupOf(hash)]!;
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
