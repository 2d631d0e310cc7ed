/**
 * Queries by the million, each for a name of its own, and a check of every answer. The scripted upstream makes the A
 * record from the name, so an answer that reached the wrong query or the wrong client cannot go unseen.
 */

import { hashName } from "../../src/testupstream/dns/synthesize.ts";

const HEADER_OCTETS = 12;
/** "v00000000" with the number of the query in hexadecimal, then "volume.test". */
const NAME = Buffer.from("\x09v00000000\x06volume\x04test\0", "latin1");
const DIGITS_AT = HEADER_OCTETS + 2;
const DIGITS = 8;
const QUESTION_OCTETS = NAME.length + 4;
export const QUERY_OCTETS = HEADER_OCTETS + QUESTION_OCTETS;
/** RDATA behind the question, the owner name as a pointer, type, class, TTL and length. */
const RDATA_AT = QUERY_OCTETS + 12;

const TEMPLATE = Uint8Array.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...NAME, 0, 1, 0, 1]);

/** Odd, so that queries near each other in number never share an ID. */
const ID_STEP = 40_503;

/** The queries of one client, numbers [first, first + count), and what came back. */
export class Ledger {
  readonly #first: number;
  readonly #count: number;
  /** Of query i: 0 not asked, 1 asked, 2 answered. */
  readonly #state: Uint8Array;
  asked = 0;
  answered = 0;
  /** Answers that are not the answer to a query of this client that waits for one. */
  crossed = 0;
  /** Answers to the right query, with another RCODE than NOERROR. */
  failed = 0;

  constructor(first: number, count: number) {
    this.#first = first;
    this.#count = count;
    this.#state = new Uint8Array(count);
  }

  get outstanding(): number {
    return this.asked - this.answered;
  }

  get toAsk(): number {
    return this.#count - this.asked;
  }

  get done(): boolean {
    return this.answered === this.#count;
  }

  /** Writes the next query, QUERY_OCTETS long. */
  writeNext(octets: Uint8Array, start: number): void {
    const index = this.asked++;
    this.#state[index] = 1;
    const number = this.#first + index;
    octets.set(TEMPLATE, start);
    const id = idOf(number);
    octets[start] = id >> 8;
    octets[start + 1] = id & 0xff;
    for (let i = 0; i < DIGITS; i++) octets[start + DIGITS_AT + i] = hexDigit(number >>> (4 * (DIGITS - 1 - i)));
  }

  check(octets: Uint8Array, start: number, length: number): void {
    const number = length < QUERY_OCTETS ? Number.NaN : numberOf(octets, start);
    const index = number - this.#first;
    if (this.#state[index] !== 1 || ((octets[start]! << 8) | octets[start + 1]!) !== idOf(number)) {
      this.crossed++;
      return;
    }
    this.#state[index] = 2;
    this.answered++;
    if ((octets[start + 3]! & 0x0f) !== 0) this.failed++;
    else if (!holdsHash(octets, start, length)) this.crossed++;
  }
}

export interface Totals {
  asked: number;
  answered: number;
  crossed: number;
  failed: number;
}

export function totals(ledgers: readonly Ledger[]): Totals {
  const sum: Totals = { asked: 0, answered: 0, crossed: 0, failed: 0 };
  for (const ledger of ledgers) {
    for (const key of ["asked", "answered", "crossed", "failed"] as const) sum[key] += ledger[key];
  }
  return sum;
}

function idOf(number: number): number {
  return Math.imul(number, ID_STEP) & 0xffff;
}

function hexDigit(value: number): number {
  const digit = value & 15;
  return digit < 10 ? 0x30 + digit : 0x57 + digit;
}

/** The number in the question; NaN if it is not one of these. */
function numberOf(octets: Uint8Array, start: number): number {
  let number = 0;
  for (let i = HEADER_OCTETS; i < QUERY_OCTETS; i++) {
    const octet = octets[start + i]!;
    const isDigit = i >= DIGITS_AT && i < DIGITS_AT + DIGITS;
    if (isDigit) number = number * 16 + (octet < 0x3a ? octet - 0x30 : octet - 0x57);
    else if (octet !== TEMPLATE[i]) return Number.NaN;
  }
  return number;
}

function holdsHash(octets: Uint8Array, start: number, length: number): boolean {
  if (length < RDATA_AT + 4) return false;
  const hash = hashName(octets, start + HEADER_OCTETS, start + HEADER_OCTETS + NAME.length);
  const at = start + RDATA_AT;
  const rdata = ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
  // 10.x.y.z, the low 24 bits of the hash.
  return rdata === ((10 << 24) | (hash & 0xffffff)) >>> 0;
}
