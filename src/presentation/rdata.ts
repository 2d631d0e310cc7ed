/** RDATA as zone files write it; whatever cannot be read as its type says is written as octets (RFC 3597, 5). */

import { formatIpAddress } from "../wire/ip-address.ts";
import { readUint16 } from "../wire/octets.ts";
import { quotedText } from "./character-string.ts";
import { base32Hex, base64, hex } from "./encodings.ts";
import { readName } from "./name.ts";
import { parametersText } from "./service-parameters.ts";
import { type Field, fieldsOf, typeText } from "./types.ts";

/** The text of the RDATA at message[start, end); names in it may be compressed. Never throws. */
export function rdataText(message: Uint8Array, type: number, start: number, end: number): string {
  const fields = fieldsOf(type);
  if (fields === undefined) return genericText(message.subarray(start, end));
  try {
    const reader = new RdataReader(message, start, end);
    const text = fields.map((field) => reader.read(field)).filter((part) => part !== "");
    if (reader.left > 0) throw new Error("there is more than the type has");
    return text.join(" ");
  } catch {
    return genericText(message.subarray(start, end));
  }
}

function genericText(rdata: Uint8Array): string {
  return rdata.length === 0 ? "\\# 0" : `\\# ${rdata.length} ${hex(rdata)}`;
}

/** Reads one field after another; every read throws where there are too few octets. */
class RdataReader {
  readonly #message: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(message: Uint8Array, start: number, end: number) {
    this.#message = message;
    this.#at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  read(field: Field): string {
    return this.#readers[field]();
  }

  readonly #readers: Readonly<Record<Field, () => string>> = {
    u8: () => String(this.#take(1)[0]),
    u16: () => String(readUint16(this.#take(2), 0)),
    u32: () => String(this.#uint32()),
    name: () => this.#name(),
    ipv4: () => formatIpAddress(this.#take(4)),
    ipv6: () => formatIpAddress(this.#take(16)),
    type: () => typeText(readUint16(this.#take(2), 0)),
    string: () => quotedText(this.#counted()),
    word: () => this.#word(),
    strings: () => this.#strings(),
    text: () => quotedText(this.#take(this.left)),
    hex: () => hex(this.#rest()),
    base64: () => base64(this.#rest()),
    time: () => timeText(this.#uint32()),
    salt: () => hex(this.#counted()) || "-",
    hash: () => base32Hex(this.#counted()),
    bitmap: () => this.#bitmap(),
    parameters: () => parametersText(this.#take(this.left)),
  };

  #take(length: number): Uint8Array {
    if (length > this.left) throw new Error("the RDATA is too short");
    this.#at += length;
    return this.#message.subarray(this.#at - length, this.#at);
  }

  /** At least one octet: none cannot be written. */
  #rest(): Uint8Array {
    return this.#take(Math.max(1, this.left));
  }

  #uint32(): number {
    const octets = this.#take(4);
    return readUint16(octets, 0) * 0x10000 + readUint16(octets, 2);
  }

  #counted(): Uint8Array {
    return this.#take(this.#take(1)[0]!);
  }

  #name(): string {
    const { text, behind } = readName(this.#message, this.#at);
    if (behind > this.#end) throw new Error("a name runs past the RDATA");
    this.#at = behind;
    return text;
  }

  /** Letters and digits only (RFC 8659, 4.1). */
  #word(): string {
    const text = String.fromCharCode(...this.#counted());
    if (!/^[A-Za-z0-9]+$/.test(text)) throw new Error("a tag is letters and digits");
    return text;
  }

  #strings(): string {
    const strings = [quotedText(this.#counted())];
    while (this.left > 0) strings.push(quotedText(this.#counted()));
    return strings.join(" ");
  }

  #bitmap(): string {
    const types: string[] = [];
    while (this.left > 0) {
      const window = this.#take(1)[0]!;
      for (const [i, octet] of this.#counted().entries()) {
        for (let bit = 0; bit < 8; bit++) {
          if ((octet & (0x80 >> bit)) !== 0) types.push(typeText(window * 256 + i * 8 + bit));
        }
      }
    }
    return types.join(" ");
  }
}

/** YYYYMMDDHHmmSS in UTC (RFC 4034, 3.2). */
function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.000Z$|[-:T]/g, "");
}
