/** A whole response in presentation form: what `fdns query` prints, as values. */

import { readUint16 } from "../wire/octets.ts";
import { HEADER_OCTETS, OPTION, RCODE_MASK, TYPE } from "../wire/protocol.ts";
import { readName } from "./name.ts";
import { rdataText } from "./rdata.ts";
import { classText, extendedErrorText, rcodeText, typeText } from "./types.ts";

export interface ShownRecord {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly class: string;
  readonly type: string;
  /** The RDATA. */
  readonly text: string;
}

export interface ShownQuestion {
  readonly name: string;
  readonly class: string;
  readonly type: string;
}

/** An Extended DNS Error (RFC 8914). */
export interface ShownExtendedError {
  readonly code: number;
  /** What the code means, where it is registered. */
  readonly meaning: string | undefined;
  /** EXTRA-TEXT, as the server wrote it: not to be printed unescaped. */
  readonly text: string;
}

export interface ShownEdns {
  readonly udpPayloadSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
}

export interface ShownResponse {
  /** With the upper bits that the OPT carries. */
  readonly rcode: number;
  readonly rcodeText: string;
  /** Of qr aa tc rd ra z ad cd, those that are set. */
  readonly flags: readonly string[];
  readonly question: ShownQuestion | undefined;
  readonly answer: readonly ShownRecord[];
  readonly authority: readonly ShownRecord[];
  /** Without the OPT, which belongs to the connection. */
  readonly additional: readonly ShownRecord[];
  readonly edns: ShownEdns | undefined;
  readonly extendedErrors: readonly ShownExtendedError[];
}

const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [0x8000, "qr"],
  [0x0400, "aa"],
  [0x0200, "tc"],
  [0x0100, "rd"],
  [0x0080, "ra"],
  [0x0040, "z"],
  [0x0020, "ad"],
  [0x0010, "cd"],
];

/** Reads a whole message. @throws Error if it is malformed. */
export function showResponse(message: Uint8Array): ShownResponse {
  if (message.length < HEADER_OCTETS) throw new Error("the message has no header");
  const bits = readUint16(message, 2);
  const reader = new MessageReader(message);
  const question = readUint16(message, 4) > 0 ? reader.question() : undefined;
  const [answer, authority, additional] = [6, 8, 10].map((at) => reader.records(readUint16(message, at)));
  const rcode = (bits & RCODE_MASK) | (reader.extendedRcode << 4);
  return {
    rcode,
    rcodeText: rcodeText(rcode),
    flags: FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name),
    question,
    answer: answer!,
    authority: authority!,
    additional: additional!,
    edns: reader.edns,
    extendedErrors: reader.extendedErrors,
  };
}

/** Steps through the sections; keeps what the OPT says. */
class MessageReader {
  readonly #message: Uint8Array;
  #at = HEADER_OCTETS;
  extendedRcode = 0;
  edns: ShownEdns | undefined;
  readonly extendedErrors: ShownExtendedError[] = [];

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  question(): ShownQuestion {
    const { text, behind } = readName(this.#message, this.#at);
    this.#at = behind + 4;
    const [type, qclass] = [readUint16(this.#message, behind), readUint16(this.#message, behind + 2)];
    return { name: text, class: classText(qclass), type: typeText(type) };
  }

  records(count: number): ShownRecord[] {
    const records: ShownRecord[] = [];
    for (let i = 0; i < count; i++) {
      const record = this.#record();
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  /** The next record; undefined for an OPT. */
  #record(): ShownRecord | undefined {
    const message = this.#message;
    const { text: name, behind } = readName(message, this.#at);
    const start = behind + 10;
    const end = start + readUint16(message, behind + 8);
    if (start > message.length || end > message.length) throw new Error("a record runs past the end of the message");
    this.#at = end;
    const type = readUint16(message, behind);
    if (type === TYPE.OPT) {
      this.#readOpt(behind, start, end);
      return undefined;
    }
    return {
      name,
      ttlSeconds: readUint16(message, behind + 4) * 0x10000 + readUint16(message, behind + 6),
      class: classText(readUint16(message, behind + 2)),
      type: typeText(type),
      text: rdataText(message, type, start, end),
    };
  }

  /** RFC 6891, 6.1.2: class is the payload size, TTL the upper bits of the RCODE, the version and the flags. */
  #readOpt(fixed: number, start: number, end: number): void {
    const message = this.#message;
    this.extendedRcode = message[fixed + 4]!;
    this.edns = {
      udpPayloadSize: readUint16(message, fixed + 2),
      version: message[fixed + 5]!,
      dnssecOk: (message[fixed + 6]! & 0x80) !== 0,
    };
    for (let at = start; at + 4 <= end; at += 4 + readUint16(message, at + 2)) {
      const behind = at + 4 + readUint16(message, at + 2);
      if (readUint16(message, at) !== OPTION.EXTENDED_ERROR || behind > end || behind < at + 6) continue;
      const code = readUint16(message, at + 4);
      const text = new TextDecoder().decode(message.subarray(at + 6, behind)).replace(/\0+$/, "");
      this.extendedErrors.push({ code, meaning: extendedErrorText(code), text });
    }
  }
}
