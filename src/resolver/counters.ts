/**
 * What clients asked and what they got, counted in flat memory: adding allocates nothing, reading is for who asks at
 * --admin.
 *
 * What can be relied on: queries over every transport = answers from every source + those in flight.
 */

import type { Transport } from "../listener/query-handler.ts";
import { Histogram } from "../observe/histogram.ts";

/** Where a response came from: the cache while it was good, or past that; memory is that of recent failures. */
export const sources = ["cache", "stale", "upstream", "memory", "own"] as const;
export type Source = (typeof sources)[number];

/** RCODEs below have a place each, those from here on share one (0 to 11 and 16 to 23 are assigned today). */
export const MANY_RCODES = 24;

const RCODE_PLACES = MANY_RCODES + 1;

export class ResolverCounters {
  #udp = 0;
  #tcp = 0;
  readonly #answers: Readonly<Record<Source, Answers>> = {
    cache: new Answers(),
    stale: new Answers(),
    upstream: new Answers(),
    memory: new Answers(),
    own: new Answers(),
  };
  /** Octets that deserve no response: shorter than a header, or themselves a response. */
  dropped = 0;
  /** Answered with TC, as they did not fit. */
  truncated = 0;
  /** Answered with REFUSED, as the client's address may not ask. */
  forbidden = 0;
  /** Answered with SERVFAIL at once, as too many queries were in flight. */
  overloaded = 0;
  /** Looked up in the cache in vain. */
  misses = 0;
  /** Waited for an answer that was on its way to another client. */
  coalesced = 0;
  /** Answers asked for again before they ended. */
  prefetches = 0;

  asked(transport: Transport): void {
    if (transport === "udp") this.#udp++;
    else this.#tcp++;
  }

  answered(source: Source, rcode: number): void {
    this.#of(source).rcodes[Math.min(rcode, MANY_RCODES)]!++;
  }

  /** How long a client waited; only where it did: what is answered in the turn it was read in is not timed. */
  waited(source: Source, ms: number): void {
    this.#of(source).times.record(ms);
  }

  queries(transport: Transport): number {
    return transport === "udp" ? this.#udp : this.#tcp;
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
  readonly rcodes = new Float64Array(RCODE_PLACES);
  readonly times = new Histogram();
}
