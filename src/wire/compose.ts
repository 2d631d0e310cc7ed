/** Writing what goes back to a client: an upstream's octets patched, or a short response of our own. */

import { copyOctets, readUint16, writeUint16 } from "./octets.ts";
import { AD, CD, HEADER_OCTETS, OPT_OCTETS, OPTION, QR, RA, RCODE_MASK, RD, TC, TYPE } from "./protocol.ts";
import type { Query } from "./query.ts";
import type { ResponseLayout } from "./response.ts";

/** Octets of an Extended DNS Error option without text (RFC 8914, 2). */
const EDE_OCTETS = 6;

/** The most that writeOwnResponse() and a truncated answer can take. */
export const OWN_RESPONSE_OCTETS = HEADER_OCTETS + 259 + OPT_OCTETS + EDE_OCTETS;

/** How much longer writeAnswer() can make a response than the upstream's own octets: our OPT where there was none. */
export const ANSWER_GROWTH_OCTETS = OPT_OCTETS;

/**
 * Writes the upstream's response to `query` at room[at...], at most `limit` octets of it, and returns how many.
 * Patched: the ID, the flags that are the client's (RD, CD) or for those who asked (AD: RFC 6840, 5.8), the question
 * in the client's case, and the OPT, which is our own and only for a client that sent one. Extended DNS Errors of the
 * upstream are passed on in it (RFC 8914, 3). What does not fit goes as header and question with TC (RFC 2181, 9).
 */
export function writeAnswer(
  room: Uint8Array,
  at: number,
  limit: number,
  query: Query,
  udpPayloadSize: number,
  response: Uint8Array,
  start: number,
  layout: ResponseLayout,
): number {
  const body = layout.bodyOctets;
  const flags = response[start + 2]!;
  const moreFlags = response[start + 3]!;
  const adMask = query.ad || query.dnssecOk ? AD : 0;
  const errors = query.hasEdns ? extendedErrorOctets(response, start, layout) : 0;
  // An error option is worth having, never worth a truncated answer or a message over the limit.
  const withErrors = body + query.optOctets + errors <= limit;
  const fits = body + query.optOctets <= limit;
  copyOctets(response, start, room, at, fits ? body : HEADER_OCTETS);
  room[at] = query.id >> 8;
  room[at + 1] = query.id & 0xff;
  room[at + 2] = (flags & ~RD) | QR | (query.rd ? RD : 0) | (fits ? 0 : TC);
  room[at + 3] = (moreFlags & (RA | adMask | RCODE_MASK)) | (query.cd ? CD : 0);
  copyOctets(query.question, 0, room, at + HEADER_OCTETS, query.questionOctets);
  let length = body;
  if (fits) {
    writeUint16(room, at + 10, layout.additionalRecords);
  } else {
    writeUint16(room, at + 4, 1);
    room.fill(0, at + 6, at + HEADER_OCTETS);
    length = HEADER_OCTETS + query.questionOctets;
  }
  if (!query.hasEdns) return length;
  return (
    length +
    appendOpt(room, at, length, query, layout.rcode, udpPayloadSize, withErrors ? errors : 0, response, start, layout)
  );
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
  writeUint16(room, opt + OPT_OCTETS, OPTION.EXTENDED_ERROR);
  writeUint16(room, opt + OPT_OCTETS + 2, 2);
  writeUint16(room, opt + OPT_OCTETS + 4, ede);
  return length + OPT_OCTETS + EDE_OCTETS;
}

/** Adds the OPT behind `length` octets, with `errors` octets of the upstream's error options. Returns what it added. */
function appendOpt(
  room: Uint8Array,
  at: number,
  length: number,
  query: Query,
  rcode: number,
  udpPayloadSize: number,
  errors: number,
  response: Uint8Array,
  start: number,
  layout: ResponseLayout,
): number {
  writeUint16(room, at + 10, ((room[at + 10]! << 8) | room[at + 11]!) + 1);
  writeOptHeader(room, at + length, query, rcode, udpPayloadSize, errors);
  if (errors > 0) {
    let to = at + length + OPT_OCTETS;
    for (let option = start + layout.optionsStart; option < start + layout.optionsEnd; ) {
      const octets = 4 + readUint16(response, option + 2);
      if (readUint16(response, option) === OPTION.EXTENDED_ERROR) {
        copyOctets(response, option, room, to, octets);
        to += octets;
      }
      option += octets;
    }
  }
  return OPT_OCTETS + errors;
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

/** Octets of the upstream's error options in all; 0 when its options are malformed. */
function extendedErrorOctets(response: Uint8Array, start: number, layout: ResponseLayout): number {
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
