/**
 * One question on its way to the upstreams, and everyone who waits for what comes of it: who asks what is being asked
 * already makes no second query (RFC 5452, 5: several outstanding queries for one question are a forger's chance).
 *
 * Nobody waits for a refresh: of an answer about to end, or of a stale one that has been given already.
 */

import { Exchange, type UpstreamError } from "../upstream/exchange.ts";
import { sameQuestion } from "../wire/name.ts";
import type { Query } from "../wire/query.ts";
import type { ResponseLayout } from "../wire/response.ts";
import type { ClientQuery } from "./client-query.ts";

/** Who hears what comes of a resolution. */
export interface ResolutionOwner {
  onAnswer(resolution: Resolution, octets: Uint8Array, start: number, layout: ResponseLayout): void;
  onFailure(resolution: Resolution, error: UpstreamError): void;
}

/** Objects are reused. */
export class Resolution extends Exchange {
  readonly #owner: ResolutionOwner;
  /** The key of its question: DO and CD, and the hash of everything. */
  flags = 0;
  hash = 0;
  /** When it began, on the clock's nowMs. */
  beganMs = 0;
  /** The last to come first. */
  waiters: ClientQuery | undefined = undefined;
  waiting = 0;
  /** It has been under way for so long that a stale answer is given at once meanwhile. */
  overdue = false;
  /** The next of those that share a place in the table (in-flight.ts). */
  nextInPlace: Resolution | undefined = undefined;

  constructor(owner: ResolutionOwner) {
    super();
    this.#owner = owner;
  }

  start(query: Query, flags: number, hash: number, nowMs: number, deadlineMs: number): void {
    this.begin(deadlineMs);
    this.beganMs = nowMs;
    this.query.copyFrom(query);
    // Asked for always, so that whoever waits or asks later can be told (RFC 6840, 5.7); shown to those who asked.
    this.query.ad = true;
    this.flags = flags;
    this.hash = hash;
    this.overdue = false;
  }

  isFor(query: Query, flags: number, hash: number): boolean {
    const { question, questionOctets } = this.query;
    return (
      this.hash === hash &&
      this.flags === flags &&
      questionOctets === query.questionOctets &&
      sameQuestion(question, 0, query.question, 0, questionOctets)
    );
  }

  addWaiter(clientQuery: ClientQuery): void {
    clientQuery.next = this.waiters;
    this.waiters = clientQuery;
    this.waiting++;
  }

  /** Nobody waits any more; returns who did, the first of a list. */
  takeWaiters(): ClientQuery | undefined {
    const first = this.waiters;
    this.waiters = undefined;
    this.waiting = 0;
    return first;
  }

  override onResponse(octets: Uint8Array, start: number, layout: ResponseLayout): void {
    this.#owner.onAnswer(this, octets, start, layout);
  }

  override onFailure(error: UpstreamError): void {
    this.#owner.onFailure(this, error);
  }
}
