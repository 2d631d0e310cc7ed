/**
 * Numbers that one thread counts and another reads: places in one flat memory, handed out in the order they are asked
 * for. Whoever makes the same parts in the same order over the same memory sees the same numbers.
 *
 * A place has one writer. A number of 64 bits at its own address is read as it was written, never half of it.
 */

const PLACE_OCTETS = Float64Array.BYTES_PER_ELEMENT;

export class Figures {
  readonly #memory: ArrayBufferLike | undefined;
  #octets: number;

  /** Without memory each part gets its own, which no other thread sees. */
  constructor(memory?: ArrayBufferLike, startOctet = 0) {
    this.#memory = memory;
    this.#octets = startOctet;
  }

  /** Where the next part begins. */
  get octets(): number {
    return this.#octets;
  }

  take(places: number): Float64Array {
    const at = this.#octets;
    this.#octets += places * PLACE_OCTETS;
    return this.#memory === undefined ? new Float64Array(places) : new Float64Array(this.#memory, at, places);
  }
}

/** The sums, place by place, of `parts` equal parts that follow each other in the memory. */
export function sumOfParts(memory: ArrayBufferLike, parts: number): ArrayBuffer {
  const places = memory.byteLength / PLACE_OCTETS / parts;
  const sums = new Float64Array(places);
  const all = new Float64Array(memory);
  for (let i = 0; i < places * parts; i++) sums[i % places]! += all[i]!;
  return sums.buffer;
}

/** A number that goes up and down, of which each worker writes its own part. */
export class Gauge {
  readonly #own: Float64Array;
  readonly #others: readonly Float64Array[];

  /** One place each. */
  constructor(own: Float64Array = new Float64Array(1), others: readonly Float64Array[] = []) {
    this.#own = own;
    this.#others = others;
  }

  add(many: number): void {
    this.#own[0]! += many;
  }

  get own(): number {
    return this.#own[0]!;
  }

  /** Of all workers, this one included. */
  get total(): number {
    let total = this.#own[0]!;
    for (let i = 0; i < this.#others.length; i++) total += this.#others[i]![0]!;
    return total;
  }
}
