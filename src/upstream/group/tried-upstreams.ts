/**
 * The upstreams that an exchange was given to, in no order. A list of places that is not emptied for each query: on Bun
 * and on Deno that is a call into the runtime, and on Deno the next entry then takes new memory.
 */

export class TriedUpstreams {
  readonly #places: unknown[] = [];
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  has(upstream: unknown): boolean {
    return this.#placeOf(upstream) >= 0;
  }

  /** Takes one that is not in it. */
  add(upstream: unknown): void {
    this.#places[this.#count++] = upstream;
  }

  /** Takes one out, if it is in it. */
  remove(upstream: unknown): void {
    const place = this.#placeOf(upstream);
    if (place >= 0) this.#places[place] = this.#places[--this.#count];
  }

  clear(): void {
    this.#count = 0;
  }

  /** -1 if it is not in it. */
  #placeOf(upstream: unknown): number {
    const place = this.#places.indexOf(upstream);
    return place < this.#count ? place : -1;
  }
}
