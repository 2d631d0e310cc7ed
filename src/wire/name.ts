/** Names as octets: labels of 0 to 63 octets behind a length octet, ended by the root's zero, or by a pointer (RFC 1035, 4.1.4). */

import { readUint16 } from "./octets.ts";
import { HEADER_OCTETS, MAX_NAME_OCTETS } from "./protocol.ts";

/**
 * The offset behind the name at `at`, or -1 if it is malformed or runs past `end`. A pointer ends a name; it must
 * point backwards, at nothing before the first octet behind the header (`messageStart` + 12). What it points at is
 * not followed: names of records are never read, only stepped over.
 */
export function skipName(octets: Uint8Array, at: number, end: number, messageStart: number): number {
  const first = at;
  while (at < end) {
    const length = octets[at]!;
    if (length >= 0xc0) return pointerTarget(octets, at, end, messageStart) < 0 ? -1 : at + 2;
    if (length > 63) return -1;
    at += 1 + length;
    if (length === 0) return at;
    // Whatever ends the name stands for one octet more at least.
    if (at - first >= MAX_NAME_OCTETS) return -1;
  }
  return -1;
}

/** Where the labels from `at` end: at the root's zero or at a pointer, which is not followed. -1 if they are malformed. */
export function labelsEnd(octets: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const label = octets[at]!;
    if (label === 0) return at;
    if (label >= 0xc0) return at + 2 > end ? -1 : at;
    if (label > 63) return -1;
    at += 1 + label;
  }
  return -1;
}

/** Where the pointer at `at` points, or -1. */
function pointerTarget(octets: Uint8Array, at: number, end: number, messageStart: number): number {
  if (at + 2 > end) return -1;
  const target = messageStart + (readUint16(octets, at) & 0x3fff);
  return target < messageStart + HEADER_OCTETS || target >= at ? -1 : target;
}

/**
 * Writes the name at `at`, its pointers followed, into[intoAt...]. Returns its octets, or -1 if it is malformed, too
 * long, runs past `end` or does not fit. Each pointer must lead before the labels it ends, so none leads in a circle.
 */
export function readName(
  octets: Uint8Array,
  at: number,
  end: number,
  messageStart: number,
  into: Uint8Array,
  intoAt: number,
): number {
  const most = Math.min(MAX_NAME_OCTETS, into.length - intoAt);
  let labelsStart = at;
  let n = 0;
  while (at < end) {
    const length = octets[at]!;
    if (length >= 0xc0) {
      at = pointerTarget(octets, at, end, messageStart);
      if (at < 0 || at >= labelsStart) return -1;
      labelsStart = at;
      continue;
    }
    const behind = at + 1 + length;
    if (length > 63 || behind > end || n + 1 + length > most) return -1;
    while (at < behind) into[intoAt + n++] = octets[at++]!;
    if (length === 0) return n;
  }
  return -1;
}

/** Where in uncompressed octets the parent of the name at `at` begins: one label less. -1 if that would be the root. */
export function parentAt(octets: Uint8Array, at: number): number {
  const parent = at + 1 + octets[at]!;
  return parent === at + 1 || octets[parent] === 0 ? -1 : parent;
}

/** ASCII upper case to lower (RFC 4343); label lengths are below "A", so whole names can be folded octet by octet. */
export function fold(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}

/** Whether two uncompressed names of `length` octets are the same, without regard to case (RFC 4343). */
export function sameName(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) {
    const x = a[aAt + i]!;
    const y = b[bAt + i]!;
    if (x !== y && fold(x) !== fold(y)) return false;
  }
  return true;
}

/**
 * Whether two uncompressed questions (name, type, class) of `length` octets ask the same: names without regard to
 * case (RFC 4343), type and class exactly (folded, type 65 would equal type 97).
 */
export function sameQuestion(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  const nameOctets = length - 4;
  if (!sameName(a, aAt, b, bAt, nameOctets)) return false;
  for (let i = nameOctets; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}
