/**
 * The load, a program of its own that runs beside the resolver under test: asks names at a fixed rate over UDP, new
 * ones unless said otherwise, and notes what becomes of each.
 *
 *   bun load.ts PLAN.json RECORDS
 *
 * Prints {"beganAt": epoch milliseconds} once the resolver has answered a first question and the load begins.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { serialize } from "node:v8";
import { loadLibc } from "../../src/runtime/libc.ts";
import { DATAGRAM_STRIDE, PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";
import { Questions } from "./questions.ts";
import { newRecords, OUTCOME, type Records } from "./records.ts";

/** Queries at an even pace from one moment of the run to another. */
export interface Segment {
  readonly fromMs: number;
  readonly toMs: number;
  /** Queries a second. */
  readonly rate: number;
  /** Names are below this domain; default "load.example.net". */
  readonly under?: string;
  /** The names of the segment with this index are asked again, instead of new ones. */
  readonly repeats?: number;
  /** So many names are asked over and over, one after the other, instead of a new one each time. */
  readonly names?: number;
}

export interface LoadPlan {
  readonly port: number;
  readonly segments: readonly Segment[];
  /** A query that got no answer for so long is lost. */
  readonly lostAfterMs: number;
}

/** How often due queries are sent. */
const TICK_MS = 2;
/** Of the names asked before the load begins. */
const WARM_UP_NUMBER = 0xff000000;
const WARM_UP_EVERY_MS = 100;
const WARM_UP_GIVE_UP_MS = 20_000;

const WARM_UP_ID = 0;

/** Sends what is due and notes what comes back. */
class Load {
  readonly #plan: LoadPlan;
  readonly #questions: readonly Questions[];
  /** How many queries a segment has, how many were sent, and the number of its first name. */
  readonly #counts: readonly number[];
  readonly #sent: number[];
  readonly #firstNumbers: number[] = [];
  /** Number of each query's name. */
  readonly #numbers: Uint32Array;
  readonly #records;
  /** The query that had an ID last. IDs come round after 65,536 queries, past those that still wait. */
  readonly #byId = new Int32Array(0x10000).fill(-1);
  #lastId = WARM_UP_ID;
  #waiting = 0;
  #warm = false;
  #beganMs = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#counts = plan.segments.map(({ fromMs, toMs, rate }) => Math.round(((toMs - fromMs) * rate) / 1000));
    this.#questions = plan.segments.map(({ under }) => new Questions(under ?? "load.example.net"));
    this.#sent = plan.segments.map(() => 0);
    let total = 0;
    for (const [i, { repeats }] of plan.segments.entries()) {
      this.#firstNumbers.push(repeats === undefined ? total : this.#firstNumbers[repeats]!);
      total += this.#counts[i]!;
    }
    this.#numbers = new Uint32Array(total);
    this.#records = newRecords(total);
  }

  async run(): Promise<Records> {
    const records = this.#records;
    const socket = await this.#open();
    await this.#warmUp(socket);
    this.#beganMs = performance.now();
    process.stdout.write(`${JSON.stringify({ beganAt: Date.now() })}\n`);
    const endMs = Math.max(...this.#plan.segments.map(({ toMs }) => toMs)) + this.#plan.lostAfterMs;
    for (;;) {
      const nowMs = performance.now() - this.#beganMs;
      for (const s of this.#questions.keys()) this.#sendDue(socket, s, nowMs);
      const done = records.count === this.#numbers.length;
      if (done && (this.#waiting === 0 || nowMs > endMs)) break;
      await Bun.sleep(TICK_MS);
    }
    socket.close();
    for (let i = 0; i < records.count; i++) {
      if (records.outcome[i] === OUTCOME.waiting) records.outcome[i] = OUTCOME.lost;
    }
    return records;
  }

  async #open(): Promise<LoadSocket> {
    const peer = new Uint8Array(new ArrayBuffer(PEER_OCTETS));
    writeSockaddr(peer, 0, Uint8Array.of(127, 0, 0, 1), this.#plan.port, 0);
    const socket = await batchedUdpEngine(await loadLibc()).open({
      address: { host: "127.0.0.1", port: 0 },
      onFault: () => {},
      onBatch: ({ count, octets, lengths }) => {
        for (let i = 0; i < count; i++) this.#onResponse(octets, i * DATAGRAM_STRIDE, lengths[i]!);
      },
    });
    return {
      ask(questions, id, number) {
        const start = socket.reserve();
        questions.write(socket.room, start, id, number);
        socket.commit(start, questions.octets.length, peer, 0);
      },
      close: () => socket.close(),
    };
  }

  /** Asks until the resolver answers: it has started then, and is connected. */
  async #warmUp(socket: LoadSocket): Promise<void> {
    for (let asked = 0; !this.#warm; asked++) {
      if (asked * WARM_UP_EVERY_MS > WARM_UP_GIVE_UP_MS) throw new Error("the resolver never answered");
      socket.ask(this.#questions[0]!, WARM_UP_ID, WARM_UP_NUMBER + asked);
      await Bun.sleep(WARM_UP_EVERY_MS);
    }
  }

  #sendDue(socket: LoadSocket, s: number, nowMs: number): void {
    const { fromMs, rate, names = Number.POSITIVE_INFINITY } = this.#plan.segments[s]!;
    const due = Math.min(this.#counts[s]!, Math.floor(((nowMs - fromMs) * rate) / 1000));
    for (; this.#sent[s]! < due; this.#sent[s]!++) {
      const index = this.#records.count++;
      const id = this.#freeId();
      const number = this.#firstNumbers[s]! + (this.#sent[s]! % names);
      this.#numbers[index] = number;
      this.#byId[id] = index;
      this.#records.segment[index] = s;
      this.#records.outcome[index] = OUTCOME.waiting;
      this.#records.sentMs[index] = performance.now() - this.#beganMs;
      this.#waiting++;
      socket.ask(this.#questions[s]!, id, number);
    }
  }

  #freeId(): number {
    do {
      this.#lastId = (this.#lastId + 1) & 0xffff;
      this.#giveUpLate(this.#byId[this.#lastId]!);
    } while (this.#waiting < 0xffff && this.#isWaiting(this.#byId[this.#lastId]!));
    return this.#lastId;
  }

  /** What is lost keeps no ID from the others. */
  #giveUpLate(index: number): void {
    if (!this.#isWaiting(index)) return;
    if (performance.now() - this.#beganMs - this.#records.sentMs[index]! < this.#plan.lostAfterMs) return;
    this.#records.outcome[index] = OUTCOME.lost;
    this.#waiting--;
  }

  #isWaiting(index: number): boolean {
    return index >= 0 && this.#records.outcome[index] === OUTCOME.waiting;
  }

  #onResponse(octets: Uint8Array, start: number, length: number): void {
    const records = this.#records;
    if (!this.#warm) {
      this.#warm = (octets[start + 3]! & 15) === 0;
      return;
    }
    const index = this.#byId[(octets[start]! << 8) | octets[start + 1]!]!;
    if (!this.#isWaiting(index)) return;
    const questions = this.#questions[records.segment[index]!]!;
    const outcome = questions.outcomeOf(octets, start, length, this.#numbers[index]!);
    const latencyMs = performance.now() - this.#beganMs - records.sentMs[index]!;
    records.latencyMs[index] = latencyMs;
    records.outcome[index] = latencyMs > this.#plan.lostAfterMs ? OUTCOME.lost : outcome;
    records.ede[index] = questions.edeOf(octets, start, length);
    this.#waiting--;
  }
}

interface LoadSocket {
  ask(questions: Questions, id: number, number: number): void;
  close(): void;
}

if (import.meta.main) {
  const [planFile, recordsFile] = process.argv.slice(2) as [string, string];
  try {
    const records = await new Load(JSON.parse(readFileSync(planFile, "utf8"))).run();
    writeFileSync(recordsFile, serialize(records));
    process.exit(0);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
