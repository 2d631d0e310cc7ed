import { describe, expect, test } from "bun:test";
import type { CacheStore } from "../../src/cache/store/store.ts";
import { numbersFrom } from "../support/fake-random.ts";
import { answerOf, find, put, questionOf, remove, storeOf } from "./stored-answers.ts";

const OCTETS = 64 * 1024;
/** Octets of records, so that the rings are full before the index: an entry takes about 220. */
const RECORDS = 150;
/** One-off names have numbers from here on. */
const SCAN = 100_000;

/** As a resolver does: what is not found is stored. Returns whether it was found. */
function ask(store: CacheStore, key: number, nowDs = 1000): boolean {
  if (find(store, questionOf(key))) return true;
  put(store, answerOf(key, 0, { records: RECORDS, storedDs: nowDs, lifetimeSeconds: 300 }));
  return false;
}

function foundOf(store: CacheStore, keys: readonly number[]): number {
  return keys.filter((key) => find(store, questionOf(key))).length;
}

const range = (count: number, first = 0) => Array.from({ length: count }, (_, i) => first + i);

describe("what is kept", () => {
  test("everything, until the room is used", () => {
    const store = storeOf(OCTETS);
    let key = 0;
    while (store.counters.evictions === 0) put(store, answerOf(key++, 0, { records: RECORDS }));
    expect(store.counters.octetsUsed).toBeGreaterThan(store.counters.capacityOctets * 0.97);
  });

  test("what is asked often, while names asked once pass through", () => {
    const store = storeOf(OCTETS);
    const hot = range(60);
    for (let round = 0; round < 3; round++) for (const key of hot) ask(store, key);
    // Twenty times the room.
    for (let key = SCAN; key < SCAN + 12_000; key++) {
      ask(store, key);
      ask(store, hot[key % hot.length]!);
    }
    expect(foundOf(store, hot)).toBe(hot.length);
  });

  test("what was asked for before a scan, even if not during it", () => {
    const store = storeOf(OCTETS);
    const hot = range(60);
    for (let round = 0; round < 3; round++) for (const key of hot) ask(store, key);
    for (let key = SCAN; key < SCAN + 12_000; key++) ask(store, key);
    expect(foundOf(store, hot)).toBe(hot.length);
  });

  test("a question that comes back soon, though it was asked once and had gone", () => {
    const store = storeOf(OCTETS);
    for (let key = SCAN; key < SCAN + 2000; key++) ask(store, key);
    let key = SCAN + 2000;
    put(store, answerOf(2, 0, { records: RECORDS }));
    for (let i = 0; i < 200; i++) ask(store, key++);
    expect(find(store, questionOf(2))).toBe(false);
    put(store, answerOf(2, 0, { records: RECORDS }));
    for (let i = 0; i < 200; i++) ask(store, key++);
    expect(find(store, questionOf(2))).toBe(true);
  });

  test("all of a set that fits, however often its answers are replaced", () => {
    const store = storeOf(OCTETS);
    const next = numbersFrom(3);
    const keys = range(300);
    for (const key of keys) put(store, answerOf(key, 0));
    for (let i = 0; i < 50_000; i++) put(store, answerOf(next() % 300, i, { records: next() % 40 }));
    expect(store.counters.evictions).toBe(0);
    expect(foundOf(store, keys)).toBe(keys.length);
  });

  test("more than a plain LRU would, with as many octets", () => {
    const store = storeOf(OCTETS);
    const next = numbersFrom(5);
    const lru = new Map<number, true>();
    const room = Math.floor(store.counters.capacityOctets / 216);
    const hits = { store: 0, lru: 0 };
    for (let i = 0; i < 60_000; i++) {
      // A few names much, many names little; and one in three asked once.
      const key = i % 3 === 0 ? SCAN + i : Math.floor(1500 * (next() / 2 ** 32) ** 3);
      if (ask(store, key)) hits.store++;
      if (lru.delete(key)) hits.lru++;
      lru.set(key, true);
      if (lru.size > room) lru.delete(lru.keys().next().value!);
    }
    expect(hits.store).toBeGreaterThan(hits.lru * 1.05);
  });
});

describe("what gives way", () => {
  test("what has expired, though it was asked for", () => {
    const store = storeOf(OCTETS);
    const [short, long] = [range(50), range(50, 500)];
    for (const key of short) put(store, answerOf(key, 0, { records: RECORDS, storedDs: 1000, lifetimeSeconds: 10 }));
    for (const key of long) put(store, answerOf(key, 0, { records: RECORDS, storedDs: 1000, lifetimeSeconds: 10_000 }));
    // On to the main ring, and there as much asked for as is counted.
    for (let key = SCAN; key < SCAN + 60; key++) ask(store, key);
    for (let i = 0; i < 3; i++) expect(foundOf(store, [...short, ...long])).toBe(100);
    // Enough that are asked twice, so that the main ring turns once or twice.
    for (let key = SCAN + 100; key < SCAN + 350; key++) {
      ask(store, key, 5000);
      ask(store, key, 5000);
    }
    expect(foundOf(store, short)).toBe(0);
    expect(foundOf(store, long)).toBeGreaterThan(45);
  });

  test("what was replaced or removed: its octets are used again", () => {
    const store = storeOf(OCTETS);
    const { capacityOctets } = store.counters;
    for (let i = 0; i < 5000; i++) {
      expect(put(store, answerOf(i % 50, i, { records: 200 }))).toBe(true);
      if (i % 7 === 0) remove(store, questionOf(i % 50));
    }
    expect(store.counters.octetsUsed).toBeLessThan(capacityOctets / 2);
    expect(store.counters.evictions).toBe(0);
  });

  test("entries of the index's places, where small answers would fill it before the rings", () => {
    // 16,384 slots, and room in the rings for twice as many such answers.
    const store = storeOf(2 ** 21 - 8);
    for (let key = 0; key < 20_000; key++) expect(put(store, answerOf(key, 0, { records: 0, ttls: 0 }))).toBe(true);
    expect(store.counters.entries).toBeLessThanOrEqual(16_384 * 0.85);
    expect(store.counters.entries).toBeGreaterThan(16_384 * 0.8);
    for (let key = 19_900; key < 20_000; key++) expect(find(store, questionOf(key))).toBe(true);
  });
});
