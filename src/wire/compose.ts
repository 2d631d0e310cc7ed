/** Writing what goes back to a client: an upstream's octets patched, or a short response of our own. */

import { copyOctets, readUint16, readUint32, writeUint16, writeUint32 } from "./octets.ts";
import { AD, CD, EDE, HEADER_OCTETS, OPT_OCTETS, OPTION, QR, RA, RCODE_MASK, RD, TC, TYPE } from "./protocol.ts";
import type { Query } from "./query.ts";
import type { MessageLayout } from "./response.ts";

/** Octets of an Extended DNS Error option without text (RFC 8914, 2). */
const EDE_OCTETS = 6;

/** The most that writeOwnResponse() and a truncated answer can take. */
export const OWN_RESPONSE_OCTETS = HEADER_OCTETS + 259 + OPT_OCTETS + EDE_OCTETS;

/** How much longer writeAnswer() can make a response than the upstream's own octets: an OPT and an error of our own. */
export const ANSWER_GROWTH_OCTETS = OPT_OCTETS + EDE_OCTETS;

/** The most that writeAnswer() can take for this response to `query`. */
export function mostAnswerOctets(query: Query, layout: MessageLayout): number {
  const behindQuestion = layout.bodyOctets - layout.questionOctets + layout.optionsEnd - layout.optionsStart;
  return Math.max(OWN_RESPONSE_OCTETS, behindQuestion + query.questionOctets + ANSWER_GROWTH_OCTETS);
}

/**
 * Writes a response to `query` at room[at...], at most `limit` octets of it, and returns how many; `layout` describes
 * the upstream's octets, or ones that were kept. Patched: the ID, the flags that are the client's (RD, CD) or for
 * those who asked (AD: RFC 6840, 5.8), the question, which is the client's own, and the OPT, which is our own and only
 * for a client that sent one. In it go `ede`, an Extended DNS Error of our own (EDE.NONE: none), and those of the
 * upstream (RFC 8914, 3), each if it fits. What does not fit goes as header and question with TC (RFC 2181, 9).
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
  const recordOctets = layout.bodyOctets - answered;
  const fits = questionEnd + recordOctets + query.optOctets <= limit;
  writeHeader(room, at, query, response, start, fits);
  copyOctets(query.question, 0, room, at + HEADER_OCTETS, query.questionOctets);
  if (fits) copyOctets(response, start + answered, room, at + questionEnd, recordOctets);
  const length = fits ? questionEnd + recordOctets : questionEnd;
  const additionalRecords = fits ? layout.additionalRecords : 0;
  writeUint16(room, at + 10, additionalRecords);
  if (!query.hasEdns) return length;
  // An error option is worth having, never worth a truncated answer or a message over the limit.
  const spare = limit - length - OPT_OCTETS;
  const own = ede >= 0 && EDE_OCTETS <= spare ? EDE_OCTETS : 0;
  const found = fits ? extendedErrorOctets(response, start, layout) : 0;
  const passedOn = found <= spare - own ? found : 0;
  writeUint16(room, at + 10, additionalRecords + 1);
  writeOptHeader(room, at + length, query, layout.rcode, udpPayloadSize, own + passedOn);
  const options = at + length + OPT_OCTETS;
  if (own > 0) writeExtendedError(room, options, ede);
  if (passedOn > 0) copyExtendedErrors(response, start, layout, room, options + own, options + own + passedOn);
  return length + OPT_OCTETS + own + passedOn;
}

/**
 * Lowers the TTLs of the answer that writeAnswer() wrote at room[at...], whole and not with TC, by its age; none below
 * 0. `questionOctets` is the length of the client's question, where that is not the one that was answered.
 */
export function ageTtls(
  room: Uint8Array,
  at: number,
  layout: MessageLayout,
  ageSeconds: number,
  questionOctets: number = layout.questionOctets,
): void {
  const message = at + questionOctets - layout.questionOctets;
  for (let i = 0; i < layout.ttlCount; i++) {
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
  for (let i = 0; i < layout.ttlCount; i++) writeUint32(room, message + layout.ttlAt[i]!, seconds);
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
  writeOptHeader(room, opt, query, rcode, udpPayloadSize, ede < 0 ? 0 : EDE_OCTETS);
  room[at + 11] = 1;
  if (ede < 0) return length + OPT_OCTETS;
  writeExtendedError(room, opt + OPT_OCTETS, ede);
  return length + OPT_OCTETS + EDE_OCTETS;
}

/** All but the number of additional records. */
function writeHeader(room: Uint8Array, at: number, query: Query, from: Uint8Array, start: number, fits: boolean): void {
  const adMask = query.ad || query.dnssecOk ? AD : 0;
  room[at] = query.id >> 8;
  room[at + 1] = query.id & 0xff;
  room[at + 2] = (from[start + 2]! & ~RD) | QR | (query.rd ? RD : 0) | (fits ? 0 : TC);
  room[at + 3] = (from[start + 3]! & (RA | adMask | RCODE_MASK)) | (query.cd ? CD : 0);
  room[at + 4] = 0;
  room[at + 5] = 1;
  for (let i = 6; i < 10; i++) room[at + i] = fits ? from[start + i]! : 0;
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

function writeExtendedError(room: Uint8Array, at: number, ede: number): void {
  writeUint16(room, at, OPTION.EXTENDED_ERROR);
  writeUint16(room, at + 2, 2);
  writeUint16(room, at + 4, ede);
}

/**
 * Copies the upstream's error options to room[at, end): what extendedErrorOctets() counted. Another thread may write
 * over an answer that is kept while it is read, so lengths are not believed a second time.
 */
function copyExtendedErrors(
  from: Uint8Array,
  start: number,
  layout: MessageLayout,
  room: Uint8Array,
  at: number,
  end: number,
): void {
  let to = at;
  for (let option = start + layout.optionsStart; option + 4 <= start + layout.optionsEnd; ) {
    const octets = 4 + readUint16(from, option + 2);
    if (readUint16(from, option) === OPTION.EXTENDED_ERROR) {
      if (to + octets > end) return;
      copyOctets(from, option, room, to, octets);
      to += octets;
    }
    option += octets;
  }
}

/** Octets of the upstream's error options in all; 0 when its options are malformed. */
function extendedErrorOctets(response: Uint8Array, start: number, layout: MessageLayout): number {
  const end = start + layout.optionsEnd;
  let sum = 0;
  let option = start + layout.optionsStart;
  while (option + 4 <= end) {
    const octets = 4 + readUint16(response, option + 2);
    if (option + octets > end) return 0;
    if (readUint16(response, option) === OPTION.EXTENDED_ERROR) sum += octets;
    option += octets;
  }
  return option === end ? sum : 0;
}
