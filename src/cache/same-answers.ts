/** Whether two answers that are kept say the same. */

import { readUint16 } from "../wire/octets.ts";
import { TYPE } from "../wire/protocol.ts";
import { answerCount, FIXED_OCTETS, fixedAt, typeOf } from "../wire/records.ts";
import type { FoundEntry } from "./store/found.ts";

/** Of longer ones nobody needs to know. */
const MAX_ANSWERS = 64;

/**
 * Whether both have the same RCODE and the same answer records, in whatever order, signatures aside: those only one of
 * them may have. Both are read where they are kept, so the caller asks afterwards whether they still are.
 */
export function sayTheSame(octets: Uint8Array, one: FoundEntry, other: FoundEntry): boolean {
  return one.rcode === other.rcode && isWithin(octets, one, other) && isWithin(octets, other, one);
}

function isWithin(octets: Uint8Array, one: FoundEntry, other: FoundEntry): boolean {
  const answers = answersOf(octets, one);
  if (answers > MAX_ANSWERS) return false;
  for (let i = 0; i < answers; i++) {
    if (typeOf(octets, one.messageStart, one, i) !== TYPE.RRSIG && !isAmong(octets, one, i, other)) return false;
  }
  return true;
}

/** Whether record `i` of the one's answer section is in the other's. */
function isAmong(octets: Uint8Array, one: FoundEntry, i: number, other: FoundEntry): boolean {
  const answers = answersOf(octets, other);
  const at = fixedAt(one.messageStart, one, i);
  for (let j = 0; j < answers; j++) {
    if (isSame(octets, at, fixedAt(other.messageStart, other, j))) return true;
  }
  return false;
}

/** Whether two records have the same type and RDATA. */
function isSame(octets: Uint8Array, at: number, otherAt: number): boolean {
  if (readUint16(octets, at) !== readUint16(octets, otherAt)) return false;
  const rdataOctets = readUint16(octets, at + 8);
  if (rdataOctets !== readUint16(octets, otherAt + 8)) return false;
  for (let i = FIXED_OCTETS; i < FIXED_OCTETS + rdataOctets; i++) {
    if (octets[at + i] !== octets[otherAt + i]) return false;
  }
  return true;
}

/** What is overwritten meanwhile may say anything of its counts. */
function answersOf(octets: Uint8Array, entry: FoundEntry): number {
  return Math.min(answerCount(octets, entry.messageStart), entry.ttlCount);
}
