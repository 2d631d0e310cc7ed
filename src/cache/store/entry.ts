/**
 * One entry, in units of 8 octets from the one its ref names:
 *
 *     word 0      its own ref
 *          1      hash
 *          2      when it was stored, tenths of a second
 *          3      lifetime, seconds; 0: an end, which is given to nobody
 *          4      octets of options (16 bits) | octets of the body (16)
 *          5      additional records (16) | TTLs (16)
 *          6      flags (8) | RCODE (12) | octets of the question (9)
 *          7      when its question was asked, milliseconds
 *          8      where the TTLs are, two octets each
 *          then   the body, from the header on: its ID 0, its question in lower case, which is the key
 *          then   its Extended DNS Errors, as options
 *
 * A reader without the lock may see an entry half overwritten: every length is checked before it is used, so that
 * nothing outside the memory is read, and what was read counts only if the entry's ref still is live afterwards.
 */

import { fold, sameQuestion } from "../../wire/name.ts";
import { copyOctets, readUint16, writeUint16 } from "../../wire/octets.ts";
import { HEADER_OCTETS, OPTION } from "../../wire/protocol.ts";
import { plainQuestionOctets } from "../../wire/query.ts";
import type { MessageLayout } from "../../wire/response.ts";
import { isNewer } from "../newer.ts";
import { type Found, MAX_TTLS } from "./found.ts";
import { type CacheMemory, UNIT_OCTETS } from "./memory.ts";

const HEADER_WORDS = 8;
const TTL_OCTETS = 2;
const WORDS_A_UNIT = UNIT_OCTETS / 4;
const SHORTS_A_UNIT = UNIT_OCTETS / 2;
const QUESTION_MASK = 0x1ff;
const RCODE_SHIFT = 9;
const RCODE_MASK = 0xfff;
const FLAGS_SHIFT = 21;

export function entryUnits(ttls: number, bodyOctets: number, optionsOctets: number): number {
  return Math.ceil((HEADER_WORDS * 4 + ttls * TTL_OCTETS + bodyOctets + optionsOctets) / UNIT_OCTETS);
}

/** For who holds the lock: units of the entry at `unit`. */
export function unitsAt({ words }: CacheMemory, unit: number): number {
  const at = unit * WORDS_A_UNIT;
  return entryUnits(words[at + 5]! & 0xffff, words[at + 4]! & 0xffff, words[at + 4]! >>> 16);
}

export function hashAt({ words }: CacheMemory, unit: number): number {
  return words[unit * WORDS_A_UNIT + 1]!;
}

export function flagsAt({ words }: CacheMemory, unit: number): number {
  return words[unit * WORDS_A_UNIT + 6]! >>> FLAGS_SHIFT;
}

/** Whether the entry at `unit` is newer than what was asked and stored at these times (newer.ts). */
export function isNewerAt({ words }: CacheMemory, unit: number, askedMs: number, storedDs: number): boolean {
  const at = unit * WORDS_A_UNIT;
  return isNewer(words[at + 7]!, words[at + 2]!, askedMs, storedDs);
}

/** Whether the entry at `unit` is newer than the one at `other`. */
export function isNewerThanAt(memory: CacheMemory, unit: number, other: number): boolean {
  const at = other * WORDS_A_UNIT;
  return isNewerAt(memory, unit, memory.words[at + 7]!, memory.words[at + 2]!);
}

/** Whether the entry only says that what was asked before it is over. */
export function isEndAt({ words }: CacheMemory, unit: number): boolean {
  return words[unit * WORDS_A_UNIT + 3] === 0;
}

export function isExpiredAt({ words }: CacheMemory, unit: number, nowDs: number): boolean {
  const at = unit * WORDS_A_UNIT;
  // Signed: an entry may have been stored a moment ahead of this thread's time.
  return ((nowDs - words[at + 2]!) | 0) >= (words[at + 3]! >>> 0) * 10;
}

export function setRefAt({ words }: CacheMemory, unit: number, ref: number): void {
  words[unit * WORDS_A_UNIT] = ref;
}

/**
 * Whether the entry at `unit` has this ref and this key, whose question is at question[at, at + questionOctets). Of its
 * flags, those in `mask` count.
 */
export function isKeyAt(
  memory: CacheMemory,
  unit: number,
  ref: number,
  hash: number,
  flags: number,
  mask: number,
  question: Uint8Array,
  at: number,
  questionOctets: number,
): boolean {
  const { words, octets } = memory;
  const word = unit * WORDS_A_UNIT;
  if (words[word] !== ref || words[word + 1] !== hash) return false;
  const shape = words[word + 6]!;
  if ((shape & QUESTION_MASK) !== questionOctets || ((shape >>> FLAGS_SHIFT) & mask) !== flags) return false;
  const kept = (word + HEADER_WORDS) * 4 + (words[word + 5]! & 0xffff) * TTL_OCTETS + HEADER_OCTETS;
  return kept + questionOctets <= octets.length && sameQuestion(question, at, octets, kept, questionOctets);
}

/** Copies what is known of the entry at `unit`. False if it cannot be whole. */
export function readEntry(memory: CacheMemory, unit: number, found: Found): boolean {
  const { words, shorts } = memory;
  const word = unit * WORDS_A_UNIT;
  const lengths = words[word + 4]!;
  const counts = words[word + 5]!;
  const shape = words[word + 6]!;
  const ttls = counts & 0xffff;
  const bodyOctets = lengths & 0xffff;
  const optionsOctets = lengths >>> 16;
  const start = (word + HEADER_WORDS) * 4 + ttls * TTL_OCTETS;
  const questionOctets = shape & QUESTION_MASK;
  if (ttls > MAX_TTLS || start + bodyOctets + optionsOctets > memory.octets.length) return false;
  if (questionOctets + HEADER_OCTETS > bodyOctets) return false;
  found.hash = words[word + 1]! >>> 0;
  found.storedDs = words[word + 2]! >>> 0;
  found.lifetimeSeconds = words[word + 3]! >>> 0;
  found.askedMs = words[word + 7]!;
  found.flags = shape >>> FLAGS_SHIFT;
  found.rcode = (shape >>> RCODE_SHIFT) & RCODE_MASK;
  found.questionOctets = questionOctets;
  found.bodyOctets = bodyOctets;
  found.additionalRecords = counts >>> 16;
  found.optionsStart = optionsOctets > 0 ? bodyOctets : 0;
  found.optionsEnd = optionsOctets > 0 ? bodyOctets + optionsOctets : 0;
  found.messageStart = start;
  found.ttlCount = ttls;
  const firstTtl = unit * SHORTS_A_UNIT + HEADER_WORDS * 2;
  for (let i = 0; i < ttls; i++) found.ttlAt[i] = shorts[firstTtl + i]!;
  return true;
}

/** Writes an entry of the message at octets[start...]; `optionsOctets` as keptOptionsOctets() says. */
export function writeEntry(
  memory: CacheMemory,
  unit: number,
  ref: number,
  hash: number,
  flags: number,
  octets: Uint8Array,
  start: number,
  layout: MessageLayout,
  optionsOctets: number,
  lifetimeSeconds: number,
  storedDs: number,
  askedMs: number,
): void {
  const { words, shorts } = memory;
  const word = unit * WORDS_A_UNIT;
  const { ttlCount, bodyOctets, questionOctets } = layout;
  words[word] = ref;
  words[word + 1] = hash;
  words[word + 2] = storedDs;
  words[word + 3] = lifetimeSeconds;
  words[word + 4] = bodyOctets | (optionsOctets << 16);
  words[word + 5] = ttlCount | (layout.additionalRecords << 16);
  words[word + 6] = questionOctets | (layout.rcode << RCODE_SHIFT) | (flags << FLAGS_SHIFT);
  words[word + 7] = askedMs;
  const firstTtl = unit * SHORTS_A_UNIT + HEADER_WORDS * 2;
  for (let i = 0; i < ttlCount; i++) shorts[firstTtl + i] = layout.ttlAt[i]!;
  const at = (word + HEADER_WORDS) * 4 + ttlCount * TTL_OCTETS;
  copyOctets(octets, start, memory.octets, at, bodyOctets);
  writeUint16(memory.octets, at, 0);
  const nameEnd = at + HEADER_OCTETS + questionOctets - 4;
  for (let i = at + HEADER_OCTETS; i < nameEnd; i++) memory.octets[i] = fold(memory.octets[i]!);
  if (optionsOctets > 0) copyKeptOptions(octets, start, layout, memory.octets, at + bodyOctets);
}

/** Octets of the options worth keeping: Extended DNS Errors (RFC 8914). 0 if the options are malformed. */
export function keptOptionsOctets(octets: Uint8Array, start: number, layout: MessageLayout): number {
  const end = start + layout.optionsEnd;
  let kept = 0;
  for (let at = start + layout.optionsStart; at < end; ) {
    const behind = at + 4 <= end ? at + 4 + readUint16(octets, at + 2) : end + 1;
    if (behind > end) return 0;
    if (readUint16(octets, at) === OPTION.EXTENDED_ERROR) kept += behind - at;
    at = behind;
  }
  return kept;
}

/** The options are well-formed. */
function copyKeptOptions(octets: Uint8Array, start: number, layout: MessageLayout, to: Uint8Array, toAt: number): void {
  for (let at = start + layout.optionsStart; at < start + layout.optionsEnd; ) {
    const length = 4 + readUint16(octets, at + 2);
    if (readUint16(octets, at) === OPTION.EXTENDED_ERROR) {
      copyOctets(octets, at, to, toAt, length);
      toAt += length;
    }
    at += length;
  }
}

/** Whether the message's question can be a key. */
export function hasPlainQuestion(
  octets: Uint8Array,
  start: number,
  { questionOctets, bodyOctets }: MessageLayout,
): boolean {
  return questionOctets > 0 && plainQuestionOctets(octets, start, bodyOctets) === questionOctets;
}
