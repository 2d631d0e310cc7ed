/** Exchanges that wait for the addresses of an upstream, or for room on a connection, in the order they came. */

import type { Carrier, Exchange } from "../exchange.ts";

export class WaitingLine implements Carrier {
  readonly #waiting = new Set<Exchange>();

  get size(): number {
    return this.#waiting.size;
  }

  add(exchange: Exchange): void {
    exchange.carrier = this;
    this.#waiting.add(exchange);
  }

  cancel(exchange: Exchange): void {
    exchange.carrier = undefined;
    this.#waiting.delete(exchange);
  }

  /** Takes them out one by one while there is room. */
  serve(hasRoom: (exchange: Exchange) => boolean, place: (exchange: Exchange) => void): void {
    for (const exchange of this.#waiting) {
      if (!hasRoom(exchange)) return;
      // Looking for room may have ended an idle connection, and that served who waits already.
      if (!this.#waiting.has(exchange)) continue;
      this.cancel(exchange);
      place(exchange);
    }
  }

  /** Takes out those who wait now; what becomes of one may take out others. */
  drain(take: (exchange: Exchange) => void): void {
    for (const exchange of [...this.#waiting]) {
      if (!this.#waiting.has(exchange)) continue;
      this.cancel(exchange);
      take(exchange);
    }
  }
}
