/** Reading what an upstream sent: where its parts are, so that it can be matched, checked and patched without being rebuilt. */

import { skipName } from "./name.ts";
import { readUint16 } from "./octets.ts";
import { HEADER_OCTETS, MAX_MESSAGE_OCTETS, OPT_OCTETS, RCODE_MASK, TYPE } from "./protocol.ts";

/** A record of no RDATA, owned by the root: name, type, class, TTL, length (RFC 1035, 4.1.3). */
const MIN_RECORD_OCTETS = 11;
const MAX_RECORDS = Math.floor((MAX_MESSAGE_OCTETS - HEADER_OCTETS) / MIN_RECORD_OCTETS);

/** Where the parts of one response are, whoever keeps it; offsets count from the first octet of its header. */
export interface MessageLayout {
  /** With the upper bits that the OPT carries. */
  readonly rcode: number;
  /** Octets of the question; 0 when the response has none, as some servers' errors do. */
  readonly questionOctets: number;
  /** The end of what is passed on: where the OPT begins, or behind the last record. */
  readonly bodyOctets: number;
  /** Records of the additional section within the body. */
  readonly additionalRecords: number;
  /** The OPT's options; both 0 without an OPT. */
  readonly optionsStart: number;
  readonly optionsEnd: number;
  /** Where the TTLs of the body's records are, in their order, so never the OPT's; `ttlCount` of them count. */
  readonly ttlAt: Uint16Array;
  readonly ttlCount: number;
}

/** The layout of a response read octet by octet. Objects are reused: scan() overwrites every field. */
export class ResponseLayout implements MessageLayout {
  rcode = 0;
  questionOctets = 0;
  bodyOctets = 0;
  additionalRecords = 0;
  optionsStart = 0;
  optionsEnd = 0;
  /** Large enough for every message. */
  readonly ttlAt = new Uint16Array(MAX_RECORDS);
  ttlCount = 0;

  /**
   * Reads the response at octets[start, start + length). False if it is malformed: a record runs past the end, a
   * pointer points forward, there are two questions or two OPTs, it is longer than 65,535 octets.
   *
   * The OPT is hop by hop (RFC 6891, 6.1.1) and servers put it last. Where one does not, the additional records
   * behind it are not passed on: they are optional (RFC 2181, 9), and their compression pointers would be wrong.
   */
  scan(octets: Uint8Array, start: number, length: number): boolean {
    this.questionOctets = 0;
    this.bodyOctets = 0;
    this.additionalRecords = 0;
    this.optionsStart = 0;
    this.optionsEnd = 0;
    this.ttlCount = 0;
    if (length < HEADER_OCTETS || length > MAX_MESSAGE_OCTETS) return false;
    this.rcode = octets[start + 3]! & RCODE_MASK;
    const behind = this.#scanQuestion(octets, start, start + length);
    return behind >= 0 && this.#scanRecords(octets, behind, start, start + length);
  }

  /** Returns the offset behind the question, or -1. */
  #scanQuestion(octets: Uint8Array, start: number, end: number): number {
    const at = start + HEADER_OCTETS;
    const questions = readUint16(octets, start + 4);
    if (questions === 0) return at;
    const behindName = questions > 1 ? -1 : skipName(octets, at, end, start);
    if (behindName < 0 || behindName + 4 > end) return -1;
    this.questionOctets = behindName + 4 - at;
    return behindName + 4;
  }

  #scanRecords(octets: Uint8Array, at: number, start: number, end: number): boolean {
    const beforeAdditional = readUint16(octets, start + 6) + readUint16(octets, start + 8);
    this.additionalRecords = readUint16(octets, start + 10);
    const records = beforeAdditional + this.additionalRecords;
    for (let i = 0; i < records; i++) {
      const fixed = skipName(octets, at, end, start);
      if (fixed < 0 || fixed + 10 > end) return false;
      const behind = fixed + 10 + readUint16(octets, fixed + 8);
      if (behind > end) return false;
      if (readUint16(octets, fixed) === TYPE.OPT) {
        if (!this.#takeOpt(octets, start, at, behind, i - beforeAdditional)) return false;
      } else if (this.optionsStart === 0) {
        this.ttlAt[this.ttlCount++] = fixed + 4 - start;
      }
      at = behind;
    }
    if (this.optionsStart === 0) this.bodyOctets = at - start;
    return true;
  }

  /**
   * The OPT at `at` ends the body; `before` records of the additional section stand before it. False if it is not in
   * that section, not owned by the root or not the first (RFC 6891, 6.1.1).
   */
  #takeOpt(octets: Uint8Array, start: number, at: number, behind: number, before: number): boolean {
    if (before < 0 || octets[at] !== 0 || this.optionsStart > 0) return false;
    this.rcode |= octets[at + 5]! << 4;
    this.optionsStart = at + OPT_OCTETS - start;
    this.optionsEnd = behind - start;
    this.bodyOctets = at - start;
    this.additionalRecords = before;
    return true;
  }
}
