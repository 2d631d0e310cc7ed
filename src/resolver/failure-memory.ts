/**
 * Questions that just failed, remembered for a moment (RFC 9520): clients ask again at once, and whoever could not
 * resolve a name a second ago cannot now. What is remembered is the upstream's own response, so that the second
 * client reads the same as the first.
 *
 * A question's place is one of the four slots that its hash names; where all are taken, the one that ends first gives
 * way. So memory is bounded, however many names fail.
 */

import { fold, sameQuestion } from "../wire/name.ts";
import { copyOctets } from "../wire/octets.ts";
import type { Query } from "../wire/query.ts";

export interface FailureMemoryLimits {
  /** How long the first failure of a question is remembered; RFC 9520, 3.2 asks for at least 1 s. */
  readonly firstMs: number;
  /** Doubled with each failure in a row, up to this. */
  readonly maxMs: number;
}

const GROUPS = 1024;
const SLOTS_A_GROUP = 4;
/** A longer response of failure is not remembered; they are short. */
const MESSAGE_OCTETS = 512;
const MAX_QUESTION_OCTETS = 259;

class Slot {
  readonly question = new Uint8Array(MAX_QUESTION_OCTETS);
  questionOctets = 0;
  /** CD and DO: with them the same name may well resolve. */
  flags = 0;
  readonly message = new Uint8Array(MESSAGE_OCTETS);
  messageOctets = 0;
  untilMs = 0;
  lastsMs = 0;
}

export class FailureMemory {
  readonly #limits: FailureMemoryLimits;
  readonly #slots: (Slot | undefined)[] = new Array(GROUPS * SLOTS_A_GROUP);
  /** Until when anything at all is remembered: most of the time nothing is, and looking costs a comparison. */
  #untilMs = 0;

  constructor(limits: FailureMemoryLimits) {
    this.#limits = limits;
  }

  /** The response this question failed with, from its header on; undefined if none is remembered. Valid until the next call. */
  find(query: Query, nowMs: number): Uint8Array | undefined {
    if (nowMs >= this.#untilMs) return undefined;
    const first = groupOf(query);
    for (let place = first; place < first + SLOTS_A_GROUP; place++) {
      const slot = this.#slots[place];
      if (slot !== undefined && nowMs < slot.untilMs && isFor(slot, query)) {
        return slot.message.subarray(0, slot.messageOctets);
      }
    }
    return undefined;
  }

  /** Remembers the response octets[start, start + length), if it is not too long. */
  remember(query: Query, nowMs: number, octets: Uint8Array, start: number, length: number): void {
    if (length > MESSAGE_OCTETS) return;
    const slot = this.#slotFor(query);
    const again = isFor(slot, query) && nowMs < slot.untilMs + slot.lastsMs;
    slot.lastsMs = again ? Math.min(2 * slot.lastsMs, this.#limits.maxMs) : this.#limits.firstMs;
    slot.untilMs = nowMs + slot.lastsMs;
    slot.flags = flagsOf(query);
    slot.questionOctets = query.questionOctets;
    copyOctets(query.question, 0, slot.question, 0, query.questionOctets);
    slot.messageOctets = length;
    copyOctets(octets, start, slot.message, 0, length);
    this.#untilMs = Math.max(this.#untilMs, slot.untilMs);
  }

  /** The slot that holds the question, else one that is free, else the one that ends first. */
  #slotFor(query: Query): Slot {
    const first = groupOf(query);
    let best = first;
    for (let place = first; place < first + SLOTS_A_GROUP; place++) {
      const slot = this.#slots[place];
      if (slot !== undefined && isFor(slot, query)) return slot;
      if ((slot?.untilMs ?? 0) < (this.#slots[best]?.untilMs ?? 0)) best = place;
    }
    const slot = this.#slots[best] ?? new Slot();
    this.#slots[best] = slot;
    return slot;
  }
}

function flagsOf(query: Query): number {
  return (query.cd ? 1 : 0) | (query.dnssecOk ? 2 : 0);
}

function isFor(slot: Slot, query: Query): boolean {
  return (
    slot.questionOctets === query.questionOctets &&
    slot.flags === flagsOf(query) &&
    sameQuestion(slot.question, 0, query.question, 0, query.questionOctets)
  );
}

/** The first slot of its group: FNV-1a over the question, its name in lower case. */
function groupOf(query: Query): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < query.questionOctets; i++) hash = Math.imul(hash ^ fold(query.question[i]!), 0x01000193);
  return ((hash ^ (hash >>> 16)) & (GROUPS - 1)) * SLOTS_A_GROUP;
}
