/** The questions of a run, each with a name of its own, and the check of their answers against the name's hash. */

import { hashName } from "../../src/testupstream/dns/synthesize.ts";
import { NO_EDE, OUTCOME } from "./records.ts";

const HEADER_OCTETS = 12;
const QUESTION_AT = HEADER_OCTETS;
const DIGITS = 8;
/** The first label is "q" and the number of the name in hexadecimal. */
const DIGITS_AT = QUESTION_AT + 2;
/** Root owner, type OPT, 1232 octets, no flags, no options: it asks for Extended DNS Errors too. */
const OPT = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
/** Type A, class IN. */
const TYPE_AND_CLASS = [0, 1, 0, 1];
const ADDRESS_OCTETS = 4;
const EDE_OPTION = 15;

const TEMPLATE_ID = [0, 0];
const RD_ONE_QUESTION_ONE_OPT = [1, 0, 0, 1, 0, 0, 0, 0, 0, 1];

function nameOctets(name: string): number[] {
  return [...name.split(".").flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]), 0];
}

/** Names below one domain. */
export class Questions {
  readonly octets: Uint8Array;
  readonly #questionEnd: number;

  constructor(domain: string) {
    const name = nameOctets(`q${"0".repeat(DIGITS)}.${domain}`);
    this.octets = Uint8Array.from([...TEMPLATE_ID, ...RD_ONE_QUESTION_ONE_OPT, ...name, ...TYPE_AND_CLASS, ...OPT]);
    this.#questionEnd = QUESTION_AT + name.length + TYPE_AND_CLASS.length;
  }

  /** Writes the question about the name of this number at room[start...]; as long as `octets`. */
  write(room: Uint8Array, start: number, id: number, number: number): void {
    room.set(this.octets, start);
    room[start] = id >> 8;
    room[start + 1] = id & 0xff;
    for (let i = 0; i < DIGITS; i++) {
      room[start + DIGITS_AT + i] = "0123456789abcdef".charCodeAt((number >>> (4 * (DIGITS - 1 - i))) & 15);
    }
  }

  /** The outcome that a response to `write(..., number)` is. */
  outcomeOf(octets: Uint8Array, start: number, length: number, number: number): number {
    const asked = new Uint8Array(this.octets.length);
    this.write(asked, 0, 0, number);
    if (length < this.#questionEnd || (octets[start + 2]! & 0x80) === 0) return OUTCOME["wrong answer"];
    for (let i = QUESTION_AT; i < this.#questionEnd; i++) {
      if (octets[start + i] !== asked[i]) return OUTCOME["wrong answer"];
    }
    const rcode = octets[start + 3]! & 15;
    if (rcode === 2) return OUTCOME.SERVFAIL;
    if (rcode !== 0) return OUTCOME["other RCODE"];
    const hash = hashName(asked, QUESTION_AT, this.#questionEnd - TYPE_AND_CLASS.length);
    // 10.x.y.z, the low 24 bits of the hash.
    const rdata = this.#rdataAt(octets, start);
    if (rdata + 4 > start + length || octets[start + 7] !== 1) return OUTCOME["wrong answer"];
    const same =
      octets[rdata] === 10 &&
      ((octets[rdata + 1]! << 16) | (octets[rdata + 2]! << 8) | octets[rdata + 3]!) === (hash & 0xffffff);
    return same ? OUTCOME.answered : OUTCOME["wrong answer"];
  }

  /** The RDATA of the record behind the question: owner, as a pointer or spelled out, type, class, TTL and length. */
  #rdataAt(octets: Uint8Array, start: number): number {
    const owner = start + this.#questionEnd;
    const ownerOctets = (octets[owner]! & 0xc0) === 0xc0 ? 2 : this.#questionEnd - QUESTION_AT - TYPE_AND_CLASS.length;
    return owner + ownerOctets + 10;
  }

  /** INFO-CODE of the Extended DNS Error in a response with an address, or without records, and an OPT; NO_EDE if none. */
  edeOf(octets: Uint8Array, start: number, length: number): number {
    const behind = octets[start + 7] === 0 ? start + this.#questionEnd : this.#rdataAt(octets, start) + ADDRESS_OCTETS;
    let at = behind + OPT.length;
    const end = start + length;
    while (at + 6 <= end) {
      const option = (octets[at]! << 8) | octets[at + 1]!;
      if (option === EDE_OPTION) return (octets[at + 4]! << 8) | octets[at + 5]!;
      at += 4 + ((octets[at + 2]! << 8) | octets[at + 3]!);
    }
    return NO_EDE;
  }
}
