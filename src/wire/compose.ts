/** Writing what goes back to a client: an upstream's octets patched, or a short response of our own. */

import { copyExtendedErrors, ERROR_OCTETS, extendedErrorsOctets, writeExtendedError } from "./extended-errors.ts";
import { recordsEnd, recordsThatFit } from "./fitting.ts";
import { copyOctets, readUint16, readUint32, writeUint16, writeUint32 } from "./octets.ts";
import {
  AD,
  CD,
  EDE,
  HEADER_OCTETS,
  MAX_MESSAGE_OCTETS,
  OPT_OCTETS,
  QR,
  RA,
  RCODE_MASK,
  RD,
  TC,
  TYPE,
} from "./protocol.ts";
import type { Query } from "./query.ts";
import { answerCount, authorityEnd } from "./records.ts";
import type { MessageLayout } from "./response.ts";

/** The most that writeOwnResponse() and a truncated answer can take. */
export const OWN_RESPONSE_OCTETS = HEADER_OCTETS + 259 + OPT_OCTETS + ERROR_OCTETS;

/** How much longer writeAnswer() can make a response than the upstream's own octets: an OPT and an error of our own. */
export const ANSWER_GROWTH_OCTETS = OPT_OCTETS + ERROR_OCTETS;

/** The most that writeAnswer() can take for this response to `query`. */
export function mostAnswerOctets(query: Query, layout: MessageLayout): number {
  const behindQuestion = layout.bodyOctets - layout.questionOctets + layout.optionsEnd - layout.optionsStart;
  return Math.max(OWN_RESPONSE_OCTETS, behindQuestion + query.questionOctets + ANSWER_GROWTH_OCTETS);
}

/** Of the response that writeAnswer() wrote last, the OPT aside. */
let writtenRecords = 0;

/**
 * Writes a response to `query` at room[at...], at most `limit` octets of it, and returns how many; `layout` describes
 * the upstream's octets, or ones that were kept. Patched: the ID, the flags, which are the client's (RD, CD), fdns' own
 * (RA, no AA) or for those who asked (AD: RFC 6840, 5.8), the question, which is the client's own, and the OPT, which is
 * our own and only for a client that sent one. In it go `ede`, an Extended DNS Error of our own (EDE.NONE: none), and
 * those of the upstream (RFC 8914, 3), each if it fits. Where not all records fit, those go that do, or header and
 * question with TC (fitting.ts). TC would be no use over TCP: there the OPT is left out before that.
 *
 * The question that was answered may be shorter than the client's where no record's name points into it: a denial's.
 */
export function writeAnswer(
  room: Uint8Array,
  at: number,
  limit: number,
  query: Query,
  udpPayloadSize: number,
  response: Uint8Array,
  start: number,
  layout: MessageLayout,
  ede: number = EDE.NONE,
): number {
  const questionEnd = HEADER_OCTETS + query.questionOctets;
  const answered = HEADER_OCTETS + layout.questionOctets;
  const spaceOctets = limit - questionEnd - query.optOctets;
  let recordOctets = layout.bodyOctets - answered;
  let hasOpt = query.hasEdns;
  writeHeader(room, at, query, response, start, layout);
  if (recordOctets <= spaceOctets) {
    writtenRecords = layout.ttlCount;
  } else {
    writtenRecords = recordsThatFit(response, start, layout, answered + spaceOctets);
    if (writtenRecords < 0 && limit === MAX_MESSAGE_OCTETS && recordOctets <= spaceOctets + query.optOctets) {
      writtenRecords = layout.ttlCount;
      hasOpt = false;
    } else {
      recordOctets = cutToFit(room, at, response, start, layout, spaceOctets);
    }
  }
  copyOctets(query.question, 0, room, at + HEADER_OCTETS, query.questionOctets);
  copyOctets(response, start + answered, room, at + questionEnd, recordOctets);
  const length = questionEnd + recordOctets;
  if (!hasOpt) return length;
  // An error option is worth having, never worth a truncated answer or a message over the limit.
  const spare = limit - length - OPT_OCTETS;
  const own = ede >= 0 && ERROR_OCTETS <= spare ? ERROR_OCTETS : 0;
  const isCut = (room[at + 2]! & TC) !== 0;
  const passedOn = isCut ? 0 : extendedErrorsOctets(response, start, layout, spare - own);
  writeUint16(room, at + 10, readUint16(room, at + 10) + 1);
  writeOptHeader(room, at + length, query, layout.rcode, udpPayloadSize, own + passedOn);
  const options = at + length + OPT_OCTETS;
  if (own > 0) writeExtendedError(room, options, ede);
  if (passedOn > 0) copyExtendedErrors(response, start, layout, room, options + own, options + own + passedOn);
  return length + OPT_OCTETS + own + passedOn;
}

/** Writes the header's counts of as many records as fit, or TC. Returns their octets, at most `spaceOctets`. */
function cutToFit(
  room: Uint8Array,
  at: number,
  response: Uint8Array,
  start: number,
  layout: MessageLayout,
  spaceOctets: number,
): number {
  if (writtenRecords < 0) {
    room[at + 2]! |= TC;
    writtenRecords = 0;
  }
  const answers = Math.min(answerCount(response, start), writtenRecords);
  const beforeAdditional = Math.min(authorityEnd(response, start), writtenRecords);
  writeUint16(room, at + 6, answers);
  writeUint16(room, at + 8, beforeAdditional - answers);
  writeUint16(room, at + 10, writtenRecords - beforeAdditional);
  // Another thread may write over an answer that is kept while it is read.
  const octets = recordsEnd(response, start, layout, writtenRecords) - HEADER_OCTETS - layout.questionOctets;
  return Math.max(0, Math.min(octets, spaceOctets));
}

/**
 * Lowers the TTLs of the answer that writeAnswer() wrote last, at room[at...], by its age; none below 0.
 * `questionOctets` is the length of the client's question, where that is not the one that was answered.
 */
export function ageTtls(
  room: Uint8Array,
  at: number,
  layout: MessageLayout,
  ageSeconds: number,
  questionOctets: number = layout.questionOctets,
): void {
  const message = at + questionOctets - layout.questionOctets;
  for (let i = 0; i < writtenRecords; i++) {
    const ttlAt = message + layout.ttlAt[i]!;
    const ttlSeconds = readUint32(room, ttlAt);
    writeUint32(room, ttlAt, ttlSeconds > ageSeconds ? ttlSeconds - ageSeconds : 0);
  }
}

/** Sets them all instead, as those of a stale answer are (RFC 8767, 4). */
export function setTtls(
  room: Uint8Array,
  at: number,
  layout: MessageLayout,
  seconds: number,
  questionOctets: number = layout.questionOctets,
): void {
  const message = at + questionOctets - layout.questionOctets;
  for (let i = 0; i < writtenRecords; i++) writeUint32(room, message + layout.ttlAt[i]!, seconds);
}

/**
 * Writes a response of fdns' own: header, the question if one could be read, and an OPT with one Extended DNS Error
 * (`ede`, or EDE.NONE) for a client that sent an OPT. Returns its octets, at most OWN_RESPONSE_OCTETS.
 */
export function writeOwnResponse(
  room: Uint8Array,
  at: number,
  query: Query,
  rcode: number,
  ede: number,
  udpPayloadSize: number,
): number {
  room[at] = query.id >> 8;
  room[at + 1] = query.id & 0xff;
  room[at + 2] = QR | query.opcodeBits | (query.rd ? RD : 0);
  room[at + 3] = RA | (query.cd ? CD : 0) | (rcode & RCODE_MASK);
  room.fill(0, at + 4, at + HEADER_OCTETS);
  room[at + 5] = query.questionOctets > 0 ? 1 : 0;
  copyOctets(query.question, 0, room, at + HEADER_OCTETS, query.questionOctets);
  const length = HEADER_OCTETS + query.questionOctets;
  if (!query.hasEdns) return length;
  const opt = at + length;
  writeOptHeader(room, opt, query, rcode, udpPayloadSize, ede < 0 ? 0 : ERROR_OCTETS);
  room[at + 11] = 1;
  if (ede < 0) return length + OPT_OCTETS;
  writeExtendedError(room, opt + OPT_OCTETS, ede);
  return length + OPT_OCTETS + ERROR_OCTETS;
}

/** With the counts of all records that are there. */
function writeHeader(
  room: Uint8Array,
  at: number,
  query: Query,
  from: Uint8Array,
  start: number,
  layout: MessageLayout,
): void {
  const adMask = query.ad || query.dnssecOk ? AD : 0;
  room[at] = query.id >> 8;
  room[at + 1] = query.id & 0xff;
  room[at + 2] = QR | (query.rd ? RD : 0);
  room[at + 3] = RA | (from[start + 3]! & (adMask | RCODE_MASK)) | (query.cd ? CD : 0);
  room[at + 4] = 0;
  room[at + 5] = 1;
  for (let i = 6; i < 10; i++) room[at + i] = from[start + i]!;
  writeUint16(room, at + 10, layout.additionalRecords);
}

function writeOptHeader(
  room: Uint8Array,
  at: number,
  query: Query,
  rcode: number,
  udpPayloadSize: number,
  optionOctets: number,
): void {
  room[at] = 0;
  writeUint16(room, at + 1, TYPE.OPT);
  writeUint16(room, at + 3, udpPayloadSize);
  room[at + 5] = rcode >> 4;
  room[at + 6] = 0;
  room[at + 7] = query.dnssecOk ? 0x80 : 0;
  room[at + 8] = 0;
  writeUint16(room, at + 9, optionOctets);
}
