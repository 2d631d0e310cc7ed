/**
 * Domain names as octets. Text is only read from what an operator wrote and only made for people: a label may hold
 * any octet, dots included, so names are never compared as text.
 */

import { quoted } from "../../observe/quoted.ts";

const MAX_LABEL_OCTETS = 63;
const MAX_NAME_OCTETS = 255;

/**
 * The octets of presentation form (RFC 1035, 5.1: \X and \DDD), each with whether it was escaped.
 * @throws Error for an escape that means no octet.
 */
export function* unescaped(text: string): Generator<{ readonly octet: number; readonly escaped: boolean }> {
  for (const [written] of text.matchAll(/\\[0-9]{3}|\\?[\s\S]/gu)) {
    const escaped = written.startsWith("\\");
    const character = escaped ? written.slice(1) : written;
    const octet = Number(character);
    if (character === "" || (character.length === 3 && octet > 255)) {
      throw new Error("a bad escape; allowed are \\X and \\000 to \\255");
    }
    if (escaped && character.length === 3) yield { octet, escaped };
    else for (const each of new TextEncoder().encode(character)) yield { octet: each, escaped };
  }
}

/** Splits presentation form into labels; an absolute name ends in an empty one. */
function labelsOf(text: string): number[][] {
  const labels: number[][] = [[]];
  for (const { octet, escaped } of unescaped(text)) {
    const label = labels[labels.length - 1]!;
    if (octet !== 0x2e || escaped) {
      label.push(octet);
    } else {
      if (label.length === 0) throw new Error("an empty label");
      labels.push([]);
    }
  }
  return labels;
}

/**
 * Reads a name; relative ones are completed with `origin` (wire octets), "@" is the origin itself.
 * @throws Error naming the text and what is wrong with it.
 */
export function nameFromText(text: string, origin: Uint8Array | undefined): Uint8Array {
  try {
    if (text === ".") return new Uint8Array(1);
    if (text === "@" && origin) return origin;
    const labels = labelsOf(text);
    const absolute = labels[labels.length - 1]!.length === 0;
    if (absolute) labels.pop();
    if (labels.length === 0) throw new Error("it is empty");
    if (labels.some((label) => label.length > MAX_LABEL_OCTETS)) throw new Error("a label longer than 63 octets");
    const octets = labels.flatMap((label) => [label.length, ...label]);
    octets.push(...(absolute || !origin ? [0] : origin));
    if (octets.length > MAX_NAME_OCTETS) throw new Error("longer than 255 octets");
    return Uint8Array.from(octets);
  } catch (cause) {
    throw new Error(`name ${quoted(text)}: ${(cause as Error).message}`, { cause });
  }
}

/** Presentation form of the uncompressed name at `at`, with everything but letters, digits, - and _ escaped. */
export function nameToText(octets: Uint8Array, at: number): string {
  if (octets[at] === 0) return ".";
  let text = "";
  for (let i = at; octets[i]; i += octets[i]! + 1) {
    for (const octet of octets.subarray(i + 1, i + 1 + octets[i]!)) {
      const character = String.fromCharCode(octet);
      text += /[A-Za-z0-9_*-]/.test(character) ? character : `\\${String(octet).padStart(3, "0")}`;
    }
    text += ".";
  }
  return text;
}

/** ASCII letters folded to lower case (RFC 4343); a length octet is at most 63 and so never a letter. */
export function lowerOctet(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet;
}

/** The look-up key of a wire name: its lower-cased octets, one character each. */
export function nameKey(octets: Uint8Array, start: number, end: number): string {
  let key = "";
  for (let i = start; i < end; i++) key += String.fromCharCode(lowerOctet(octets[i]!));
  return key;
}

/** Keys of the name and of each of its ancestors up to the root, from a key. */
export function* keysUpward(key: string): Generator<string> {
  for (let i = 0; i < key.length; i += key.charCodeAt(i) + 1) yield key.slice(i);
}
