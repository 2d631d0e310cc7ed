/**
 * The names of one message, checked as a strict parser does: with their pointers followed they have at most 255 octets.
 *
 * What a pointer leads to is read once and remembered, so that the work for a message grows with its octets, whatever
 * its pointers do.
 */

import { labelsEnd } from "./name.ts";
import { HEADER_OCTETS, MAX_NAME_OCTETS } from "./protocol.ts";

/** Pointers have 14 bits (RFC 1035, 4.1.4). */
export const POINTABLE_OCTETS = 0x4000;
/** Pointers followed in one name. Those of real servers need three or four; strict parsers stop at 10 to 16. */
const MAX_POINTERS = 16;

const POINTERS_SHIFT = 8;
const LENGTH_MASK = 0xff;
const MESSAGE_SHIFT = 16;
const MAX_MESSAGES = 0xffff;

/** What reads the names within RDATA, one after the other. */
export interface NameVisitor {
  /** The offset behind the name at `at`, which ends before `end`; -1 if it is malformed. */
  behind(octets: Uint8Array, at: number, end: number): number;
}

export class MessageNames implements NameVisitor {
  /**
   * Of the name at each offset that a pointer led to: the message's number (16 bits), how many pointers it has (8) and
   * its octets with these followed (8). Numbered, so that the next message need not clear it.
   */
  readonly #read = new Uint32Array(POINTABLE_OCTETS);
  #message = 0;
  #start = 0;

  /** The names of another message follow, whose header is at `start`. */
  begin(start: number): void {
    this.#start = start;
    if (++this.#message <= MAX_MESSAGES) return;
    this.#message = 1;
    this.#read.fill(0);
  }

  behind(octets: Uint8Array, at: number, end: number): number {
    const stop = labelsEnd(octets, at, end);
    if (stop < 0) return -1;
    if (octets[stop] === 0) return stop - at < MAX_NAME_OCTETS ? stop + 1 : -1;
    const pointed = this.#pointed(octets, stop, at, 1);
    return pointed > 0 && stop - at + (pointed & LENGTH_MASK) <= MAX_NAME_OCTETS ? stop + 2 : -1;
  }

  /**
   * Octets and pointers of the name that the pointer at `at` leads to, as they are remembered; 0 if it is malformed. It
   * must stand wholly before the octets that led to it, which begin at `before`: so none leads in a circle.
   */
  #pointed(octets: Uint8Array, at: number, before: number, pointers: number): number {
    const offset = ((octets[at]! & 0x3f) << 8) | octets[at + 1]!;
    const first = this.#start + offset;
    if (offset < HEADER_OCTETS || first >= before || pointers > MAX_POINTERS) return 0;
    const known = this.#read[offset]!;
    if (known >>> MESSAGE_SHIFT === this.#message) {
      return pointers + ((known >>> POINTERS_SHIFT) & 0xff) <= MAX_POINTERS ? known & 0xffff : 0;
    }
    const read = this.#readPointed(octets, first, before, pointers);
    if (read > 0) this.#read[offset] = (this.#message << MESSAGE_SHIFT) | read;
    return read;
  }

  #readPointed(octets: Uint8Array, first: number, before: number, pointers: number): number {
    const stop = labelsEnd(octets, first, before);
    if (stop < 0) return 0;
    const octetsBefore = stop - first;
    if (octets[stop] === 0) return octetsBefore < MAX_NAME_OCTETS ? octetsBefore + 1 : 0;
    const pointed = this.#pointed(octets, stop, first, pointers + 1);
    const fits = pointed > 0 && octetsBefore + (pointed & LENGTH_MASK) <= MAX_NAME_OCTETS;
    return fits ? pointed + (1 << POINTERS_SHIFT) + octetsBefore : 0;
  }
}
