/**
 * The servers that an exchange was given to, in no order. A list of places that is not emptied for each query: on Bun
 * and on Deno that is a call into the runtime, and on Deno the next entry then takes new memory.
 */

export class TriedServers {
  readonly #places: unknown[] = [];
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  has(server: unknown): boolean {
    return this.#placeOf(server) >= 0;
  }

  /** Takes one that is not in it. */
  add(server: unknown): void {
    this.#places[this.#count++] = server;
  }

  /** Takes one out, if it is in it. */
  remove(server: unknown): void {
    const place = this.#placeOf(server);
    if (place >= 0) this.#places[place] = this.#places[--this.#count];
  }

  clear(): void {
    this.#count = 0;
  }

  /** -1 if it is not in it. */
  #placeOf(server: unknown): number {
    const place = this.#places.indexOf(server);
    return place < this.#count ? place : -1;
  }
}
