/**
 * Denials: "nothing exists at this name, nor below it" (RFC 8020), kept for the names below.
 *
 * A denial is made of a validated NXDOMAIN answer: the records that deny, behind a question of the denied name, with
 * every name written out, so that they can follow any longer question as they are. A validating client
 * can still check them: what proves that a name does not exist proves it for the names below.
 */

import { fold, readName, sameName, skipName } from "../wire/name.ts";
import { copyOctets, readUint16, writeUint16 } from "../wire/octets.ts";
import { AD, HEADER_OCTETS, MAX_NAME_OCTETS, QR, RA, RCODE, TC, TYPE } from "../wire/protocol.ts";
import { answerCount, authorityEnd, behindRecord, FIXED_OCTETS, fixedAt, ownerAt, typeOf } from "../wire/records.ts";
import type { MessageLayout } from "../wire/response.ts";

/** Aliases and their signatures; an answer with more is not looked through. */
const MAX_ANSWERS = 32;
/** No record has this type: the key of a denial. */
const NO_TYPE = 0;
/** Of an SOA's RDATA, behind its two names (RFC 1035, 3.3.13). */
const SOA_NUMBERS_OCTETS = 20;

/** Owners of aliases, with their pointers followed. */
const owner = new Uint8Array(MAX_NAME_OCTETS);

/**
 * Writes the question that the denial of a name is kept under, its type 0: the name at question[at...], one of a
 * question's own or of its parents. Returns its octets.
 */
export function writeDenialQuestion(
  room: Uint8Array,
  question: Uint8Array,
  questionOctets: number,
  at: number,
): number {
  const octets = questionOctets - at;
  copyOctets(question, at, room, 0, octets);
  writeUint16(room, octets - 4, NO_TYPE);
  return octets;
}

/**
 * If the response at octets[start...] is a validated NXDOMAIN, writes its denial, a whole message, at room[0...] and
 * returns its octets. Returns 0 if it is not, if it is unclear what was denied, or if the denial does not fit. The
 * denied name is the question's, or the last target of its aliases (RFC 6604, 3). TTLs are those of the response.
 */
export function writeDenial(room: Uint8Array, octets: Uint8Array, start: number, layout: MessageLayout): number {
  if (!isValidatedNxdomain(octets, start, layout)) return 0;
  const nameOctets = writeDeniedName(room, octets, start, layout);
  let to = HEADER_OCTETS + nameOctets + 4;
  if (nameOctets < 0 || to > room.length) return 0;
  writeUint16(room, to - 4, NO_TYPE);
  copyOctets(octets, start + HEADER_OCTETS + layout.questionOctets - 2, room, to - 2, 2);
  let kept = 0;
  let isProven = false;
  for (let i = answerCount(octets, start); i < authorityEnd(octets, start); i++) {
    if (!denies(octets, fixedAt(start, layout, i))) continue;
    const recordOctets = writeRecord(room, to, octets, start, layout, i);
    if (recordOctets < 0) return 0;
    if (typeOf(octets, start, layout, i) === TYPE.SOA) {
      if (!isBelow(room, HEADER_OCTETS, nameOctets, to)) return 0;
      isProven = true;
    }
    to += recordOctets;
    kept++;
  }
  if (!isProven) return 0;
  room.fill(0, 0, HEADER_OCTETS);
  room[2] = QR;
  room[3] = (octets[start + 3]! & RA) | AD | RCODE.NXDOMAIN;
  room[5] = 1;
  writeUint16(room, 8, kept);
  return to;
}

function isValidatedNxdomain(octets: Uint8Array, start: number, layout: MessageLayout): boolean {
  if (layout.rcode !== RCODE.NXDOMAIN || layout.questionOctets === 0) return false;
  return (octets[start + 2]! & TC) === 0 && (octets[start + 3]! & AD) !== 0;
}

/**
 * Writes the name that does not exist, in lower case, behind the header's place. Returns its octets, or -1 if the
 * answer section is anything but one chain of aliases from the question's name to it.
 */
function writeDeniedName(room: Uint8Array, octets: Uint8Array, start: number, layout: MessageLayout): number {
  const aliases = countAliases(octets, start, layout);
  let nameAt = start + HEADER_OCTETS;
  // Once more than there are aliases, as the last target is looked at too; whoever is not through then runs in a loop.
  for (let followed = 0; followed <= aliases; followed++) {
    const nameOctets = readName(octets, nameAt, start + layout.bodyOctets, start, room, HEADER_OCTETS);
    if (nameOctets < 0) return -1;
    for (let i = HEADER_OCTETS; i < HEADER_OCTETS + nameOctets; i++) room[i] = fold(room[i]!);
    const alias = aliasOf(room, nameOctets, octets, start, layout);
    if (alias < 0) return followed === aliases ? nameOctets : -1;
    nameAt = fixedAt(start, layout, alias) + FIXED_OCTETS;
    const behind = behindRecord(octets, start, layout, alias);
    if (skipName(octets, nameAt, behind, start) !== behind) return -1;
  }
  return -1;
}

/** The aliases in the answer section; -1 if there is anything else than they and signatures. */
function countAliases(octets: Uint8Array, start: number, layout: MessageLayout): number {
  const answers = answerCount(octets, start);
  if (answers > MAX_ANSWERS) return -1;
  let aliases = 0;
  for (let i = 0; i < answers; i++) {
    const type = typeOf(octets, start, layout, i);
    if (type === TYPE.CNAME) aliases++;
    else if (type !== TYPE.RRSIG) return -1;
  }
  return aliases;
}

/** The number of the answer record that is an alias of the name behind the header's place; -1 if there is none. */
function aliasOf(
  room: Uint8Array,
  nameOctets: number,
  octets: Uint8Array,
  start: number,
  layout: MessageLayout,
): number {
  for (let i = 0; i < answerCount(octets, start); i++) {
    if (typeOf(octets, start, layout, i) !== TYPE.CNAME) continue;
    const ownerOctets = readName(octets, ownerAt(octets, start, layout, i), start + layout.bodyOctets, start, owner, 0);
    if (ownerOctets === nameOctets && sameName(owner, 0, room, HEADER_OCTETS, nameOctets)) return i;
  }
  return -1;
}

/** Whether the record is one of those that deny, or their signature. */
function denies(octets: Uint8Array, fixed: number): boolean {
  let type = readUint16(octets, fixed);
  // Its RDATA begins with the type it covers (RFC 4034, 3.1).
  if (type === TYPE.RRSIG) type = readUint16(octets, fixed + FIXED_OCTETS);
  return type === TYPE.SOA || type === TYPE.NSEC || type === TYPE.NSEC3;
}

/**
 * Writes the record with its names written out. Returns its octets, or -1 if it does not fit. Of those that deny, only
 * an SOA may have pointers in its RDATA (RFC 3597, 4).
 */
function writeRecord(
  room: Uint8Array,
  at: number,
  octets: Uint8Array,
  start: number,
  layout: MessageLayout,
  i: number,
): number {
  const end = start + layout.bodyOctets;
  const fixed = fixedAt(start, layout, i);
  const behind = behindRecord(octets, start, layout, i);
  const rdata = fixed + FIXED_OCTETS;
  const ownerOctets = readName(octets, ownerAt(octets, start, layout, i), end, start, room, at);
  const to = at + ownerOctets + FIXED_OCTETS;
  if (ownerOctets < 0 || to > room.length) return -1;
  copyOctets(octets, fixed, room, to - FIXED_OCTETS, FIXED_OCTETS);
  const type = readUint16(octets, fixed);
  let rdataOctets = behind - rdata;
  if (type === TYPE.SOA) {
    rdataOctets = writeSoa(room, to, octets, rdata, behind, start);
    if (rdataOctets < 0) return -1;
    writeUint16(room, to - 2, rdataOctets);
  } else {
    if (to + rdataOctets > room.length) return -1;
    copyOctets(octets, rdata, room, to, rdataOctets);
  }
  return ownerOctets + FIXED_OCTETS + rdataOctets;
}

/** Writes an SOA's RDATA; returns its octets, or -1. */
function writeSoa(
  room: Uint8Array,
  at: number,
  octets: Uint8Array,
  rdata: number,
  behind: number,
  start: number,
): number {
  const secondAt = skipName(octets, rdata, behind, start);
  const numbersAt = secondAt < 0 ? -1 : skipName(octets, secondAt, behind, start);
  if (numbersAt < 0 || numbersAt + SOA_NUMBERS_OCTETS !== behind) return -1;
  const first = readName(octets, rdata, behind, start, room, at);
  const second = first < 0 ? -1 : readName(octets, secondAt, behind, start, room, at + first);
  const to = at + first + second;
  if (second < 0 || to + SOA_NUMBERS_OCTETS > room.length) return -1;
  copyOctets(octets, numbersAt, room, to, SOA_NUMBERS_OCTETS);
  return first + second + SOA_NUMBERS_OCTETS;
}

/** Whether the name is below the other one, both written out in the room. A zone does not deny its own name. */
function isBelow(room: Uint8Array, nameAt: number, nameOctets: number, zoneAt: number): boolean {
  const zoneOctets = skipName(room, zoneAt, room.length, 0) - zoneAt;
  const suffixAt = nameAt + nameOctets - zoneOctets;
  let at = nameAt;
  while (at < suffixAt) at += 1 + room[at]!;
  return at === suffixAt && at > nameAt && sameName(room, at, room, zoneAt, zoneOctets);
}
