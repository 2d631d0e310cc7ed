/** The kinds of fields that RDATA is made of, each read as a strict parser reads it. */

import { labelsEnd } from "../name.ts";
import { MAX_NAME_OCTETS } from "../protocol.ts";
import type { NameVisitor } from "./message-names.ts";

/** Reads the field at `at`; returns the offset behind it, at most `end`, or -1 if it is malformed. */
export type FieldReader = (octets: Uint8Array, at: number, end: number, names: NameVisitor) => number;

/** A name that may be compressed: of RFC 1035's types, and those that receivers decompress (RFC 3597, 4). */
export const name: FieldReader = (octets, at, end, names) => names.behind(octets, at, end);

/** A name of a later type, which must be written out (RFC 3597, 4). */
export const plainName: FieldReader = (octets, at, end) => {
  const stop = labelsEnd(octets, at, end);
  return stop >= 0 && octets[stop] === 0 && stop - at < MAX_NAME_OCTETS ? stop + 1 : -1;
};

/** A character-string: up to 255 octets behind their number (RFC 1035, 3.3). */
export const string: FieldReader = (octets, at, end) => {
  const next = at + 1 + octets[at]!;
  return at < end && next <= end ? next : -1;
};

export const nonEmptyString: FieldReader = (octets, at, end, names) =>
  octets[at] === 0 ? -1 : string(octets, at, end, names);

export const optionalString: FieldReader = (octets, at, end, names) =>
  at === end ? end : string(octets, at, end, names);

/** Character-strings to the end, at least one. */
export const strings: FieldReader = (octets, at, end, names) => {
  do at = string(octets, at, end, names);
  while (at >= 0 && at < end);
  return at;
};

/** Anything. */
export const rest: FieldReader = (_octets, _at, end) => end;

export const nonEmptyRest: FieldReader = (_octets, at, end) => (at < end ? end : -1);

/** Octets behind their number, which has two octets. */
export const longString: FieldReader = (octets, at, end) => {
  const next = at + 2 + ((octets[at]! << 8) | octets[at + 1]!);
  return at + 2 <= end && next <= end ? next : -1;
};

/** Types there are, in windows of 256: ascending, of 1 to 32 octets, the last not zero (RFC 4034, 4.1.2). */
export const typeBitmap: FieldReader = (octets, at, end) => {
  for (let window = -1; at < end; ) {
    const length = at + 1 < end ? octets[at + 1]! : 0;
    const next = at + 2 + length;
    if (octets[at]! <= window || length === 0 || length > 32 || next > end || octets[next - 1] === 0) return -1;
    window = octets[at]!;
    at = next;
  }
  return at;
};

/**
 * A digest behind the octet that says of which kind. `lengths`: its octets by kind, 0 for a kind that is reserved; those
 * of other kinds are not checked.
 */
export function digest(lengths: readonly (number | undefined)[]): FieldReader {
  return (octets, at, end) => {
    if (at >= end) return -1;
    const length = lengths[octets[at]!];
    return length === undefined || (length > 0 && at + 1 + length === end) ? end : -1;
  };
}

/** The tag of a CAA record: letters and digits, at least one (RFC 8659, 4.1). */
export const tag: FieldReader = (octets, at, end, names) => {
  const next = nonEmptyString(octets, at, end, names);
  for (let i = at + 1; i < next; i++) {
    const octet = octets[i]!;
    const letter = octet | 0x20;
    if ((octet < 0x30 || octet > 0x39) && (letter < 0x61 || letter > 0x7a)) return -1;
  }
  return next;
};

/** A place of four kinds: none, an IPv4 address, an IPv6 address, a name (RFC 4025, 2.5; RFC 8777, 4.2.3). */
export function place(kind: number, octets: Uint8Array, at: number, end: number, names: NameVisitor): number {
  if (kind > 3) return -1;
  if (kind === 3) return plainName(octets, at, end, names);
  const next = at + [0, 4, 16][kind]!;
  return next <= end ? next : -1;
}
