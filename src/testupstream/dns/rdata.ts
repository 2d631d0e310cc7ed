/** RDATA from the text of a zone file: the types a test needs, and any other in the generic form of RFC 3597. */

import { quoted } from "../../observe/quoted.ts";
import { nameFromText, unescaped } from "./names.ts";

export const TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  CAA: 257,
} as const;

export type TypeName = keyof typeof TYPES;

/** One word of a record: quoted ones may hold spaces and are never special. */
export interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

/** The number of a type: by name, or "TYPE65280" for one without (RFC 3597, 5). */
export function typeNumber(text: string): number | undefined {
  const upper = text.toUpperCase();
  if (Object.hasOwn(TYPES, upper)) return TYPES[upper as TypeName];
  const generic = /^TYPE([0-9]{1,5})$/.exec(upper);
  return generic && Number(generic[1]) <= 0xffff ? Number(generic[1]) : undefined;
}

/** @throws Error unless the text is four decimal octets. */
export function ipv4Octets(text: string): Uint8Array {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^[0-9]{1,3}$/.test(part) && Number(part) < 256)) {
    throw new Error(`${quoted(text)} is not an IPv4 address`);
  }
  return Uint8Array.from(parts, Number);
}

/** @throws Error unless the text is an IPv6 address (RFC 4291, 2.2). */
export function ipv6Octets(text: string): Uint8Array {
  const wrong = new Error(`${quoted(text)} is not an IPv6 address`);
  const dotted = /^(.*:)([0-9.]+\.[0-9.]+)$/.exec(text);
  let written = text;
  if (dotted) {
    const [a, b, c, d] = ipv4Octets(dotted[2]!);
    written = `${dotted[1]}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
  }
  const halves = written.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const [head = [], tail = []] = halves;
  const groups = head.length + tail.length;
  if (halves.length > 2 || (halves.length === 1 ? groups !== 8 : groups > 7)) throw wrong;
  if (![...head, ...tail].every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) throw wrong;
  const all = [...head, ...new Array<string>(8 - groups).fill("0"), ...tail].map((group) => Number.parseInt(group, 16));
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Reads the words of one record's RDATA in turn. */
class Words {
  readonly #tokens: readonly Token[];
  readonly #origin: Uint8Array | undefined;
  #next = 0;

  constructor(tokens: readonly Token[], origin: Uint8Array | undefined) {
    this.#tokens = tokens;
    this.#origin = origin;
  }

  get more(): boolean {
    return this.#next < this.#tokens.length;
  }

  text(what: string): string {
    const token = this.#tokens[this.#next++];
    if (!token) throw new Error(`${what} is missing`);
    return token.text;
  }

  name(what: string): Uint8Array {
    return nameFromText(this.text(what), this.#origin);
  }

  /** A number of so many octets. */
  number(what: string, octets: 1 | 2 | 4): number[] {
    const text = this.text(what);
    const max = 2 ** (8 * octets) - 1;
    if (!/^[0-9]{1,10}$/.test(text) || Number(text) > max)
      throw new Error(`${what} ${quoted(text)}: a number from 0 to ${max}`);
    const value = Number(text);
    return [24, 16, 8, 0].slice(4 - octets).map((shift) => (value >>> shift) & 0xff);
  }

  /** A character-string (RFC 1035, 5.1), without its length octet. */
  string(what: string): Uint8Array {
    return Uint8Array.from([...unescaped(this.text(what))].map(({ octet }) => octet));
  }

  end(): void {
    if (this.more) throw new Error(`${quoted(this.#tokens[this.#next]!.text)} is more than the record takes`);
  }
}

function txt(words: Words): number[] {
  const octets: number[] = [];
  do {
    const string = words.string("text");
    if (string.length > 255) throw new Error("a string of a TXT record holds at most 255 octets");
    octets.push(string.length, ...string);
  } while (words.more);
  return octets;
}

function soa(words: Words): number[] {
  const octets = [...words.name("MNAME"), ...words.name("RNAME")];
  for (const field of ["SERIAL", "REFRESH", "RETRY", "EXPIRE", "MINIMUM"]) octets.push(...words.number(field, 4));
  return octets;
}

function caa(words: Words): number[] {
  const flags = words.number("flags", 1);
  const tag = words.string("tag");
  if (tag.length === 0 || tag.length > 255) throw new Error("a CAA tag has 1 to 255 octets");
  return [...flags, tag.length, ...tag, ...words.string("value")];
}

function srv(words: Words): number[] {
  const numbers = ["priority", "weight", "port"].flatMap((what) => words.number(what, 2));
  return [...numbers, ...words.name("target")];
}

const READERS: Readonly<Record<TypeName, (words: Words) => Iterable<number>>> = {
  A: (words) => ipv4Octets(words.text("address")),
  AAAA: (words) => ipv6Octets(words.text("address")),
  NS: (words) => words.name("name"),
  CNAME: (words) => words.name("name"),
  PTR: (words) => words.name("name"),
  MX: (words) => [...words.number("preference", 2), ...words.name("exchange")],
  TXT: txt,
  SOA: soa,
  SRV: srv,
  CAA: caa,
};

function generic(words: Words): Uint8Array {
  const length = Number.parseInt(words.text("length"), 10);
  let hex = "";
  while (words.more) hex += words.text("octets");
  if (!/^([0-9a-fA-F]{2})*$/.test(hex) || hex.length !== length * 2) {
    throw new Error(
      `\\# takes the number of octets, then that many in hexadecimal; got ${hex.length / 2} of ${length}`,
    );
  }
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/**
 * RDATA of one record, its names uncompressed.
 * @throws Error naming the field, its value and what is allowed.
 */
export function rdataFromText(type: number, tokens: readonly Token[], origin: Uint8Array | undefined): Uint8Array {
  if (tokens[0]?.text === "\\#" && !tokens[0].quoted) return generic(new Words(tokens.slice(1), origin));
  const known = (Object.keys(TYPES) as TypeName[]).find((name) => TYPES[name] === type);
  if (!known) throw new Error(`TYPE${type} is written as \\# LENGTH HEX (RFC 3597)`);
  const words = new Words(tokens, origin);
  const rdata = Uint8Array.from(READERS[known](words));
  words.end();
  if (rdata.length > 0xffff) throw new Error("RDATA is longer than 65535 octets");
  return rdata;
}
