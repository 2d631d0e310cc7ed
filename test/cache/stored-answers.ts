/** Answers to store, made from numbers, so that each octet found later can be told right or wrong. */

import { CacheStore, type CacheStoreParts, type FoundEntry } from "../../src/cache/store/store.ts";
import type { MessageLayout } from "../../src/wire/response.ts";
import { fakeRandom } from "../support/fake-random.ts";

export const HEADER_OCTETS = 12;

export interface StoredAnswer {
  readonly question: Uint8Array;
  readonly flags: number;
  /** The body, from the header on. */
  readonly octets: Uint8Array;
  readonly layout: MessageLayout;
  readonly lifetimeSeconds: number;
  readonly storedDs: number;
  readonly askedMs: number;
}

export interface AnswerShape {
  /** Octets of the body behind the question. */
  readonly records?: number;
  readonly ttls?: number;
  readonly flags?: number;
  readonly lifetimeSeconds?: number;
  readonly storedDs?: number;
  readonly askedMs?: number;
}

/** "nKEY.example", type A, class IN, as octets. */
export function questionOf(key: number): Uint8Array {
  const label = `n${key}`;
  return Uint8Array.from(
    Buffer.from(`${String.fromCharCode(label.length)}${label}\x07example\0\0\x01\0\x01`, "latin1"),
  );
}

/** The answer number `version` to question number `key`. Its records are no records, but the store does not read them. */
export function answerOf(key: number, version: number, shape: AnswerShape = {}): StoredAnswer {
  const question = questionOf(key);
  const start = HEADER_OCTETS + question.length;
  const bodyOctets = start + (shape.records ?? 16);
  const octets = new Uint8Array(bodyOctets);
  octets.set([0, 0, 0x81, 0x80, 0, 1], 0);
  octets.set(question, HEADER_OCTETS);
  for (let i = start; i < bodyOctets; i++) octets[i] = key * 31 + version * 7 + i;
  const ttlCount = shape.ttls ?? 1;
  const ttlAt = Uint16Array.from({ length: ttlCount }, (_, i) => start + ((key + version + i) & 0xff));
  return {
    question,
    octets,
    flags: shape.flags ?? 0,
    lifetimeSeconds: shape.lifetimeSeconds ?? 300,
    storedDs: shape.storedDs ?? 1000,
    askedMs: shape.askedMs ?? (shape.storedDs ?? 1000) * 100,
    layout: {
      rcode: version % 4096,
      questionOctets: question.length,
      bodyOctets,
      additionalRecords: key % 5,
      optionsStart: 0,
      optionsEnd: 0,
      ttlAt,
      ttlCount,
    },
  };
}

/** A store of so many octets, fewer than an operator may choose, so that a test can fill it. */
export function storeOf(octets: number, parts: Partial<CacheStoreParts> = {}): CacheStore {
  return new CacheStore(new SharedArrayBuffer(octets), { random: fakeRandom(7), ...parts });
}

export function put(store: CacheStore, answer: StoredAnswer): boolean {
  const { question, flags, octets, layout, lifetimeSeconds, storedDs, askedMs } = answer;
  return store.put(
    flags,
    store.hash(question, 0, question.length),
    octets,
    0,
    layout,
    lifetimeSeconds,
    storedDs,
    askedMs,
  );
}

export function find(store: CacheStore, question: Uint8Array, flags = 0): boolean {
  return store.find(question, question.length, flags, store.hash(question, 0, question.length));
}

export function remove(store: CacheStore, question: Uint8Array, flags = 0): boolean {
  return store.remove(question, question.length, flags, store.hash(question, 0, question.length));
}

/** Whether the entry is this answer, whole; a sentence if not. */
export function difference(store: CacheStore, entry: FoundEntry, answer: StoredAnswer): string | undefined {
  const { layout } = answer;
  const numbers = (of: MessageLayout) => [
    of.rcode,
    of.questionOctets,
    of.bodyOctets,
    of.additionalRecords,
    of.ttlCount,
  ];
  const expected = [...numbers(layout), answer.flags, answer.lifetimeSeconds, answer.storedDs];
  const actual = [...numbers(entry), entry.flags, entry.lifetimeSeconds, entry.storedDs];
  if (actual.join() !== expected.join()) return `${actual} instead of ${expected}`;
  const octets = store.octets.subarray(entry.messageStart, entry.messageStart + entry.bodyOctets);
  if (Buffer.compare(octets, answer.octets) !== 0) return "other octets";
  const ttls = entry.ttlAt.subarray(0, entry.ttlCount).join();
  return ttls === layout.ttlAt.join() ? undefined : `TTLs at ${ttls} instead of ${layout.ttlAt}`;
}

/** The questions of every entry, in the order of a walk. */
export function walked(store: CacheStore): string[] {
  const walk = store.walk();
  const questions: string[] = [];
  while (walk.next()) {
    const { messageStart, questionOctets, flags } = walk.entry;
    const at = messageStart + HEADER_OCTETS;
    questions.push(`${Buffer.from(store.octets.subarray(at, at + questionOctets)).toString("latin1")} ${flags}`);
  }
  return questions;
}
