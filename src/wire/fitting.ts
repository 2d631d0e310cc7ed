/**
 * Which records of a response are sent where there is no room for all of them. TC says that something is missing that
 * the client needs, which additional records are not (RFC 2181, 9).
 */

import { readName, sameName } from "./name.ts";
import { readUint16 } from "./octets.ts";
import { MAX_NAME_OCTETS, RCODE, TYPE } from "./protocol.ts";
import { answerCount, authorityEnd, FIXED_OCTETS, fixedAt, ownerAt, typeOf } from "./records.ts";
import type { MessageLayout } from "./response.ts";

/** Additional records are compared with each other, for part of an RRset is not sent; of more than these none is. */
const MAX_COMPARED = 48;

const oneOwner = new Uint8Array(MAX_NAME_OCTETS);
const otherOwner = new Uint8Array(MAX_NAME_OCTETS);

/**
 * How many records, counted over all sections, are sent of the response at octets[start...] if the last may end at the
 * offset `most` of it; -1 if what the client needs does not fit: TC.
 */
export function recordsThatFit(octets: Uint8Array, start: number, layout: MessageLayout, most: number): number {
  const fitting = recordsWithin(octets, start, layout, most);
  const answers = Math.min(answerCount(octets, start), layout.ttlCount);
  const additional = Math.min(authorityEnd(octets, start), layout.ttlCount);
  if (fitting < neededRecords(octets, start, layout, answers, additional)) return -1;
  if (fitting < additional) return answers;
  if (layout.ttlCount - additional > MAX_COMPARED) return additional;
  return withoutParts(octets, start, layout, additional, fitting);
}

/** Where the records end of which the first so many are sent. */
export function recordsEnd(octets: Uint8Array, start: number, layout: MessageLayout, records: number): number {
  return ownerAt(octets, start, layout, records) - start;
}

/** How many of the first records end within `most` octets of the message. */
function recordsWithin(octets: Uint8Array, start: number, layout: MessageLayout, most: number): number {
  let least = 0;
  let beyond = layout.ttlCount + 1;
  while (beyond - least > 1) {
    const middle = (least + beyond) >> 1;
    if (recordsEnd(octets, start, layout, middle) <= most) least = middle;
    else beyond = middle;
  }
  return least;
}

/**
 * Of a positive answer, the answer section. What denies something is needed too, and proves that a wildcard was right to
 * answer (RFC 4035, 3.1.3.3); a referral is needed with its glue (RFC 9471, 3.1).
 */
function neededRecords(
  octets: Uint8Array,
  start: number,
  layout: MessageLayout,
  answers: number,
  additional: number,
): number {
  let denies = layout.rcode !== RCODE.NOERROR;
  let refers = answers === 0;
  for (let i = answers; i < additional; i++) {
    const type = typeOf(octets, start, layout, i);
    if (type === TYPE.SOA || type === TYPE.NSEC || type === TYPE.NSEC3) denies = true;
    if (type === TYPE.SOA) refers = false;
  }
  if (refers && layout.rcode === RCODE.NOERROR && additional > 0) return layout.ttlCount;
  return denies || answers === 0 ? additional : answers;
}

/** Of the first `kept` records those before the first that belongs to an RRset with one that is not kept. */
function withoutParts(
  octets: Uint8Array,
  start: number,
  layout: MessageLayout,
  additional: number,
  kept: number,
): number {
  for (let i = layout.ttlCount - 1; i >= kept; i--) {
    for (let j = additional; j < kept; j++) if (areOneRrset(octets, start, layout, j, i)) kept = j;
  }
  return kept;
}

function areOneRrset(octets: Uint8Array, start: number, layout: MessageLayout, one: number, other: number): boolean {
  const type = typeOf(octets, start, layout, one);
  if (type !== typeOf(octets, start, layout, other)) return false;
  if (type === TYPE.RRSIG && coveredBy(octets, start, layout, one) !== coveredBy(octets, start, layout, other))
    return false;
  const end = start + layout.bodyOctets;
  const length = readName(octets, ownerAt(octets, start, layout, one), end, start, oneOwner, 0);
  const otherLength = readName(octets, ownerAt(octets, start, layout, other), end, start, otherOwner, 0);
  return length === otherLength && sameName(oneOwner, 0, otherOwner, 0, Math.max(0, length));
}

/** The type that the signature covers (RFC 4034, 3.1.1). */
function coveredBy(octets: Uint8Array, start: number, layout: MessageLayout, i: number): number {
  return readUint16(octets, fixedAt(start, layout, i) + FIXED_OCTETS);
}
