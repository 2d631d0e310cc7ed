/**
 * What happened between fdns and one upstream, counted in flat memory: adding allocates nothing, reading is for who
 * asks at --admin.
 *
 * What can be relied on: attempts = answers + failures of every kind + abandoned + those in flight.
 */

import { Figures } from "../observe/figures.ts";
import { Histogram } from "../observe/histogram.ts";
import type { UpstreamErrorCode } from "./exchange.ts";
import type { BreakerState } from "./health/breaker.ts";

/** What is counted, as places in the array. */
export const COUNTER = {
  /** Queries given to this upstream: the first time, again, as a hedge, and fdns' own probes. */
  ATTEMPTS: 0,
  /** Attempts that got a response that can be used, whatever its RCODE. */
  ANSWERS: 1,
  /** Attempts given up for no fault of this upstream: another answered first, or the connection died and it was sent again. */
  ABANDONED: 2,
  /** Attempts that are a query sent once more, as the connection it was on died. */
  RESENDS: 3,
  /** Attempts that are a second question, as another upstream was late. */
  HEDGES: 4,
  /** Hedges that were answered first. */
  HEDGE_WINS: 5,
  /** Queries written to a connection that had carried one before. */
  REUSES: 6,
  /** Connections begun, and those that did not come to be, whether a query waited for them or not. */
  DIALS: 7,
  DIAL_FAILURES: 8,
  HANDSHAKES_FULL: 9,
  HANDSHAKES_RESUMED: 10,
  /** Handshakes of which the runtime does not tell (Deno). */
  HANDSHAKES_UNKNOWN: 11,
  /** Connections that the upstream ended while nothing was in flight. */
  IDLE_CLOSES: 12,
  /** Connections given up as nothing at all came while queries were in flight. */
  SILENT_CLOSES: 13,
  /** Frames that answer nothing that was asked. */
  UNSOLICITED: 14,
} as const;

export type Counter = (typeof COUNTER)[keyof typeof COUNTER];

/** Kinds of failure follow the counters in the array. */
const FAILURE: Readonly<Record<UpstreamErrorCode, number>> = {
  connect: 15,
  authentication: 16,
  timeout: 17,
  closed: 18,
  malformed: 19,
  overloaded: 20,
  unresolved: 21,
  stopping: 22,
};

export const failureKinds = Object.keys(FAILURE) as UpstreamErrorCode[];

const PLACES = 23;

export class UpstreamCounters {
  readonly #counts: Float64Array;
  /** From the sending to the answer, of attempts that were answered. */
  readonly answerTimes: Histogram;

  constructor(figures = new Figures()) {
    this.#counts = figures.take(PLACES);
    this.answerTimes = new Histogram(figures);
  }

  add(counter: Counter, many = 1): void {
    this.#counts[counter]! += many;
  }

  /** An attempt ended without an answer. */
  failed(code: UpstreamErrorCode): void {
    this.#counts[FAILURE[code]]!++;
  }

  /** An attempt was answered, so many milliseconds after it was sent. */
  answered(ms: number): void {
    this.#counts[COUNTER.ANSWERS]!++;
    this.answerTimes.record(ms);
  }

  /** A handshake was done; undefined where the runtime does not tell whether it resumed a session. */
  handshake(resumed: boolean | undefined): void {
    if (resumed === undefined) this.add(COUNTER.HANDSHAKES_UNKNOWN);
    else this.add(resumed ? COUNTER.HANDSHAKES_RESUMED : COUNTER.HANDSHAKES_FULL);
  }

  of(counter: Counter): number {
    return this.#counts[counter]!;
  }

  failures(code: UpstreamErrorCode): number {
    return this.#counts[FAILURE[code]]!;
  }
}

export type { BreakerState };

/** What an upstream is like now. */
export interface UpstreamGauges {
  readonly inFlight: number;
  /** Connections that are ready or being made. */
  readonly connections: number;
  /** One for each address family the upstream has. */
  readonly breakers: readonly { readonly family: 4 | 6; readonly state: BreakerState }[];
  /** What an answer takes, smoothed; undefined before the first. */
  readonly answerMs: number | undefined;
  /** How long a connection may be idle before this upstream closes it; undefined while nothing is known. */
  readonly idleHorizonMs: number | undefined;
  /** When the leaf certificate last shown ends, in milliseconds since 1970; undefined before the first handshake. */
  readonly certificateNotAfterMs: number | undefined;
}

/** An upstream as the observer sees it. */
export interface ObservedUpstream {
  /** `text` is how the operator wrote it. */
  readonly identity: { readonly text: string };
  readonly counters: UpstreamCounters;
  /** Read only when someone asks. */
  gauges(): UpstreamGauges;
}
