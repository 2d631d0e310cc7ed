/**
 * The exchanges in flight, the oldest first. The links are in the exchanges, so that coming and going leaves nothing on
 * the heap. A Set is copied by the runtime every so many changes, half a megabyte with 10,000 in flight, and as each copy
 * names the next, they pile up until the collector's next full round.
 */

import type { Exchange } from "../exchange.ts";

export class InFlightList {
  #oldest: Exchange | undefined = undefined;
  #youngest: Exchange | undefined = undefined;
  #size = 0;
  /** The next that visitEach() comes to. */
  #next: Exchange | undefined = undefined;

  get size(): number {
    return this.#size;
  }

  /** Takes one that is in no list. */
  add(exchange: Exchange): void {
    exchange.older = this.#youngest;
    if (this.#youngest === undefined) this.#oldest = exchange;
    else this.#youngest.younger = exchange;
    this.#youngest = exchange;
    this.#size++;
  }

  /** Takes out one that is in this list. */
  remove(exchange: Exchange): void {
    const { older, younger } = exchange;
    if (this.#next === exchange) this.#next = younger;
    if (older === undefined) this.#oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    exchange.older = undefined;
    exchange.younger = undefined;
    this.#size--;
  }

  /** Visits every one. Any may go meanwhile, unvisited then, or come, visited or not. One visit at a time. */
  visitEach(visit: (exchange: Exchange) => void): void {
    this.#next = this.#oldest;
    while (this.#next !== undefined) {
      const exchange = this.#next;
      this.#next = exchange.younger;
      visit(exchange);
    }
  }
}
