/** A small subset of master files (RFC 1035, 5): $ORIGIN, $TTL, parentheses, quoted strings, comments. */

import { UsageError } from "../../config/config.ts";
import { bounded, quoted } from "../../observe/quoted.ts";
import { type AnswerSource, type MessageWriter, type Owner, QNAME_OFFSET } from "./message.ts";
import { keysUpward, nameFromText, nameKey } from "./names.ts";
import type { Query } from "./query.ts";
import { rdataFromText, type Token, TYPES, typeNumber } from "./rdata.ts";

interface RrSet {
  readonly ttlSeconds: number;
  readonly rdata: Uint8Array[];
}

/** Owner key (names.ts) to type to RRset. */
export type Zone = ReadonlyMap<string, ReadonlyMap<number, RrSet>>;

const DEFAULT_TTL_SECONDS = 3600;
/** Above the 2^31 - 1 of RFC 2181, 8: what is done with such TTLs is worth a test. */
const MAX_TTL_SECONDS = 2 ** 32 - 1;

interface Entry {
  readonly line: number;
  /** The entry began with a blank: its owner is that of the entry before. */
  readonly sameOwner: boolean;
  readonly tokens: Token[];
}

const TOKEN = /"((?:[^"\\]|\\.)*)"|([()])|;.*|(?:[^\s;()"\\]|\\.)+|\s+|["\\]/gy;

/** The tokens of one line, brackets left out. @returns how much deeper in parentheses the line ends than it began. */
function tokensOf(content: string, tokens: Token[]): number {
  let deeper = 0;
  for (const [whole, quoted, bracket] of content.matchAll(TOKEN)) {
    if (whole === '"' || whole === "\\") throw new Error(`${whole} is not followed by what it needs`);
    if (bracket) deeper += bracket === "(" ? 1 : -1;
    else if (quoted !== undefined) tokens.push({ text: quoted, quoted: true });
    else if (!/^[\s;]/.test(whole)) tokens.push({ text: whole, quoted: false });
  }
  return deeper;
}

/** Splits the text into entries; those in parentheses go over several lines. */
function* entriesOf(text: string): Generator<Entry> {
  let entry: Entry | undefined;
  let depth = 0;
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    entry ??= { line: index + 1, sameOwner: /^\s/.test(content), tokens: [] };
    depth += numbered(index + 1, () => tokensOf(content, entry!.tokens));
    if (depth < 0) throw new Error(`line ${index + 1}: ")" without "("`);
    if (depth > 0) continue;
    if (entry.tokens.length > 0) yield entry;
    entry = undefined;
  }
  if (depth > 0) throw new Error(`line ${entry?.line}: "(" is not closed`);
}

/** Lets errors name the line they are about. */
function numbered<T>(line: number, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`line ${line}: ${(cause as Error).message}`, { cause });
  }
}

function ttlFrom(text: string): number {
  if (!/^[0-9]{1,10}$/.test(text) || Number(text) > MAX_TTL_SECONDS) {
    throw new Error(`TTL ${quoted(text)}: a number of seconds from 0 to ${MAX_TTL_SECONDS}`);
  }
  return Number(text);
}

/** What earlier lines of the file decided. */
class ZoneReader {
  readonly zone = new Map<string, Map<number, RrSet>>();
  #origin: Uint8Array | undefined;
  #ttlSeconds = DEFAULT_TTL_SECONDS;
  #owner: Uint8Array | undefined;

  read({ tokens, sameOwner }: Entry): void {
    const words = [...tokens];
    const first = words[0]!.text.toUpperCase();
    if (first.startsWith("$")) {
      if (words.length !== 2) throw new Error(`${first} takes one value`);
      if (first === "$ORIGIN") this.#origin = nameFromText(words[1]!.text, this.#origin);
      else if (first === "$TTL") this.#ttlSeconds = ttlFrom(words[1]!.text);
      else throw new Error(`${quoted(words[0]!.text)}: allowed are $ORIGIN and $TTL`);
      return;
    }
    if (!sameOwner) this.#owner = nameFromText(words.shift()!.text, this.#origin);
    if (!this.#owner) throw new Error("the first record needs an owner name");
    this.#record(this.#owner, words);
  }

  #record(owner: Uint8Array, words: Token[]): void {
    let ttlSeconds = this.#ttlSeconds;
    for (let word = words[0]?.text ?? ""; /^([0-9]+|IN)$/i.test(word); word = words[0]?.text ?? "") {
      if (word.toUpperCase() !== "IN") ttlSeconds = ttlFrom(word);
      words.shift();
    }
    const typeText = words.shift()?.text ?? "";
    const type = typeNumber(typeText);
    if (type === undefined) {
      throw new Error(`type ${quoted(typeText)}: allowed are ${Object.keys(TYPES).join(", ")} and TYPE0 to TYPE65535`);
    }
    const rdata = rdataFromText(type, words, this.#origin);
    const key = nameKey(owner, 0, owner.length);
    const sets = this.zone.get(key) ?? new Map<number, RrSet>();
    this.zone.set(key, sets);
    const set = sets.get(type) ?? { ttlSeconds, rdata: [] };
    sets.set(type, set);
    set.rdata.push(rdata);
    if (sets.has(TYPES.CNAME) && (sets.size > 1 || sets.get(TYPES.CNAME)!.rdata.length > 1)) {
      throw new Error("a name with a CNAME has no other record");
    }
  }
}

/**
 * Reads a master file; records of one RRset share the TTL of the first.
 * @param source how the file is called in errors.
 * @throws UsageError of one line, with the line number, what is wrong and what is allowed.
 */
export function parseZone(text: string, source: string): Zone {
  const reader = new ZoneReader();
  try {
    for (const entry of entriesOf(text)) numbered(entry.line, () => reader.read(entry));
  } catch (cause) {
    throw new UsageError(`zone ${bounded(source)}, ${(cause as Error).message}`);
  }
  return reader.zone;
}

const RCODE_NOERROR = 0;
const RCODE_NXDOMAIN = 3;
const LONGEST_CHAIN = 16;
const NO_SETS: ReadonlyMap<number, RrSet> = new Map();

/** Answers from a zone as a recursive resolver would that knows nothing else: aliases followed, SOA for what is not there. */
export function zoneAnswers(zone: Zone): AnswerSource {
  const existing = new Set<string>();
  for (const key of zone.keys()) for (const above of keysUpward(key)) existing.add(above);

  function addSoa(key: string, into: MessageWriter): void {
    for (const above of keysUpward(key)) {
      const soa = zone.get(above)?.get(TYPES.SOA);
      if (!soa) continue;
      const rdata = soa.rdata[0]!;
      // RFC 2308, 3: the TTL of the SOA in a negative answer is the smaller of its own and MINIMUM, its last field.
      const minimum = new DataView(rdata.buffer, rdata.byteOffset + rdata.length - 4).getUint32(0);
      into.record("authority", octetsOf(above), TYPES.SOA, Math.min(soa.ttlSeconds, minimum), rdata);
      return;
    }
  }

  /** Adds what the name has of the type, else its alias. @returns the target of an alias to be followed. */
  function addRrset(key: string, owner: Owner, qtype: number, into: MessageWriter): Uint8Array | "found" | "nothing" {
    const sets = zone.get(key) ?? NO_SETS;
    const type = sets.has(qtype) ? qtype : TYPES.CNAME;
    const set = sets.get(type);
    if (!set) return "nothing";
    for (const rdata of set.rdata) into.record("answer", owner, type, set.ttlSeconds, rdata);
    return type === qtype ? "found" : set.rdata[0]!;
  }

  function answer(query: Query, into: MessageWriter): number {
    let key = nameKey(query.octets, query.qnameStart, query.qnameEnd);
    let owner: Owner = QNAME_OFFSET;
    for (let link = 0; link <= LONGEST_CHAIN; link++) {
      const target = addRrset(key, owner, query.qtype, into);
      if (target === "found") return RCODE_NOERROR;
      if (target === "nothing") break;
      owner = target;
      key = nameKey(target, 0, target.length);
    }
    addSoa(key, into);
    return existing.has(key) ? RCODE_NOERROR : RCODE_NXDOMAIN;
  }
  return { answer };
}

function octetsOf(key: string): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}
