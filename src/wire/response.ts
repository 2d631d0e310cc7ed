/** Reading what an upstream sent: that it is sound, and where its parts are, so that it can be matched and patched without being rebuilt. */

import { isTransactionSignature, putOptLast } from "./hop-records.ts";
import { readUint16 } from "./octets.ts";
import { CLASS_IN, HEADER_OCTETS, MAX_MESSAGE_OCTETS, OPT_OCTETS, RCODE_MASK, TYPE } from "./protocol.ts";
import { MessageNames } from "./rdata/message-names.ts";
import { fits, shapeOf } from "./rdata/shapes.ts";
import { FIXED_OCTETS } from "./records.ts";

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

/** The one that reads names; scan() calls nothing that calls it again. */
const names = new MessageNames();

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
  #qclass = 0;
  /** Where the additional section begins, counted as the octets are. */
  #additionalAt = 0;
  /** Whether it has signatures, or records behind the OPT. */
  #isDisordered = false;

  /**
   * Reads the response at octets[start, start + length). False if it is malformed, as strict clients see it: what they
   * cannot parse they throw away whole. Records run past the end, names are over 255 octets or their pointers do not
   * lead backwards, RDATA is not what its type says, a record's class is another than was asked, there are two
   * questions or two OPTs, it is longer than 65,535 octets.
   *
   * Records for one hop are taken out, in place: the OPT stands last then, without the signatures (hop-records.ts).
   */
  scan(octets: Uint8Array, start: number, length: number): boolean {
    if (!this.#read(octets, start, length)) return false;
    if (!this.#isDisordered) return true;
    const end = putOptLast(octets, start, start + length, this.#additionalAt);
    return this.#read(octets, start, end - start);
  }

  #read(octets: Uint8Array, start: number, length: number): boolean {
    this.questionOctets = 0;
    this.bodyOctets = 0;
    this.additionalRecords = 0;
    this.optionsStart = 0;
    this.optionsEnd = 0;
    this.ttlCount = 0;
    this.#isDisordered = false;
    if (length < HEADER_OCTETS || length > MAX_MESSAGE_OCTETS) return false;
    this.rcode = octets[start + 3]! & RCODE_MASK;
    names.begin(start);
    const behind = this.#readQuestion(octets, start, start + length);
    return behind >= 0 && this.#readRecords(octets, behind, start, start + length);
  }

  /** Returns the offset behind the question, or -1. */
  #readQuestion(octets: Uint8Array, start: number, end: number): number {
    const at = start + HEADER_OCTETS;
    const questions = readUint16(octets, start + 4);
    if (questions === 0) return at;
    const behindName = questions > 1 ? -1 : names.behind(octets, at, end);
    if (behindName < 0 || behindName + 4 > end) return -1;
    this.questionOctets = behindName + 4 - at;
    this.#qclass = readUint16(octets, behindName + 2);
    return behindName + 4;
  }

  #readRecords(octets: Uint8Array, at: number, start: number, end: number): boolean {
    const beforeAdditional = readUint16(octets, start + 6) + readUint16(octets, start + 8);
    this.additionalRecords = readUint16(octets, start + 10);
    const records = beforeAdditional + this.additionalRecords;
    for (let i = 0; i < records && at >= 0; i++) {
      if (i === beforeAdditional) this.#additionalAt = at;
      at = this.#readRecord(octets, at, start, end, i - beforeAdditional);
    }
    if (at < 0) return false;
    if (this.optionsStart === 0) this.bodyOctets = at - start;
    return true;
  }

  /** `before` records of the additional section stand before it; below 0 it is in another. Returns the offset behind it, or -1. */
  #readRecord(octets: Uint8Array, at: number, start: number, end: number, before: number): number {
    // Nearly every owner is a pointer to the question, whose name has been read.
    const isAsked = octets[at] === 0xc0 && octets[at + 1] === HEADER_OCTETS && this.questionOctets > 0;
    const fixed = isAsked ? at + 2 : names.behind(octets, at, end);
    if (fixed < 0 || fixed + FIXED_OCTETS > end) return -1;
    const next = fixed + FIXED_OCTETS + readUint16(octets, fixed + 8);
    if (next > end) return -1;
    const type = readUint16(octets, fixed);
    if (type === TYPE.OPT) return this.#takeOpt(octets, start, at, next, before) ? next : -1;
    if (isTransactionSignature(octets, fixed, type)) {
      this.#isDisordered = true;
      return before < 0 ? -1 : next;
    }
    if (!this.#isSound(octets, fixed, type, next)) return -1;
    if (this.optionsStart > 0) this.#isDisordered = true;
    this.ttlAt[this.ttlCount++] = fixed + 4 - start;
    return next;
  }

  /** Whether the record's class is what was asked, and its RDATA what its type says; other classes than IN have types of their own. */
  #isSound(octets: Uint8Array, fixed: number, type: number, end: number): boolean {
    const rclass = readUint16(octets, fixed + 2);
    if (rclass !== this.#qclass && this.questionOctets > 0) return false;
    if (type === TYPE.A && rclass === CLASS_IN) return end - fixed === FIXED_OCTETS + 4;
    const shape = rclass === CLASS_IN ? shapeOf(type) : undefined;
    return shape === undefined || fits(shape, octets, fixed + FIXED_OCTETS, end, names);
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
