/** Reading what an upstream sent: where its parts are, so that it can be matched, checked and patched without being rebuilt. */

import { skipName } from "./name.ts";
import { readUint16 } from "./octets.ts";
import { HEADER_OCTETS, RCODE_MASK, TYPE } from "./protocol.ts";

/** Where the parts of one response are; offsets count from the first octet of its header. Objects are reused. */
export class ResponseLayout {
  /** With the upper bits that the OPT carries. */
  rcode = 0;
  /** Octets of the question; 0 when the response has none, as some servers' errors do. */
  questionOctets = 0;
  /** The end of what is passed on: where the OPT begins, or behind the last record. */
  bodyOctets = 0;
  /** Records of the additional section within the body. */
  additionalRecords = 0;
  /** The OPT's options; both 0 without an OPT. */
  optionsStart = 0;
  optionsEnd = 0;

  /**
   * Reads the response at octets[start, start + length). False if it is malformed: a record runs past the end, a
   * pointer points forward, there are two questions or two OPTs.
   *
   * The OPT is hop by hop (RFC 6891, 6.1.1) and servers put it last. Where one does not, the additional records
   * behind it are not passed on: they are optional (RFC 2181, 9), and their compression pointers would be wrong.
   */
  scan(octets: Uint8Array, start: number, length: number): boolean {
    if (length < HEADER_OCTETS) return false;
    const end = start + length;
    this.rcode = octets[start + 3]! & RCODE_MASK;
    this.optionsStart = 0;
    this.optionsEnd = 0;
    this.questionOctets = 0;
    const questions = readUint16(octets, start + 4);
    if (questions > 1) return false;
    let at = start + HEADER_OCTETS;
    if (questions === 1) {
      at = skipName(octets, at, end, start);
      if (at < 0 || at + 4 > end) return false;
      at += 4;
      this.questionOctets = at - start - HEADER_OCTETS;
    }
    const beforeAdditional = readUint16(octets, start + 6) + readUint16(octets, start + 8);
    const records = beforeAdditional + readUint16(octets, start + 10);
    let optAt = -1;
    this.additionalRecords = 0;
    for (let i = 0; i < records; i++) {
      const owner = at;
      at = skipName(octets, at, end, start);
      if (at < 0 || at + 10 > end) return false;
      const behind = at + 10 + readUint16(octets, at + 8);
      if (behind > end) return false;
      if (readUint16(octets, at) === TYPE.OPT) {
        if (optAt >= 0 || octets[owner] !== 0 || i < beforeAdditional) return false;
        optAt = owner;
        this.rcode |= octets[at + 4]! << 4;
        this.optionsStart = at + 10 - start;
        this.optionsEnd = behind - start;
      } else if (i >= beforeAdditional && optAt < 0) {
        this.additionalRecords++;
      }
      at = behind;
    }
    this.bodyOctets = (optAt < 0 ? at : optAt) - start;
    return true;
  }
}
