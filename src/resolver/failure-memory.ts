/**
 * Questions that just failed, remembered for a moment (RFC 9520): clients ask again at once, and whoever could not
 * resolve a name a second ago cannot now. What is remembered is the upstream's own response, if there was one, so that
 * the second client reads the same as the first.
 *
 * A question's place is one of the four slots that its hash names; where all are taken, the one that ends first gives
 * way. So memory is bounded, however many names fail.
 */

import { isOfThisHost } from "../upstream/blame.ts";
import { GUILTY } from "../upstream/dot/guilt.ts";
import type { UpstreamError } from "../upstream/exchange.ts";
import { sameQuestion } from "../wire/name.ts";
import { copyOctets } from "../wire/octets.ts";
import { EDE, HEADER_OCTETS, MAX_QUESTION_OCTETS } from "../wire/protocol.ts";
import type { Query } from "../wire/query.ts";

export interface FailureMemoryLimits {
  /** How long the first failure of a question is remembered; RFC 9520, 3.2 asks for at least 1 s. */
  readonly firstMs: number;
  /** Doubled with each failure in a row, up to this. */
  readonly maxMs: number;
  /** How long a failure is reason enough to give a stale answer at once (RFC 8767, 5: the failure recheck timer). */
  readonly recheckMs: number;
}

/** What is remembered of a question; valid until the memory is asked or told again. */
export interface Failure {
  /** Until when nobody is asked again. */
  readonly untilMs: number;
  /** The response it failed with, from its header on; no octets when there was none. */
  readonly message: Uint8Array;
  /** The Extended DNS Error to give where there was no response. */
  readonly ede: number;
  /** Whether validation or a policy is why, so that no stale answer stands in for it (wire/options.ts). */
  readonly isFinal: boolean;
}

/** Whether nobody is asked again for a while, and whether for longer each time. */
export type Rest = "none" | "short" | "growing";

/**
 * How long a question rests of which no upstream said anything. Where the upstreams are the likely cause, no longer than
 * RFC 9520, 3.2 wants, since they may be back; this host's own trouble is not remembered of a name.
 */
export function restAfter(error: UpstreamError): Rest {
  if (isOfThisHost(error)) return "none";
  return error === GUILTY || error.code === "timeout" || error.code === "malformed" ? "growing" : "short";
}

const GROUPS = 1024;
const SLOTS_A_GROUP = 4;
/** Of a longer response of failure only the header and the question are kept; they are short. */
const MESSAGE_OCTETS = 512;
/** Where a header's counts of records begin (RFC 1035, 4.1.1). */
const ANSWER_COUNT_AT = 6;
const NO_OCTETS = new Uint8Array(0);

class Slot implements Failure {
  readonly question = new Uint8Array(MAX_QUESTION_OCTETS);
  questionOctets = 0;
  flags = 0;
  hash = 0;
  readonly room = new Uint8Array(MESSAGE_OCTETS);
  message: Uint8Array = NO_OCTETS;
  ede = 0;
  isFinal = false;
  failedMs = 0;
  untilMs = 0;
  lastsMs = 0;

  isFor(query: Query, flags: number, hash: number): boolean {
    return (
      this.hash === hash &&
      this.flags === flags &&
      this.questionOctets === query.questionOctets &&
      sameQuestion(this.question, 0, query.question, 0, this.questionOctets)
    );
  }
}

export class FailureMemory {
  readonly #limits: FailureMemoryLimits;
  readonly #slots: (Slot | undefined)[] = new Array(GROUPS * SLOTS_A_GROUP);
  /** Until when anything at all is remembered: most of the time nothing is, and looking costs a comparison. */
  #untilMs = 0;

  constructor(limits: FailureMemoryLimits) {
    this.#limits = limits;
  }

  /** How this question failed lately, within the recheck time or its `untilMs`; undefined if it did not. */
  find(query: Query, flags: number, hash: number, nowMs: number): Failure | undefined {
    if (nowMs >= this.#untilMs) return undefined;
    const slot = this.#slots[this.#placeFor(query, flags, hash)];
    return slot?.isFor(query, flags, hash) && nowMs < this.#endOf(slot) ? slot : undefined;
  }

  /** The question was resolved. */
  forget(query: Query, flags: number, hash: number, nowMs: number): void {
    if (nowMs >= this.#untilMs) return;
    const slot = this.#slots[this.#placeFor(query, flags, hash)];
    if (slot === undefined || !slot.isFor(query, flags, hash)) return;
    slot.failedMs = Number.NEGATIVE_INFINITY;
    slot.untilMs = 0;
    slot.lastsMs = 0;
  }

  /** The question was answered with this failure: octets[start, start + length). */
  answered(
    query: Query,
    flags: number,
    hash: number,
    nowMs: number,
    octets: Uint8Array,
    start: number,
    length: number,
    isFinal: boolean,
  ): void {
    const slot = this.#renew(query, flags, hash, nowMs);
    slot.isFinal = isFinal;
    slot.ede = EDE.NONE;
    this.#rest(slot, nowMs, true);
    const isWhole = length <= MESSAGE_OCTETS;
    const kept = isWhole ? length : HEADER_OCTETS + query.questionOctets;
    copyOctets(octets, start, slot.room, 0, kept);
    if (!isWhole) slot.room.fill(0, ANSWER_COUNT_AT, HEADER_OCTETS);
    slot.message = slot.room.subarray(0, kept);
  }

  /** No upstream answered the question. */
  unanswered(query: Query, flags: number, hash: number, nowMs: number, ede: number, rest: Rest): void {
    const slot = this.#renew(query, flags, hash, nowMs);
    slot.message = NO_OCTETS;
    slot.ede = ede;
    if (rest === "none") slot.untilMs = nowMs;
    else this.#rest(slot, nowMs, rest === "growing");
  }

  /** The slot of the question from now on. */
  #renew(query: Query, flags: number, hash: number, nowMs: number): Slot {
    const place = this.#placeFor(query, flags, hash);
    const slot = this.#slots[place] ?? new Slot();
    this.#slots[place] = slot;
    if (!slot.isFor(query, flags, hash)) slot.lastsMs = 0;
    slot.hash = hash;
    slot.flags = flags;
    slot.questionOctets = query.questionOctets;
    copyOctets(query.question, 0, slot.question, 0, query.questionOctets);
    slot.failedMs = nowMs;
    slot.isFinal = false;
    this.#untilMs = Math.max(this.#untilMs, nowMs + this.#limits.recheckMs);
    return slot;
  }

  #rest(slot: Slot, nowMs: number, grows: boolean): void {
    const again = grows && slot.lastsMs > 0 && nowMs < slot.untilMs + slot.lastsMs;
    slot.lastsMs = again ? Math.min(2 * slot.lastsMs, this.#limits.maxMs) : this.#limits.firstMs;
    slot.untilMs = nowMs + slot.lastsMs;
    this.#untilMs = Math.max(this.#untilMs, slot.untilMs);
  }

  #endOf(slot: Slot): number {
    return Math.max(slot.untilMs, slot.failedMs + this.#limits.recheckMs);
  }

  /** Where the question is, or would be: in a slot that is free, or the one that ends first. */
  #placeFor(query: Query, flags: number, hash: number): number {
    const first = groupOf(hash);
    let best = first;
    for (let place = first; place < first + SLOTS_A_GROUP; place++) {
      if (this.#slots[place]?.isFor(query, flags, hash)) return place;
      if (this.#endAt(place) < this.#endAt(best)) best = place;
    }
    return best;
  }

  #endAt(place: number): number {
    const slot = this.#slots[place];
    return slot === undefined ? 0 : this.#endOf(slot);
  }
}

/** The first slot of its group. */
function groupOf(hash: number): number {
  return ((hash ^ (hash >>> 16)) & (GROUPS - 1)) * SLOTS_A_GROUP;
}
