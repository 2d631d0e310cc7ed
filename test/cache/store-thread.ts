/**
 * One thread of a test with several: reads or writes a shared store. Every octet of an answer follows from its key and
 * its version, as do its lifetime and where its TTLs are, so that an answer made of two is seen.
 */

import { CacheStore } from "../../src/cache/store/store.ts";
import { fakeRandom, numbersFrom } from "../support/fake-random.ts";
import { questionOf } from "./stored-answers.ts";

export interface ThreadOrder {
  readonly memory: SharedArrayBuffer;
  readonly worker: number;
  readonly operations: number;
  readonly writes: boolean;
  /** Ends the thread in the middle of a store, while it has the lock. */
  readonly dies?: boolean;
}

export interface ThreadReport {
  operations: number;
  hits: number;
  misses: number;
  /** Found, and overwritten while it was copied. */
  overtaken: number;
  /** Answers that no writer wrote. */
  torn: number;
  stores: number;
  refused: number;
}

const KEYS = 128;
const MAX_OCTETS = 1024;
const questions = Array.from({ length: KEYS }, (_, key) => questionOf(key));
const numbers = { rcode: 0, questionOctets: 0, bodyOctets: 0, additionalRecords: 0, optionsStart: 0, optionsEnd: 0 };

/** An answer's octets are the question's end plus so many, which differ by key and version. */
const lengthOf = (key: number, version: number) => 40 + ((key * 37 + version * 101) & 0x1ff);
const ttlsOf = (version: number) => version % 7;
const octetOf = (key: number, version: number, i: number) =>
  (Math.imul(key + 1, 131) + Math.imul(version, 29) + i) & 0xff;

class Thread {
  readonly #order: ThreadOrder;
  readonly #store: CacheStore;
  readonly #copy = new Uint8Array(MAX_OCTETS);
  readonly #ttlAt = new Uint16Array(8);
  readonly #layout = { ...numbers, ttlAt: this.#ttlAt, ttlCount: 0 };
  readonly report: ThreadReport = { operations: 0, hits: 0, misses: 0, overtaken: 0, torn: 0, stores: 0, refused: 0 };

  constructor(order: ThreadOrder) {
    this.#order = order;
    this.#store = new CacheStore(order.memory, {
      random: fakeRandom(order.worker),
      worker: order.worker,
      isShared: true,
    });
  }

  run(): ThreadReport {
    const next = numbersFrom(this.#order.worker + 1);
    for (let i = 0; i < this.#order.operations; i++) {
      const number = next();
      const key = number % KEYS;
      if (this.#order.writes) this.#write(key, number >>> 8);
      else this.#read(key);
      this.report.operations++;
    }
    return this.report;
  }

  #write(key: number, version: number): void {
    const question = questions[key]!;
    const hash = this.#store.hash(question, 0, question.length);
    if ((version & 0xfff) === 0) this.#store.remove(question, question.length, 0, hash);
    else if ((version & 0xffff) === 1) this.#store.flush();
    else if (this.#store.put(0, hash, this.#copy, 0, this.#compose(key, version), version, 1000, 0))
      this.report.stores++;
    else this.report.refused++;
  }

  #compose(key: number, version: number) {
    const question = questions[key]!;
    const start = 12 + question.length;
    const layout = this.#layout;
    layout.questionOctets = question.length;
    layout.bodyOctets = start + lengthOf(key, version);
    layout.ttlCount = ttlsOf(version);
    layout.rcode = version & 0xfff;
    layout.additionalRecords = version & 0xff;
    for (let i = 0; i < layout.ttlCount; i++) this.#ttlAt[i] = version + key + i;
    this.#copy.set(question, 12);
    for (let i = 2; i < 12; i++) this.#copy[i] = octetOf(key, version, i);
    for (let i = start; i < layout.bodyOctets; i++) this.#copy[i] = octetOf(key, version, i);
    return layout;
  }

  #read(key: number): void {
    const { report } = this;
    const store = this.#store;
    const question = questions[key]!;
    if (!store.find(question, question.length, 0, store.hash(question, 0, question.length))) {
      report.misses++;
      return;
    }
    const { messageStart, bodyOctets } = store.found;
    for (let i = 0; i < bodyOctets && i < MAX_OCTETS; i++) this.#copy[i] = store.octets[messageStart + i]!;
    if (!store.intact) report.overtaken++;
    else if (this.#isWhole(key, question)) report.hits++;
    else report.torn++;
  }

  #isWhole(key: number, question: Uint8Array): boolean {
    const { found } = this.#store;
    const version = found.lifetimeSeconds;
    const start = 12 + question.length;
    if (found.bodyOctets !== start + lengthOf(key, version) || found.storedDs !== 1000) return false;
    if (found.rcode !== (version & 0xfff) || found.additionalRecords !== (version & 0xff)) return false;
    if (found.ttlCount !== ttlsOf(version)) return false;
    for (let i = 0; i < found.ttlCount; i++) if (found.ttlAt[i] !== ((version + key + i) & 0xffff)) return false;
    return this.#isCopyWhole(key, version, question);
  }

  #isCopyWhole(key: number, version: number, question: Uint8Array): boolean {
    const start = 12 + question.length;
    const copy = this.#copy;
    for (let i = 0; i < question.length; i++) if (copy[12 + i] !== question[i]) return false;
    for (let i = 2; i < 12; i++) if (copy[i] !== octetOf(key, version, i)) return false;
    const end = start + lengthOf(key, version);
    for (let i = start; i < end; i++) if (copy[i] !== octetOf(key, version, i)) return false;
    return true;
  }

  /** Stores an answer whose layout ends the thread when it is read, which is under the lock and in the middle of writing. */
  die(): void {
    const layout = this.#compose(1, 2);
    const deadly = Object.create(layout, {
      rcode: {
        get() {
          process.exit(0);
        },
      },
    });
    const question = questions[1]!;
    this.#store.put(0, this.#store.hash(question, 0, question.length), this.#copy, 0, deadly, 60, 1000, 100_000);
  }
}

declare const self: Worker;
self.onmessage = ({ data: order }: MessageEvent<ThreadOrder>) => {
  const thread = new Thread(order);
  if (order.dies) thread.die();
  else self.postMessage(thread.run());
};
