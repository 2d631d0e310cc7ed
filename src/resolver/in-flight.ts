/** The questions that are being resolved, found by question: a hash table whose places hold short lists. */

import type { Query } from "../wire/query.ts";
import type { Resolution } from "./resolution.ts";

/** A power of two; with the most that may be in flight by default, places hold two or three. */
const PLACES = 4096;

export class InFlight {
  readonly #places: (Resolution | undefined)[] = new Array(PLACES).fill(undefined);
  #size = 0;

  /** How many there are, those for which nobody waits among them. */
  get size(): number {
    return this.#size;
  }

  find(query: Query, flags: number, hash: number): Resolution | undefined {
    let one = this.#places[hash & (PLACES - 1)];
    while (one !== undefined && !one.isFor(query, flags, hash)) one = one.nextInPlace;
    return one;
  }

  add(resolution: Resolution): void {
    const place = resolution.hash & (PLACES - 1);
    resolution.nextInPlace = this.#places[place];
    this.#places[place] = resolution;
    this.#size++;
  }

  remove(resolution: Resolution): void {
    const place = resolution.hash & (PLACES - 1);
    const first = this.#places[place];
    if (first === resolution) {
      this.#places[place] = resolution.nextInPlace;
    } else {
      let before = first;
      while (before !== undefined && before.nextInPlace !== resolution) before = before.nextInPlace;
      if (before !== undefined) before.nextInPlace = resolution.nextInPlace;
    }
    resolution.nextInPlace = undefined;
    this.#size--;
  }
}
