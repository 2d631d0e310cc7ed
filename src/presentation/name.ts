/** Names between octets and text: RFC 1035, 5.1 with the escapes of RFC 4343, 2.1, so that every name survives. */

import { HEADER_OCTETS, MAX_NAME_OCTETS } from "../wire/protocol.ts";
import { decimalEscape } from "./character-string.ts";

/** A name in text, and the offset behind it where it stood. */
export interface ReadName {
  readonly text: string;
  readonly behind: number;
}

/** Characters that mean something in a zone file, and so are written behind a backslash. */
const SPECIAL = new Set([...'."\\;()@$'].map((char) => char.charCodeAt(0)));

/**
 * Reads the name at `at` of a message that is the whole array, pointers followed (RFC 1035, 4.1.4).
 * @throws Error if it is malformed: a pointer that does not point backwards, more than 255 octets, past the end.
 */
export function readName(message: Uint8Array, at: number): ReadName {
  let text = "";
  let octets = 1;
  /** Behind the first pointer, once there was one. */
  let behind: number | undefined;
  // Each pointer must lead before the one that led there: no loop is possible.
  let before = at;
  for (;;) {
    const length = message[at];
    if (length === 0) return { text: text || ".", behind: behind ?? at + 1 };
    if (length !== undefined && length >= 0xc0) {
      behind ??= at + 2;
      at = before = pointed(message, at, before);
    } else {
      const label = labelAt(message, at);
      octets += 1 + label.length;
      if (octets > MAX_NAME_OCTETS) throw new Error("a name is too long");
      text += `${labelText(label)}.`;
      at += 1 + label.length;
    }
  }
}

function labelAt(message: Uint8Array, at: number): Uint8Array {
  const length = message[at];
  if (length === undefined || length > 63) throw new Error("a name is cut short, or has a label of no known kind");
  const label = message.subarray(at + 1, at + 1 + length);
  if (label.length < length) throw new Error("a name is cut short");
  return label;
}

/** Where the pointer at `at` leads, which must be before `before` and behind the header. */
function pointed(message: Uint8Array, at: number, before: number): number {
  const target = ((message[at]! & 0x3f) << 8) | (message[at + 1] ?? 0xff);
  if (target >= before || target < HEADER_OCTETS) throw new Error("a name points forward");
  return target;
}

function labelText(label: Uint8Array): string {
  let text = "";
  for (const octet of label) {
    if (SPECIAL.has(octet)) text += `\\${String.fromCharCode(octet)}`;
    else if (octet > 0x20 && octet < 0x7f) text += String.fromCharCode(octet);
    else text += decimalEscape(octet);
  }
  return text;
}

/**
 * The octets of a name in text; the dot at its end may be left out.
 * @throws Error that says what is wrong with it.
 */
export function parseName(text: string): Uint8Array {
  if (text === ".") return Uint8Array.of(0);
  const octets: number[] = [];
  let label: number[] = [];
  const endLabel = () => {
    if (label.length === 0) throw new Error("it has an empty label");
    if (label.length > 63) throw new Error("it has a label of more than 63 octets");
    octets.push(label.length, ...label);
    label = [];
  };
  // An escape, a dot, or any one character.
  for (const [part] of text.matchAll(/\\[0-9]{3}|\\[^0-9]|./gsu)) {
    if (part === ".") endLabel();
    else label.push(octetOf(part));
  }
  if (label.length > 0 || octets.length === 0) endLabel();
  if (octets.length + 1 > MAX_NAME_OCTETS) throw new Error(`it has more than ${MAX_NAME_OCTETS} octets`);
  return Uint8Array.of(...octets, 0);
}

function octetOf(part: string): number {
  if (part === "\\") throw new Error("a backslash needs three digits or a character behind it");
  const octet = /^\\[0-9]/.test(part) ? Number(part.slice(1)) : part.codePointAt(part.length > 1 ? 1 : 0)!;
  if (octet > 255 || (octet > 126 && !part.startsWith("\\"))) {
    throw new Error(
      part.startsWith("\\") ? `${part} is no octet` : `"${part}" is not ASCII; the xn-- form of the name is asked for`,
    );
  }
  return octet;
}

/** The name under which an address is looked up: in-addr.arpa (RFC 1035, 3.5), ip6.arpa (RFC 3596, 2.5). */
export function reverseName(address: Uint8Array): string {
  if (address.length === 4) return `${[...address].reverse().join(".")}.in-addr.arpa.`;
  const nibbles = [...address].flatMap((octet) => [octet >> 4, octet & 15]);
  return `${nibbles
    .reverse()
    .map((nibble) => nibble.toString(16))
    .join(".")}.ip6.arpa.`;
}
