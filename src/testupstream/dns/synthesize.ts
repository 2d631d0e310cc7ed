/**
 * Answers made up from the name asked, so that an answer that reached the wrong question is visible:
 *
 *   A       10.x.y.z          the low 24 bits of the hash of the name
 *   AAAA    fd00::xxxx:yyyy   all 32 bits
 *   TXT     "fnv1a=xxxxxxxx"  in hexadecimal
 *   other   NODATA
 *
 * A first label that begins with "nx" does not exist; "big-N" has a TXT that makes the message N octets long;
 * "cname-N" is an alias of "cname-(N-1)", down to "cname-0", which has the records above.
 */

import { type AnswerSource, type MessageWriter, type Owner, QNAME_OFFSET } from "./message.ts";
import { lowerOctet } from "./names.ts";
import type { Query } from "./query.ts";
import { TYPES } from "./rdata.ts";

export const SYNTHESIZED_TTL_SECONDS = 60;

const RCODE_NOERROR = 0;
const RCODE_NXDOMAIN = 3;
const LONGEST_CHAIN = 64;

/** FNV-1a, 32 bits, of a wire name (length octets and root label included) with its letters in lower case. */
export function hashName(octets: Uint8Array, start = 0, end = octets.length): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ lowerOctet(octets[i]!), 0x01000193);
  return hash >>> 0;
}

/** RDATA of the A record of a name with this hash. */
export function synthesizedA(hash: number): Uint8Array {
  return Uint8Array.of(10, (hash >>> 16) & 0xff, (hash >>> 8) & 0xff, hash & 0xff);
}

/** RDATA of the AAAA record of a name with this hash. */
export function synthesizedAaaa(hash: number): Uint8Array {
  const rdata = new Uint8Array(16);
  rdata[0] = 0xfd;
  new DataView(rdata.buffer).setUint32(12, hash);
  return rdata;
}

function hashText(hash: number): string {
  return `fnv1a=${hash.toString(16).padStart(8, "0")}`;
}

/** RDATA of the TXT record of a name with this hash. */
export function synthesizedTxt(hash: number): Uint8Array {
  const text = new TextEncoder().encode(hashText(hash));
  return Uint8Array.of(text.length, ...text);
}

/** TXT RDATA of exactly so many octets, the name's hash over and over in strings of up to 255 octets. */
function longTxt(hash: number, octets: number): Uint8Array {
  const pattern = new TextEncoder().encode(`${hashText(hash)} `);
  const rdata = new Uint8Array(octets);
  for (let at = 0; at < octets; at += 256) {
    const length = Math.min(255, octets - at - 1);
    rdata[at] = length;
    for (let i = 0; i < length; i++) rdata[at + 1 + i] = pattern[i % pattern.length]!;
  }
  return rdata;
}

const SOA_RDATA = (() => {
  const rdata = new Uint8Array(22);
  const numbers = new DataView(rdata.buffer, 2);
  for (const [i, value] of [1, 3600, 600, 86_400, SYNTHESIZED_TTL_SECONDS].entries()) numbers.setUint32(i * 4, value);
  return rdata;
})();

const NO_DIGITS = -1;

/** The number after `prefix` in the first label, as in "big-1200"; -1 if the label is not of that form. */
function numberAfter(prefix: string, query: Query): number {
  const { octets, qnameStart } = query;
  const length = octets[qnameStart]!;
  if (length <= prefix.length || length > prefix.length + 5) return NO_DIGITS;
  for (let i = 0; i < prefix.length; i++) {
    if (lowerOctet(octets[qnameStart + 1 + i]!) !== prefix.charCodeAt(i)) return NO_DIGITS;
  }
  const digits = String.fromCharCode(...octets.subarray(qnameStart + 1 + prefix.length, qnameStart + 1 + length));
  return /^[0-9]+$/.test(digits) ? Number(digits) : NO_DIGITS;
}

function isNonexistent({ octets, qnameStart }: Query): boolean {
  return (
    octets[qnameStart]! >= 2 &&
    lowerOctet(octets[qnameStart + 1]!) === 0x6e &&
    lowerOctet(octets[qnameStart + 2]!) === 0x78
  );
}

/** The SOA of what has no answer: of the parent of the name asked. */
function addSoa(query: Query, into: MessageWriter): void {
  const labelOctets = query.octets[query.qnameStart]!;
  const parent: Owner = labelOctets === 0 ? new Uint8Array(1) : QNAME_OFFSET + labelOctets + 1;
  into.record("authority", parent, TYPES.SOA, SYNTHESIZED_TTL_SECONDS, SOA_RDATA);
}

function addRecord(query: Query, owner: Owner, hash: number, into: MessageWriter): void {
  const { qtype } = query;
  if (qtype === TYPES.A) into.record("answer", owner, qtype, SYNTHESIZED_TTL_SECONDS, synthesizedA(hash));
  else if (qtype === TYPES.AAAA) into.record("answer", owner, qtype, SYNTHESIZED_TTL_SECONDS, synthesizedAaaa(hash));
  else if (qtype === TYPES.TXT) into.record("answer", owner, qtype, SYNTHESIZED_TTL_SECONDS, synthesizedTxt(hash));
  else addSoa(query, into);
}

/** Adds the aliases from "cname-N" down to "cname-0" and the records of the last. */
function addChain(query: Query, links: number, into: MessageWriter): void {
  const { octets, qnameStart, qnameEnd } = query;
  const rest = octets.subarray(qnameStart + 1 + octets[qnameStart]!, qnameEnd);
  let owner: Owner = QNAME_OFFSET;
  let target = octets.subarray(qnameStart, qnameEnd);
  for (let link = links - 1; link >= 0; link--) {
    const label = new TextEncoder().encode(`cname-${link}`);
    target = Uint8Array.of(label.length, ...label, ...rest);
    into.record("answer", owner, TYPES.CNAME, SYNTHESIZED_TTL_SECONDS, target);
    owner = target;
  }
  if (query.qtype !== TYPES.CNAME) addRecord(query, owner, hashName(target), into);
}

/** Answers every question from its name alone. */
export const synthesizedAnswers: AnswerSource = {
  answer(query, into) {
    if (isNonexistent(query)) {
      addSoa(query, into);
      return RCODE_NXDOMAIN;
    }
    const links = numberAfter("cname-", query);
    const hash = hashName(query.octets, query.qnameStart, query.qnameEnd);
    const big = query.qtype === TYPES.TXT ? numberAfter("big-", query) : NO_DIGITS;
    if (links > 0) {
      addChain(query, Math.min(links, LONGEST_CHAIN), into);
    } else if (big !== NO_DIGITS) {
      const rdata = longTxt(hash, Math.max(1, into.roomFor(big) - 12));
      into.record("answer", QNAME_OFFSET, TYPES.TXT, SYNTHESIZED_TTL_SECONDS, rdata);
    } else {
      addRecord(query, QNAME_OFFSET, hash, into);
    }
    return RCODE_NOERROR;
  },
};
