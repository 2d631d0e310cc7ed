/**
 * The names of one message, checked as a strict parser does: with their pointers followed they have at most 255 octets.
 *
 * What a pointer leads to is read once and remembered, so that the work for a message grows with its octets, whatever
 * its pointers do.
 */

import { labelsEnd } from "../name.ts";
import { HEADER_OCTETS, MAX_NAME_OCTETS } from "../protocol.ts";

/** Pointers have 14 bits (RFC 1035, 4.1.4). */
export const POINTABLE_OCTETS = 0x4000;
/** Pointers followed in one name. Those of real servers need three or four; strict parsers stop at 10 to 16. */
const MAX_POINTERS = 16;

/** What is remembered of a name that a pointer led to, from the lowest bit on: its octets with its pointers followed, ... */
const LENGTH_MASK = 0xff;
/** ... those of its labels before its end or its first pointer, ... */
const LABELS_SHIFT = 8;
const LABELS_MASK = 0xff;
/** ... how many pointers it has, ... */
const POINTERS_SHIFT = 16;
const POINTERS_MASK = 0x1f;
/** ... and the number of its message. */
const MESSAGE_SHIFT = 21;
const MAX_MESSAGES = 0x7ff;

/** What reads the names within RDATA, one after the other. */
export interface NameVisitor {
  /** The offset behind the name at `at`, which ends before `end`; -1 if it is malformed. */
  behind(octets: Uint8Array, at: number, end: number): number;
}

export class MessageNames implements NameVisitor {
  /** Of the name at each offset that a pointer led to. Messages are numbered, so that the next need not clear it. */
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
   * must stand wholly before the octets that led to it, which begin at `before`: so none leads in a circle, and no octet
   * is read as part of two labels.
   */
  #pointed(octets: Uint8Array, at: number, before: number, pointers: number): number {
    const offset = ((octets[at]! & 0x3f) << 8) | octets[at + 1]!;
    const first = this.#start + offset;
    if (offset < HEADER_OCTETS || first >= before || pointers > MAX_POINTERS) return 0;
    const known = this.#read[offset]!;
    if (known >>> MESSAGE_SHIFT === this.#message) {
      const further = (known >>> POINTERS_SHIFT) & POINTERS_MASK;
      const behind = first + ((known >>> LABELS_SHIFT) & LABELS_MASK) + (further > 0 ? 2 : 1);
      return pointers + further <= MAX_POINTERS && behind <= before ? known & ~(MAX_MESSAGES << MESSAGE_SHIFT) : 0;
    }
    const read = this.#readPointed(octets, first, before, pointers);
    if (read > 0) this.#read[offset] = (this.#message << MESSAGE_SHIFT) | read;
    return read;
  }

  #readPointed(octets: Uint8Array, first: number, before: number, pointers: number): number {
    const stop = labelsEnd(octets, first, before);
    if (stop < 0) return 0;
    const labels = stop - first;
    if (octets[stop] === 0) return labels < MAX_NAME_OCTETS ? (labels << LABELS_SHIFT) | (labels + 1) : 0;
    const pointed = this.#pointed(octets, stop, first, pointers + 1);
    const length = labels + (pointed & LENGTH_MASK);
    if (pointed === 0 || length > MAX_NAME_OCTETS) return 0;
    const further = ((pointed >>> POINTERS_SHIFT) & POINTERS_MASK) + 1;
    return (further << POINTERS_SHIFT) | (labels << LABELS_SHIFT) | length;
  }
}
