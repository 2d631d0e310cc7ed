import { describe, expect, test } from "bun:test";
import { CacheStore, cacheMemory, KEY_CD, KEY_DENIAL, KEY_DO } from "../../src/cache/store/store.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { question, record, TO_QUESTION } from "../support/fake-messages.ts";
import { fakeRandom } from "../support/fake-random.ts";
import { answerOf, difference, find, put, questionOf, remove, storeOf, walked } from "./stored-answers.ts";

const SMALL_OCTETS = 64 * 1024;

describe("an answer in the store", () => {
  test("is found as it was stored", () => {
    const store = storeOf(SMALL_OCTETS);
    const answer = answerOf(1, 2, { records: 100, ttls: 3, lifetimeSeconds: 86_400, storedDs: 2 ** 32 - 5 });
    expect(put(store, answer)).toBe(true);
    expect(find(store, answer.question)).toBe(true);
    expect(difference(store, store.found, answer)).toBeUndefined();
    expect(store.found.hash).toBe(store.hash(answer.question, 0, answer.question.length));
    expect(store.intact).toBe(true);
    expect([store.found.optionsStart, store.found.optionsEnd]).toEqual([0, 0]);
  });

  test("is found in whatever case its name is asked, and kept in lower case, with ID 0", () => {
    const store = storeOf(SMALL_OCTETS);
    const message = Uint8Array.from([9, 9, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, ...question("Www.EXAMPLE.test", 65)]);
    const layout = new ResponseLayout();
    expect(layout.scan(message, 0, message.length)).toBe(true);
    const asked = Uint8Array.from(question("wWW.example.TEST", 65));
    const hash = store.hash(asked, 0, asked.length);
    expect(store.put(0, hash, message, 0, layout, 60, 0, 0)).toBe(true);
    expect(find(store, asked)).toBe(true);
    const { messageStart, bodyOctets } = store.found;
    expect([...store.octets.subarray(messageStart, messageStart + bodyOctets)]).toEqual([
      ...[0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0],
      ...question("www.example.test", 65),
    ]);
  });

  test("is found, and nothing else is, whatever was approached before", () => {
    const store = storeOf(SMALL_OCTETS);
    const approach = (...hashes: number[]) => store.approach(Uint32Array.from(hashes), hashes.length);
    const hashOf = (key: number) => store.hash(questionOf(key), 0, questionOf(key).length);
    approach(hashOf(1), 0, 2 ** 32 - 1);
    expect(find(store, questionOf(1))).toBe(false);
    // Until the ring has gone round, with what was overwritten approached too.
    for (let key = 0; key < 1000; key++) {
      put(store, answerOf(key, 1));
      approach(hashOf(key), hashOf(key >> 1), hashOf(key + 1));
      expect(find(store, questionOf(key))).toBe(true);
      expect(difference(store, store.found, answerOf(key, 1))).toBeUndefined();
      expect(find(store, questionOf(key + 1))).toBe(false);
    }
    expect(store.counters.evictions).toBeGreaterThan(0);
  });

  test("is told by type, class and flags exactly", () => {
    const store = storeOf(SMALL_OCTETS);
    const [a, b] = [65, 97].map((type) => Uint8Array.from(question("example.test", type)));
    const message = Uint8Array.from([0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, ...a!]);
    const layout = new ResponseLayout();
    layout.scan(message, 0, message.length);
    store.put(KEY_DO, store.hash(a!, 0, a!.length), message, 0, layout, 60, 0, 0);
    expect(find(store, a!, KEY_DO)).toBe(true);
    expect(find(store, b!, KEY_DO)).toBe(false);
    for (const flags of [0, KEY_CD, KEY_DO | KEY_CD, KEY_DO | KEY_DENIAL]) expect(find(store, a!, flags)).toBe(false);
    // Even with a hash that is another key's.
    expect(store.find(b!, b!.length, KEY_DO, store.hash(a!, 0, a!.length))).toBe(false);
    expect(store.find(a!, a!.length, 0, store.hash(a!, 0, a!.length))).toBe(false);
  });

  test("has its TTLs where ResponseLayout saw them, and of its options the Extended DNS Errors", () => {
    const store = storeOf(SMALL_OCTETS);
    const ede = [0, 15, 0, 3, 0, 18, 0x78];
    const opt = record([0], 41, [...[0, 10, 0, 2, 1, 2], ...ede, ...[0, 12, 0, 1, 0]], 1232);
    const records = [...record(TO_QUESTION, 1, [192, 0, 2, 1]), ...record(TO_QUESTION, 1, [192, 0, 2, 2])];
    const asked = question("example.test");
    const message = Uint8Array.from([
      ...[5, 5, 5, 5, 0, 0, 0x81, 0x83, 0, 1, 0, 2, 0, 0, 0, 1],
      ...[...asked, ...records, ...opt],
    ]);
    const layout = new ResponseLayout();
    expect(layout.scan(message, 4, message.length - 4)).toBe(true);
    const key = Uint8Array.from(asked);
    expect(store.put(0, store.hash(key, 0, key.length), message, 4, layout, 60, 0, 0)).toBe(true);
    expect(find(store, key)).toBe(true);
    const { found } = store;
    expect(found.rcode).toBe(3);
    expect(found.additionalRecords).toBe(0);
    expect([...found.ttlAt.subarray(0, found.ttlCount)]).toEqual([...layout.ttlAt.subarray(0, 2)]);
    const at = (offset: number) => found.messageStart + offset;
    expect([...store.octets.subarray(at(found.optionsStart), at(found.optionsEnd))]).toEqual(ede);
    expect([...store.octets.subarray(at(12), at(found.bodyOctets))]).toEqual([...asked, ...records]);
  });

  test("is refreshed by the first who asks, until it is replaced", () => {
    const store = storeOf(SMALL_OCTETS);
    const answer = answerOf(1, 1);
    put(store, answer);
    const claims = () => [find(store, answer.question), store.claimRefresh()];
    expect([claims(), claims(), claims()]).toEqual([
      [true, true],
      [true, false],
      [true, false],
    ]);
    put(store, answerOf(1, 2));
    expect([claims(), claims()]).toEqual([
      [true, true],
      [true, false],
    ]);
  });

  test("is not refreshed by who found what has been replaced since", () => {
    const store = storeOf(SMALL_OCTETS);
    put(store, answerOf(1, 1));
    find(store, answerOf(1, 1).question);
    put(store, answerOf(1, 2));
    find(store, answerOf(2, 1).question);
    expect(store.claimRefresh()).toBe(false);
  });

  test("gives way to the next of its key", () => {
    const store = storeOf(SMALL_OCTETS);
    put(store, answerOf(1, 1));
    put(store, answerOf(1, 2, { records: 500 }));
    expect(find(store, questionOf(1))).toBe(true);
    expect(difference(store, store.found, answerOf(1, 2, { records: 500 }))).toBeUndefined();
    expect(store.counters).toMatchObject({ entries: 1, stores: 2, replaced: 1, evictions: 0 });
    expect(walked(store)).toHaveLength(1);
  });

  test("can be removed", () => {
    const store = storeOf(SMALL_OCTETS);
    for (let key = 0; key < 20; key++) put(store, answerOf(key, 0));
    expect(remove(store, questionOf(3))).toBe(true);
    expect(remove(store, questionOf(3))).toBe(false);
    expect(find(store, questionOf(3))).toBe(false);
    for (let key = 0; key < 20; key++) expect(find(store, questionOf(key))).toBe(key !== 3);
    expect(store.counters.entries).toBe(19);
  });

  test("is not there after a flush, nor is what it took", () => {
    const store = storeOf(SMALL_OCTETS);
    for (let key = 0; key < 20; key++) put(store, answerOf(key, 0, { flags: key % 2 ? KEY_DENIAL : 0 }));
    find(store, questionOf(2));
    expect(store.counters).toMatchObject({ entries: 20, denials: 10 });
    expect(store.flush()).toBe(true);
    expect(store.intact).toBe(false);
    expect(store.counters).toMatchObject({ entries: 0, denials: 0, octetsUsed: 0, stores: 20 });
    expect(find(store, questionOf(2))).toBe(false);
    expect(walked(store)).toEqual([]);
    expect(put(store, answerOf(2, 1))).toBe(true);
    expect(find(store, questionOf(2))).toBe(true);
  });
});

describe("the store refuses", () => {
  test("what is larger than an eighth of its room", () => {
    const store = storeOf(SMALL_OCTETS);
    const eighth = store.counters.capacityOctets / 8;
    expect(put(store, answerOf(1, 0, { records: eighth }))).toBe(false);
    expect(put(store, answerOf(1, 0, { records: eighth - 100 }))).toBe(true);
    expect(store.counters).toMatchObject({ refused: 1, stores: 1 });
  });

  test("questions no query can have: none, with a pointer, longer than their octets say", () => {
    const store = storeOf(SMALL_OCTETS);
    const pointer = Uint8Array.from([...new Array(12).fill(0), 1, 97, 0xc0, 12, 0, 1, 0, 1]);
    const layout = { ...answerOf(1, 0).layout, bodyOctets: pointer.length, ttlAt: new Uint16Array(0), ttlCount: 0 };
    for (const questionOctets of [0, 3, 4, 5, 8]) {
      expect(store.put(0, 1, pointer, 0, { ...layout, questionOctets }, 60, 0, 0)).toBe(false);
    }
    expect(store.counters).toMatchObject({ refused: 5, entries: 0 });
  });

  test("stores while another thread is writing, which is no reason to wait", () => {
    const memory = new SharedArrayBuffer(SMALL_OCTETS);
    const [first, second] = [0, 1].map(
      (worker) => new CacheStore(memory, { random: fakeRandom(worker), worker, isShared: true }),
    );
    put(first!, answerOf(1, 0));
    // The lock's word, as if worker 0 had it.
    new Int32Array(memory)[32] = 1;
    expect(put(second!, answerOf(2, 0))).toBe(false);
    expect(find(second!, questionOf(1))).toBe(true);
    expect(second!.releaseLockOf(3)).toBe(false);
    expect(second!.releaseLockOf(0)).toBe(true);
    expect(put(second!, answerOf(2, 0))).toBe(true);
    expect(find(first!, questionOf(2))).toBe(true);
    // What the lost worker was at is nowhere to be seen.
    expect(find(first!, questionOf(1))).toBe(false);
  });
});

describe("the memory", () => {
  test("is of the size given, within bounds", () => {
    expect(cacheMemory(2 ** 20).byteLength).toBe(2 ** 20);
    expect(cacheMemory(2 ** 32).byteLength).toBe(2 ** 32);
    for (const octets of [0, 2 ** 20 - 1, 2 ** 32 + 1, Number.NaN])
      expect(() => cacheMemory(octets)).toThrow(RangeError);
  });

  test.each([2 ** 20, 3_000_001, 32 * 2 ** 20, 2 ** 32])("of %d octets holds what it says", (octets) => {
    const store = new CacheStore(cacheMemory(octets), { random: fakeRandom(1) });
    expect(store.counters.capacityOctets).toBeGreaterThan(octets * 0.82);
    expect(store.counters.capacityOctets).toBeLessThan(octets);
    for (let key = 0; key < 2000; key++) put(store, answerOf(key, 1));
    expect(store.counters).toMatchObject({ entries: 2000, evictions: 0 });
    for (let key = 0; key < 2000; key++) {
      expect(find(store, questionOf(key))).toBe(true);
      expect(difference(store, store.found, answerOf(key, 1))).toBeUndefined();
    }
  });

  test("is shared with its hash's key, made by the first", () => {
    const memory = cacheMemory(2 ** 20);
    const [first, second] = [1, 2].map((seed) => new CacheStore(memory, { random: fakeRandom(seed), isShared: true }));
    put(first!, answerOf(5, 5));
    expect(find(second!, questionOf(5))).toBe(true);
    expect(storeOf(2 ** 20, { random: fakeRandom(2) }).hash(questionOf(5), 0, 16)).not.toBe(
      second!.hash(questionOf(5), 0, 16),
    );
  });

  test("holds answers of any size a message can have", () => {
    const store = new CacheStore(cacheMemory(2 ** 20), { random: fakeRandom(1) });
    for (let key = 0; key < 100; key++) {
      const answer = answerOf(key, 1, { records: key % 3 === 0 ? 65_000 : key * 10, ttls: key % 3 === 1 ? 5956 : 0 });
      expect(put(store, answer)).toBe(true);
      expect(find(store, answer.question)).toBe(true);
      expect(difference(store, store.found, answer)).toBeUndefined();
    }
  });
});

describe("a walk", () => {
  test("goes through every entry once, and on while others are stored", () => {
    const store = storeOf(SMALL_OCTETS);
    for (let key = 0; key < 100; key++) put(store, answerOf(key, 0));
    for (let key = 0; key < 100; key += 2) find(store, questionOf(key));
    for (let key = 0; key < 50; key++) put(store, answerOf(key, 1));
    const keys = walked(store);
    expect(keys).toHaveLength(100);
    expect(new Set(keys).size).toBe(100);
    const walk = store.walk();
    const seen = new Set<number>();
    while (walk.next()) {
      expect(seen.has(walk.entry.hash)).toBe(false);
      seen.add(walk.entry.hash);
      expect(walk.intact).toBe(true);
      for (let key = 0; key < 100; key++) put(store, answerOf(seen.size * 100 + key, 0));
    }
    expect(seen.size).toBeGreaterThan(1);
  });

  test("says when its entry was overwritten", () => {
    const store = storeOf(SMALL_OCTETS);
    for (let key = 0; key < 100; key++) put(store, answerOf(key, 0));
    const walk = store.walk();
    expect(walk.next()).toBe(true);
    expect(walk.intact).toBe(true);
    for (let key = 1000; key < 3000; key++) put(store, answerOf(key, 0));
    expect(walk.intact).toBe(false);
  });
});
