/**
 * What clients asked and what they got, counted in flat memory: adding allocates nothing, reading is for who asks at
 * --admin.
 *
 * What can be relied on: queries over every transport = answers from every source + those in flight.
 */

import type { Transport } from "../listener/query-handler.ts";
import { Figures } from "../observe/figures.ts";
import { Histogram } from "../observe/histogram.ts";

/** Where a response came from: the cache while it was good, or past that; memory is that of recent failures. */
export const sources = ["cache", "stale", "upstream", "memory", "own"] as const;
export type Source = (typeof sources)[number];

/** RCODEs below have a place each, those from here on share one (0 to 11 and 16 to 23 are assigned today). */
export const MANY_RCODES = 24;

const RCODE_PLACES = MANY_RCODES + 1;

/** Single numbers, as places. */
const UDP = 0;
const TCP = 1;
const DROPPED = 2;
const TRUNCATED = 3;
const FORBIDDEN = 4;
const OVERLOADED = 5;
const MISSES = 6;
const COALESCED = 7;
const PREFETCHES = 8;
const PLACES = 9;

export class ResolverCounters {
  readonly #counts: Float64Array;
  readonly #answers: Readonly<Record<Source, Answers>>;

  constructor(figures = new Figures()) {
    this.#counts = figures.take(PLACES);
    this.#answers = {
      cache: new Answers(figures),
      stale: new Answers(figures),
      upstream: new Answers(figures),
      memory: new Answers(figures),
      own: new Answers(figures),
    };
  }

  /** Octets that deserve no response: shorter than a header, or themselves a response. */
  get dropped(): number {
    return this.#counts[DROPPED]!;
  }
  set dropped(count: number) {
    this.#counts[DROPPED] = count;
  }

  /** Answered with TC, as they did not fit. */
  get truncated(): number {
    return this.#counts[TRUNCATED]!;
  }
  set truncated(count: number) {
    this.#counts[TRUNCATED] = count;
  }

  /** Answered with REFUSED, as the client's address may not ask. */
  get forbidden(): number {
    return this.#counts[FORBIDDEN]!;
  }
  set forbidden(count: number) {
    this.#counts[FORBIDDEN] = count;
  }

  /** Answered with SERVFAIL at once, as too many queries were in flight. */
  get overloaded(): number {
    return this.#counts[OVERLOADED]!;
  }
  set overloaded(count: number) {
    this.#counts[OVERLOADED] = count;
  }

  /** Looked up in the cache in vain. */
  get misses(): number {
    return this.#counts[MISSES]!;
  }
  set misses(count: number) {
    this.#counts[MISSES] = count;
  }

  /** Waited for an answer that was on its way to another client. */
  get coalesced(): number {
    return this.#counts[COALESCED]!;
  }
  set coalesced(count: number) {
    this.#counts[COALESCED] = count;
  }

  /** Answers asked for again before they ended. */
  get prefetches(): number {
    return this.#counts[PREFETCHES]!;
  }
  set prefetches(count: number) {
    this.#counts[PREFETCHES] = count;
  }

  /** What there is to say of the cache's use. */
  get ofCache(): { hits: number; misses: number; stale: number; coalesced: number; prefetches: number } {
    const { misses, coalesced, prefetches } = this;
    const total = (source: Source) => this.#of(source).rcodes.reduce((sum, count) => sum + count, 0);
    return { hits: total("cache"), misses, stale: total("stale"), coalesced, prefetches };
  }

  asked(transport: Transport): void {
    this.#counts[transport === "udp" ? UDP : TCP]!++;
  }

  answered(source: Source, rcode: number): void {
    this.#of(source).rcodes[Math.min(rcode, MANY_RCODES)]!++;
  }

  /** How long a client waited; only where it did: what is answered in the turn it was read in is not timed. */
  waited(source: Source, ms: number): void {
    this.#of(source).times.record(ms);
  }

  queries(transport: Transport): number {
    return this.#counts[transport === "udp" ? UDP : TCP]!;
  }

  /** Answers by RCODE; the last place is for MANY_RCODES and above. */
  answers(source: Source): Readonly<Float64Array> {
    return this.#of(source).rcodes;
  }

  times(source: Source): Histogram {
    return this.#of(source).times;
  }

  #of(source: Source): Answers {
    return this.#answers[source];
  }
}

class Answers {
  readonly rcodes: Float64Array;
  readonly times: Histogram;

  constructor(figures: Figures) {
    this.rcodes = figures.take(RCODE_PLACES);
    this.times = new Histogram(figures);
  }
}
