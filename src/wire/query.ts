/** Reading a query: what a stub sent us, checked octet by octet, kept as numbers and as the octets of its question. */

import { skipName } from "./name.ts";
import { copyOctets, readUint16 } from "./octets.ts";
import {
  AD,
  CD,
  HEADER_OCTETS,
  MAX_NAME_OCTETS,
  MAX_QUESTION_OCTETS,
  MIN_UDP_OCTETS,
  OPCODE_MASK,
  OPT_OCTETS,
  QR,
  RCODE,
  RD,
  TYPE,
} from "./protocol.ts";

/** The verdict on octets that deserve no response: no header, or themselves a response (answering one makes loops). */
export const DROP = -1;

/** One query. Objects are reused: parse() overwrites every field. */
export class Query {
  id = 0;
  /** The opcode in place, as in header octet 2. */
  opcodeBits = 0;
  rd = false;
  cd = false;
  ad = false;
  qtype = 0;
  qclass = 0;
  /** The question in wire form, the client's case kept; `questionOctets` of it count, 0 when none could be read. */
  readonly question = new Uint8Array(MAX_QUESTION_OCTETS);
  questionOctets = 0;
  /** Whether an OPT came with it; the rest of these mean nothing without. */
  hasEdns = false;
  ednsVersion = 0;
  /** What the client can take over UDP, at least 512 (RFC 6891, 6.2.3). */
  udpPayloadSize = MIN_UDP_OCTETS;
  dnssecOk = false;

  /** Becomes the same question, with the flags that go to an upstream. */
  copyFrom(other: Query): void {
    this.rd = other.rd;
    this.cd = other.cd;
    this.ad = other.ad;
    this.dnssecOk = other.dnssecOk;
    this.qtype = other.qtype;
    this.qclass = other.qclass;
    this.questionOctets = other.questionOctets;
    copyOctets(other.question, 0, this.question, 0, other.questionOctets);
  }

  /**
   * Reads the message at octets[start, start + length). Returns NOERROR if it is a well-formed standard query, the
   * RCODE to answer with if it is not, or DROP. Whatever it is, the question and the OPT are read if they can be: a
   * response has both (RFC 6891, 6.1.1). Octets behind the last counted record are ignored, and never sent on.
   */
  parse(octets: Uint8Array, start: number, length: number): number {
    this.qtype = 0;
    this.qclass = 0;
    this.questionOctets = 0;
    this.hasEdns = false;
    this.ednsVersion = 0;
    this.udpPayloadSize = MIN_UDP_OCTETS;
    this.dnssecOk = false;
    if (length < HEADER_OCTETS) return DROP;
    const flags = octets[start + 2]!;
    if ((flags & QR) !== 0) return DROP;
    const moreFlags = octets[start + 3]!;
    this.id = readUint16(octets, start);
    this.opcodeBits = flags & OPCODE_MASK;
    this.rd = (flags & RD) !== 0;
    this.ad = (moreFlags & AD) !== 0;
    this.cd = (moreFlags & CD) !== 0;
    const questions = readUint16(octets, start + 4);
    const end = start + length;
    const behind =
      questions === 1 ? this.#readQuestion(octets, start + HEADER_OCTETS, end) : behindQuestions(octets, end, start);
    const isWellFormed = behind >= 0 && this.#readRecords(octets, behind, end, start);
    if (this.opcodeBits !== 0) return RCODE.NOTIMP;
    // RFC 9619: a standard query has exactly one question.
    if (questions !== 1 || !isWellFormed) return RCODE.FORMERR;
    return this.hasEdns && this.ednsVersion > 0 ? RCODE.BADVERS : RCODE.NOERROR;
  }

  /** Copies the question. Returns the offset behind it, or -1. Nothing stands before it to point at, so a pointer is malformed. */
  #readQuestion(octets: Uint8Array, at: number, end: number): number {
    const question = this.question;
    let n = 0;
    for (;;) {
      if (at >= end) return -1;
      const label = octets[at]!;
      if (label > 63 || n + 1 + label > MAX_NAME_OCTETS || at + 1 + label > end) return -1;
      for (const stop = at + label; at <= stop; ) question[n++] = octets[at++]!;
      if (label === 0) break;
    }
    if (at + 4 > end) return -1;
    this.qtype = readUint16(octets, at);
    this.qclass = readUint16(octets, at + 2);
    for (const stop = at + 4; at < stop; ) question[n++] = octets[at++]!;
    this.questionOctets = n;
    return at;
  }

  /**
   * Steps over the other records and reads the first OPT. False if one is malformed or out of its place, or records stand
   * where a query has none: those of a response, which are not to be believed. Only a request for a zone's
   * changes names the version it has, in the authority section (RFC 1995, 3).
   */
  #readRecords(octets: Uint8Array, at: number, end: number, start: number): boolean {
    const answers = readUint16(octets, start + 6);
    let beforeAdditional = answers + readUint16(octets, start + 8);
    let records = beforeAdditional + readUint16(octets, start + 10);
    let isWellFormed = beforeAdditional === 0 || (answers === 0 && this.qtype === TYPE.IXFR);
    for (; records > 0; records--, beforeAdditional--) {
      const owner = at;
      at = skipName(octets, at, end, start);
      if (at < 0 || at + 10 > end) return false;
      const behind = at + 10 + readUint16(octets, at + 8);
      const type = readUint16(octets, at);
      const isOwnedByRoot = octets[owner] === 0;
      isWellFormed = isInPlace(type, isOwnedByRoot, beforeAdditional, records) && isWellFormed;
      if (type === TYPE.OPT) isWellFormed = this.#readOpt(octets, at, behind, end) && isWellFormed;
      if (behind > end) return false;
      at = behind;
    }
    return isWellFormed;
  }

  /**
   * Reads the first OPT, from its type on (RFC 6891, 6.1.2). False if it is not the first, or its options are malformed:
   * even so it is answered with one. What those of another version look like is not known (RFC 6891, 6.1.3).
   */
  #readOpt(octets: Uint8Array, at: number, behind: number, end: number): boolean {
    if (this.hasEdns) return false;
    this.hasEdns = true;
    this.udpPayloadSize = Math.max(MIN_UDP_OCTETS, readUint16(octets, at + 2));
    this.ednsVersion = octets[at + 5]!;
    this.dnssecOk = (octets[at + 6]! & 0x80) !== 0;
    return behind <= end && (this.ednsVersion > 0 || wellFormedOptions(octets, at + 10, behind));
  }

  /** Octets of the OPT a response to this query carries, options aside. */
  get optOctets(): number {
    return this.hasEdns ? OPT_OCTETS : 0;
  }
}

/**
 * Octets of the question of the message at octets[start, start + length), if it is a name without pointers, a type and a
 * class, as in every well-formed query; else 0.
 */
export function plainQuestionOctets(octets: Uint8Array, start: number, length: number): number {
  const first = start + HEADER_OCTETS;
  const end = start + length;
  for (let at = first; at < end && at - first < MAX_NAME_OCTETS; ) {
    const label = octets[at]!;
    if (label > 63) return 0;
    at += 1 + label;
    if (label === 0) return at + 4 <= end ? at + 4 - first : 0;
  }
  return 0;
}

/**
 * Whether the record may stand there, `records` from the end: an OPT is owned by the root, in the additional section
 * (RFC 6891, 6.1.1); a TSIG is the last of that section (RFC 8945, 5.2).
 */
function isInPlace(type: number, isOwnedByRoot: boolean, beforeAdditional: number, records: number): boolean {
  if (type === TYPE.OPT) return isOwnedByRoot && beforeAdditional <= 0;
  return type !== TYPE.TSIG || (records === 1 && beforeAdditional <= 0);
}

/** The offset behind the questions, however many, of the message at octets[start, end); -1 if one is malformed. */
function behindQuestions(octets: Uint8Array, end: number, start: number): number {
  let at = start + HEADER_OCTETS;
  for (let left = readUint16(octets, start + 4); left > 0; left--) {
    at = skipName(octets, at, end, start);
    if (at < 0 || at + 4 > end) return -1;
    at += 4;
  }
  return at;
}

function wellFormedOptions(octets: Uint8Array, at: number, end: number): boolean {
  while (at + 4 <= end) at += 4 + readUint16(octets, at + 2);
  return at === end;
}
