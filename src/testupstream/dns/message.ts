/** Composes one response as a frame: two octets of length (RFC 1035, 4.2.2), then the message. */

import type { Query } from "./query.ts";

export const MAX_MESSAGE_OCTETS = 65_535;

export const CLASS_IN = 1;
const TYPE_OPT = 41;
/** What the OPT record of every response announces. */
const UDP_PAYLOAD_SIZE = 1232;

export const FLAG_TC = 0x0200;
export const FLAG_AD = 0x0020;

export type Section = "answer" | "authority" | "additional";

/** Owner names in messages: wire octets, or the offset of an earlier name to point at (RFC 1035, 4.1.4). */
export type Owner = Uint8Array | number;

/** Offset of the question's name in every message. */
export const QNAME_OFFSET = 12;

/** One frame under composition; reused, so what is wanted longer must be copied with `copy`. */
export class MessageWriter {
  readonly octets = new Uint8Array(2 + MAX_MESSAGE_OCTETS);
  /** Octets of the message so far, without the length prefix. */
  length = 0;
  /** True once a record did not fit. */
  truncated = false;
  /** What records get in place of their TTL. */
  ttlSeconds: number | undefined = undefined;
  #answers = 0;
  #authorities = 0;
  #additionals = 0;
  /** Octets kept free for the OPT record. */
  #reserved = 0;

  /** Starts over: header and question exactly as asked, room for an OPT with these options if the query had one. */
  begin(query: Query, ednsOptions: Uint8Array): void {
    const question = 12 + query.qnameEnd - query.qnameStart + 4;
    this.octets.set(query.octets.subarray(query.start, query.start + question), 2);
    this.length = question;
    this.truncated = false;
    this.#answers = 0;
    this.#authorities = 0;
    this.#additionals = 0;
    this.#reserved = query.optAt >= 0 ? 11 + ednsOptions.length : 0;
  }

  /** Octets that records may still take for the message to be `total` octets long in the end. */
  roomFor(total: number): number {
    return Math.min(total, MAX_MESSAGE_OCTETS) - this.length - this.#reserved;
  }

  /** Adds a record of class IN; false, and TC later, when it does not fit. */
  record(section: Section, owner: Owner, type: number, ttlSeconds: number, rdata: Uint8Array): boolean {
    const ownerOctets = typeof owner === "number" ? 2 : owner.length;
    if (this.roomFor(MAX_MESSAGE_OCTETS) < ownerOctets + 10 + rdata.length) {
      this.truncated = true;
      return false;
    }
    if (typeof owner === "number") this.#u16(0xc000 | owner);
    else this.#put(owner);
    this.#u16(type);
    this.#u16(CLASS_IN);
    const ttl = this.ttlSeconds ?? ttlSeconds;
    this.#u16(ttl >>> 16);
    this.#u16(ttl & 0xffff);
    this.#u16(rdata.length);
    this.#put(rdata);
    if (section === "answer") this.#answers++;
    else if (section === "authority") this.#authorities++;
    else this.#additionals++;
    return true;
  }

  /** Drops every record, keeping the question. */
  clearRecords(query: Query): void {
    this.length = 12 + query.qnameEnd - query.qnameStart + 4;
    this.#answers = 0;
    this.#authorities = 0;
    this.#additionals = 0;
  }

  /**
   * Adds the OPT if the query had one and fills in header and prefix. QR and RA are set, RD and CD copied, AA is not set.
   * @returns octets of the whole frame.
   */
  finish(query: Query, rcode: number, extraFlags: number, ednsOptions: Uint8Array): number {
    if (query.optAt >= 0) {
      this.#reserved = 0;
      this.#opt(query.do, rcode >> 4, ednsOptions);
    }
    const flags = 0x8080 | (query.flags & 0x0110) | extraFlags | (this.truncated ? FLAG_TC : 0) | (rcode & 0x0f);
    const end = this.length;
    this.length = 2;
    this.#u16(flags);
    this.#u16(1);
    this.#u16(this.#answers);
    this.#u16(this.#authorities);
    this.#u16(this.#additionals);
    this.length = end;
    this.octets[0] = end >> 8;
    this.octets[1] = end & 0xff;
    return end + 2;
  }

  #opt(dnssecOk: boolean, rcodeBits: number, options: Uint8Array): void {
    this.octets[this.length + 2] = 0;
    this.length++;
    this.#u16(TYPE_OPT);
    this.#u16(UDP_PAYLOAD_SIZE);
    this.#u16(rcodeBits << 8);
    this.#u16(dnssecOk ? 0x8000 : 0);
    this.#u16(options.length);
    this.#put(options);
    this.#additionals++;
  }

  #u16(value: number): void {
    this.octets[this.length + 2] = value >> 8;
    this.octets[this.length + 3] = value & 0xff;
    this.length += 2;
  }

  #put(octets: Uint8Array): void {
    this.octets.set(octets, this.length + 2);
    this.length += octets.length;
  }
}

/** Who knows the answers: a zone, or what is made up from the name. */
export interface AnswerSource {
  /** Adds answer and authority records for the question. @returns the RCODE. */
  answer(query: Query, into: MessageWriter): number;
}
