/**
 * Several threads on one store. CACHE_OPERATIONS says how many look-ups and stores each test makes in all; two million
 * if it is not set.
 */

import { describe, expect, test } from "bun:test";
import { CacheStore } from "../../src/cache/store/store.ts";
import { fakeRandom } from "../support/fake-random.ts";
import { inThread, runThreads } from "./store-threads.ts";
import { answerOf, difference, find, put, questionOf } from "./stored-answers.ts";

const operations = Number(process.env.CACHE_OPERATIONS ?? 2_000_000);
/** So small that what is read is given up all the time. */
const MEMORY_OCTETS = 16 * 1024;
/** So that most is found, and replaced all the time. */
const LARGER_OCTETS = 64 * 1024;
const LIMIT_MS = 120_000;

describe("threads on one store", () => {
  test.each([MEMORY_OCTETS, LARGER_OCTETS])(
    "two read while one writes in %d octets: no answer is torn or mixed",
    async (memoryOctets) => {
      const seen = await runThreads({ memoryOctets, readers: 2, writers: 1, operations: operations / 2 });
      expect(seen.torn).toBe(0);
      expect(seen.hits).toBeGreaterThan(operations / 40);
      expect(seen.misses).toBeGreaterThan(0);
      expect(seen.stores).toBeGreaterThan(operations / 10);
    },
    LIMIT_MS,
  );

  test(
    "two write while one reads",
    async () => {
      const seen = await runThreads({
        memoryOctets: MEMORY_OCTETS,
        readers: 1,
        writers: 2,
        operations: operations / 2,
      });
      expect(seen.torn).toBe(0);
      expect(seen.hits).toBeGreaterThan(operations / 50);
      expect(seen.stores).toBeGreaterThan(operations / 10);
    },
    LIMIT_MS,
  );

  test("one that dies while it writes keeps nobody from reading, and from writing only until its lock is freed", async () => {
    const memory = new SharedArrayBuffer(MEMORY_OCTETS);
    const store = new CacheStore(memory, { random: fakeRandom(1), worker: 0, isShared: true });
    put(store, answerOf(1, 1));
    put(store, answerOf(2, 1));
    await inThread({ memory, worker: 1, operations: 1, writes: true, dies: true });
    expect(find(store, questionOf(1))).toBe(true);
    expect(difference(store, store.found, answerOf(1, 1))).toBeUndefined();
    expect(put(store, answerOf(3, 1))).toBe(false);
    expect(store.releaseLockOf(1)).toBe(true);
    expect(store.releaseLockOf(1)).toBe(false);
    for (let key = 0; key < 1000; key++) {
      expect(put(store, answerOf(key, 2))).toBe(true);
      expect(find(store, questionOf(key))).toBe(true);
      expect(difference(store, store.found, answerOf(key, 2))).toBeUndefined();
    }
  });
});
