/**
 * Measures the cache's storage, in one run: octets an entry takes, resident memory with 0, 100 thousand and 1 million
 * answers, look-ups among few and many, hit rate against a plain LRU of the same octets, the longest time the event
 * loop is kept while a store fills, threads that read and write at once, and the heap a query that is answered from the
 * cache takes. Called by scripts/measure-cache.
 */

import { readFileSync } from "node:fs";
import { CacheStore, cacheMemory } from "../src/cache/store/store.ts";
import { systemRandom } from "../src/runtime/clock.ts";
import { BATCH_DATAGRAMS } from "../src/runtime/runtime.ts";
import { runThreads } from "../test/cache/store-threads.ts";
import { hitAllocation } from "../test/resolver/hit-allocation.ts";
import { numbersFrom } from "../test/support/fake-random.ts";

const MIB = 2 ** 20;
const ANSWER_OCTETS = 100;
const GOAL_OVERHEAD_OCTETS = 110;
const GOAL_LOOKUP_RATIO = 1.5;
/** Holds a million answers. */
const LARGE_OCTETS = 256 * MIB;
const DEFAULT_OCTETS = 32 * MIB;

/** A question of 25 octets: one label of 19, the last ones the number's, the root, type A, class IN. */
const QUESTION_OCTETS = 25;
const LABEL = "an-invented-name---";

/** Answers of 100 octets to questions that differ by a number. */
class Answers {
  readonly store: CacheStore;
  readonly question = new Uint8Array(QUESTION_OCTETS);
  readonly copy = new Uint8Array(ANSWER_OCTETS);
  readonly #message = new Uint8Array(ANSWER_OCTETS);
  readonly #layout = {
    rcode: 0,
    questionOctets: QUESTION_OCTETS,
    bodyOctets: ANSWER_OCTETS,
    additionalRecords: 0,
    optionsStart: 0,
    optionsEnd: 0,
    ttlAt: Uint16Array.of(43),
    ttlCount: 1,
  };

  constructor(memoryOctets: number) {
    this.store = new CacheStore(cacheMemory(memoryOctets), { random: systemRandom });
    this.question.set([19, ...Buffer.from(LABEL), 0, 0, 1, 0, 1]);
    this.#message.set([0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
  }

  /** Writes the question of this number. */
  ask(number: number): void {
    writeNumber(this.question, number);
  }

  put(number: number): boolean {
    this.ask(number);
    this.#message.set(this.question, 12);
    const hash = this.store.hash(this.question, 0, QUESTION_OCTETS);
    return this.store.put(0, hash, this.#message, 0, this.#layout, 3600, 1000, 0);
  }

  /** What a hit takes: hash, look-up, copy, and whether it was intact. */
  find(number: number): boolean {
    this.ask(number);
    return this.take(this.question, this.store.hash(this.question, 0, QUESTION_OCTETS));
  }

  take(question: Uint8Array, hash: number): boolean {
    const { store } = this;
    if (!store.find(question, QUESTION_OCTETS, 0, hash)) return false;
    const { messageStart, bodyOctets } = store.found;
    for (let i = 0; i < bodyOctets; i++) this.copy[i] = store.octets[messageStart + i]!;
    return store.intact;
  }
}

/** Seven letters of the label are the number's. */
function writeNumber(question: Uint8Array, number: number): void {
  for (let i = 0; i < 7; i++) question[13 + i] = 0x61 + ((number >>> (i * 4)) & 15);
}

const fixed = (value: number, digits = 1) => value.toFixed(digits);
const goal = (holds: boolean) => (holds ? "held" : "MISSED");

function overhead(): void {
  const answers = new Answers(DEFAULT_OCTETS);
  for (let i = 0; i < 1000; i++) answers.put(i);
  const inRing = answers.store.counters.octetsUsed / 1000;
  for (let i = 1000; i < (2 * DEFAULT_OCTETS) / inRing; i++) answers.put(i);
  const { entries } = answers.store.counters;
  console.log(
    `overhead: an answer of ${ANSWER_OCTETS} octets takes ${inRing} in a ring; ${DEFAULT_OCTETS / MIB} MiB hold ${entries}, ` +
      `so ${fixed(DEFAULT_OCTETS / entries - ANSWER_OCTETS)} octets over the message with everything`,
  );
}

async function memory(): Promise<void> {
  for (const [storeOctets, counts] of [
    [DEFAULT_OCTETS, [100_000]],
    [LARGE_OCTETS, [100_000, 1_000_000]],
  ] as const) {
    const empty = await residentWith(storeOctets, 0);
    console.log(`memory: ${storeOctets / MIB} MiB allowed, 0 answers: ${fixed(empty / MIB)} MiB resident`);
    for (const count of counts) {
      const resident = await residentWith(storeOctets, count);
      const over = (resident - empty) / count - ANSWER_OCTETS;
      console.log(
        `memory: ${storeOctets / MIB} MiB allowed, ${count} answers: ${fixed(resident / MIB)} MiB resident, ` +
          `${fixed(over)} octets over each message (goal ${GOAL_OVERHEAD_OCTETS}: ${goal(over <= GOAL_OVERHEAD_OCTETS)})`,
      );
    }
  }
}

/** Octets resident in a process of its own that stored so many answers. */
async function residentWith(storeOctets: number, count: number): Promise<number> {
  const child = Bun.spawn([process.execPath, import.meta.path, "fill", String(storeOctets), String(count)], {
    stdout: "pipe",
  });
  return Number(await new Response(child.stdout).text());
}

/** In a process of its own: stores so many answers and prints the octets that are resident. */
function fill(storeOctets: number, count: number): void {
  // First in a store that is full at once, so that what the runtime takes to compile this code is not counted as the cache's.
  const small = new Answers(MIB);
  for (let i = 0; i < 300_000; i++) small.put(i);
  const answers = new Answers(storeOctets);
  for (let i = 0; i < count; i++) if (!answers.put(i)) throw new Error("not stored");
  if (answers.store.counters.entries !== count) throw new Error(`${answers.store.counters.entries} entries`);
  const kibibytes = /^Rss:\s+(\d+) kB/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))?.[1];
  console.log(Number(kibibytes) * 1024);
}

/** Look-ups that come together, as queries of one batch of datagrams do (resolver/arrivals.ts). */
class Batch {
  readonly #answers: Answers;
  readonly #questions: readonly Uint8Array[];
  readonly #hashes = new Uint32Array(BATCH_DATAGRAMS);

  constructor(answers: Answers) {
    this.#answers = answers;
    this.#questions = Array.from({ length: BATCH_DATAGRAMS }, () => answers.question.slice());
  }

  ask(trace: Int32Array, from: number): void {
    for (let i = 0; i < BATCH_DATAGRAMS; i++) writeNumber(this.#questions[i]!, trace[from + i]!);
  }

  /** What hits take, each hash, look-up, copy, and whether it was intact. */
  find(): void {
    const { store } = this.#answers;
    for (let i = 0; i < BATCH_DATAGRAMS; i++) this.#hashes[i] = store.hash(this.#questions[i]!, 0, QUESTION_OCTETS);
    store.approach(this.#hashes, BATCH_DATAGRAMS);
    for (let i = 0; i < BATCH_DATAGRAMS; i++) {
      if (!this.#answers.take(this.#questions[i]!, this.#hashes[i]!)) throw new Error("not there");
    }
  }
}

interface LookUps {
  readonly title: string;
  /** Of one run over a trace, nanoseconds each. */
  find(answers: Answers, trace: Int32Array): number;
  /** The same without what is measured. */
  loop(answers: Answers, trace: Int32Array): number;
}

const LOOK_UPS: readonly LookUps[] = [
  {
    title: `${BATCH_DATAGRAMS} at once`,
    find(answers, trace) {
      const batch = new Batch(answers);
      return timeOf(trace, BATCH_DATAGRAMS, (from) => {
        batch.ask(trace, from);
        batch.find();
      });
    },
    loop(answers, trace) {
      const batch = new Batch(answers);
      return timeOf(trace, BATCH_DATAGRAMS, (from) => batch.ask(trace, from));
    },
  },
  {
    title: "one by one",
    find: (answers, trace) =>
      timeOf(trace, 1, (at) => {
        if (!answers.find(trace[at]!)) throw new Error("not there");
      }),
    loop: (answers, trace) => timeOf(trace, 1, (at) => answers.ask(trace[at]!)),
  },
];

function lookups(): void {
  const [few, many] = [1000, 1_000_000].map((count) => {
    const answers = new Answers(LARGE_OCTETS);
    for (let i = 0; i < count; i++) answers.put(i);
    return { answers, zipf: zipfTrace(count, 2 ** 20, 9), uniform: uniformTrace(count, 2 ** 20) };
  }) as [Traces, Traces];
  for (const { title, find, loop } of LOOK_UPS) {
    for (const order of ["zipf", "uniform"] as const) {
      // In turns, and the fastest round of each: whatever else the machine does only makes rounds slower.
      const took: [number[], number[], number[]] = [[], [], []];
      for (let round = 0; round < 15; round++) {
        took[0].push(find(few.answers, few[order]));
        took[1].push(find(many.answers, many[order]));
        took[2].push(loop(many.answers, many[order]));
      }
      const [fewNs, manyNs, loopNs] = took.map((times) => Math.min(...times)) as [number, number, number];
      const ratio = (manyNs - loopNs) / (fewNs - loopNs);
      console.log(
        `look-ups ${title}, hash and copy included, ${order === "zipf" ? "asked by Zipf(0.9)" : "all asked alike"}: ` +
          `${fixed(fewNs - loopNs, 0)} ns among 1 thousand, ${fixed(manyNs - loopNs, 0)} ns among 1 million: ` +
          `ratio ${fixed(ratio, 2)} (goal ${GOAL_LOOKUP_RATIO}: ${goal(ratio <= GOAL_LOOKUP_RATIO)})`,
      );
    }
  }
}

interface Traces {
  readonly answers: Answers;
  readonly zipf: Int32Array;
  readonly uniform: Int32Array;
}

/** Nanoseconds for each of the trace; `look` is given every `step`th place in it. */
function timeOf(trace: Int32Array, step: number, look: (at: number) => void): number {
  const began = performance.now();
  for (let at = 0; at < trace.length; at += step) look(at);
  return ((performance.now() - began) * 1e6) / trace.length;
}

function uniformTrace(names: number, length: number): Int32Array {
  const next = numbersFrom(names);
  return Int32Array.from({ length }, () => next() % names);
}

/** Numbers below `names`; the nth most frequent is asked in proportion to 1/n^0.9. Which number is how frequent is mixed. */
function zipfTrace(names: number, length: number, seed: number): Int32Array {
  const next = numbersFrom(seed);
  const upTo = new Float64Array(names);
  let sum = 0;
  for (let i = 0; i < names; i++) upTo[i] = sum += (i + 1) ** -0.9;
  const mixed = Int32Array.from({ length: names }, (_, i) => i);
  for (let i = names - 1; i > 0; i--) {
    const j = next() % (i + 1);
    [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
  }
  return Int32Array.from({ length }, () => mixed[lowerBound(upTo, (next() / 2 ** 32) * sum)]!);
}

/** The first place whose number is not below `value`. */
function lowerBound(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const NAMES = 500_000;
const SCAN_NAMES = 30_000;
const SCAN_EVERY = 100_000;

function hitRate(): void {
  const trace = zipfTrace(NAMES, 1_200_000, 11);
  for (const mebibytes of [1, 8]) {
    for (const hasScans of [false, true]) {
      const answers = new Answers(mebibytes * MIB);
      const ours = hitsOf(trace, hasScans, (number) => answers.find(number) || !answers.put(number));
      // As many entries of the same size as the store's octets hold.
      const room = Math.floor(answers.store.counters.capacityOctets / 136);
      const lru = hitsOf(trace, hasScans, plainLru(room));
      console.log(
        `hit rate, Zipf(0.9) over ${NAMES} names${hasScans ? `, ${SCAN_NAMES} one-off names after each ${SCAN_EVERY}` : ""}, ` +
          `${mebibytes} MiB: ${fixed(ours * 100)} %, plain LRU ${fixed(lru * 100)} %`,
      );
    }
  }
}

/** The share of the trace that was found, its first third left out; scans do not count. */
function hitsOf(trace: Int32Array, hasScans: boolean, ask: (number: number) => boolean): number {
  let hits = 0;
  let oneOff = NAMES;
  const counted = Math.floor(trace.length / 3);
  for (const [i, number] of trace.entries()) {
    if (hasScans && i % SCAN_EVERY === 0) for (let n = 0; n < SCAN_NAMES; n++) ask(oneOff++);
    if (ask(number) && i >= counted) hits++;
  }
  return hits / (trace.length - counted);
}

function plainLru(room: number): (number: number) => boolean {
  const entries = new Set<number>();
  return (number) => {
    const isThere = entries.delete(number);
    entries.add(number);
    if (entries.size > room) entries.delete(entries.values().next().value!);
    return isThere;
  };
}

/** Stores one turn of the event loop makes: as many as a batch of datagrams. */
const STORES_A_TURN = 64;

async function pauses(): Promise<void> {
  for (const octets of [DEFAULT_OCTETS, LARGE_OCTETS]) {
    const answers = new Answers(octets);
    const count = Math.floor((2 * octets) / 136);
    const turns: number[] = [];
    let longestCpuMs = 0;
    for (let i = 0; i < count; ) {
      const began = performance.now();
      const before = process.cpuUsage();
      for (const end = Math.min(count, i + STORES_A_TURN); i < end; i++) {
        answers.put(i);
        // Every third is asked for again, so that entries are moved, not only given up.
        if (i % 3 === 0) answers.find(i);
      }
      turns.push(performance.now() - began);
      const { user, system } = process.cpuUsage(before);
      // The first turns are those in which the code is compiled.
      if (turns.length > 1000) longestCpuMs = Math.max(longestCpuMs, (user + system) / 1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    turns.sort((a, b) => a - b);
    console.log(
      `pauses while ${octets / MIB} MiB are filled twice, ${STORES_A_TURN} stores a turn: longest turn ` +
        `${fixed(turns.at(-1)!, 2)} ms (${fixed(longestCpuMs, 2)} ms of CPU once the code was compiled), of 1,000 turns all but ` +
        `one within ${fixed(turns[Math.floor(turns.length * 0.999)]!, 2)} ms, median ${fixed(turns[turns.length >> 1]!, 3)} ms`,
    );
  }
}

const THREAD_OPERATIONS = 10_000_000;

async function threads(): Promise<void> {
  for (const memoryOctets of [16 * 1024, 64 * 1024]) {
    const began = performance.now();
    const seen = await runThreads({ memoryOctets, readers: 2, writers: 1, operations: THREAD_OPERATIONS });
    console.log(
      `threads: 2 readers, 1 writer, ${memoryOctets / 1024} KiB: ${seen.operations} operations in ` +
        `${fixed((performance.now() - began) / 1000)} s, ${seen.hits} hits, ${seen.overtaken} overwritten while copied ` +
        `and so not used, ${seen.torn} torn`,
    );
  }
}

async function allocation(): Promise<void> {
  const { hitOctets, controlOctets } = await hitAllocation();
  console.log(
    `allocation: a query answered from the cache, from its octets to those of the response, takes ${fixed(hitOctets, 2)} ` +
      `octets of heap; with one small object made for each, ${fixed(controlOctets, 2)}`,
  );
}

const PARTS: Readonly<Record<string, () => unknown>> = {
  overhead,
  memory,
  "look-ups": lookups,
  "hit-rate": hitRate,
  pauses,
  threads,
  allocation,
};

const [first, storeOctets, count] = process.argv.slice(2);
if (first === "fill") fill(Number(storeOctets), Number(count));
else {
  const asked = process.argv.slice(2);
  const wrong = asked.find((part) => !(part in PARTS));
  if (wrong !== undefined) {
    console.error(`scripts/measure-cache: unknown part '${wrong}'; allowed: ${Object.keys(PARTS).join(", ")}`);
    process.exit(2);
  }
  for (const [part, measure] of Object.entries(PARTS)) if (asked.length === 0 || asked.includes(part)) await measure();
}
