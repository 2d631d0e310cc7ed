/** Answers kept, as queries need them: what is found and how old it is, what it becomes, what is kept of a new one. */

import type { CacheTime } from "../cache/cache-time.ts";
import { type LifetimeLimits, lifetimeOf } from "../cache/lifetime.ts";
import { PendingEnds } from "../cache/pending-ends.ts";
import { type CacheStore, type FoundEntry, KEY_CD, KEY_DENIAL, KEY_DO } from "../cache/store/store.ts";
import type { Clock } from "../runtime/runtime.ts";
import { ageTtls, setTtls, writeAnswer } from "../wire/compose.ts";
import { isBlocked } from "../wire/options.ts";
import { AD, EDE, RCODE } from "../wire/protocol.ts";
import type { Query } from "../wire/query.ts";
import { answerCount } from "../wire/records.ts";
import type { MessageLayout } from "../wire/response.ts";
import { KeptDenials } from "./kept-denials.ts";
import { StaleChoice } from "./stale-choice.ts";

export interface CachedAnswersParts {
  readonly store: CacheStore;
  readonly clock: Pick<Clock, "after">;
  /** The cache's time (cache/cache-time.ts) at the clock's nowMs. */
  readonly time: Pick<CacheTime, "at" | "msAt">;
  readonly lifetime: LifetimeLimits;
  /** How long past its end an answer may be used; 0: not at all. */
  readonly staleSeconds: number;
}

/** What look() found. */
export const Freshness = { NONE: 0, FRESH: 1, STALE: 2 } as const;
export type Freshness = (typeof Freshness)[keyof typeof Freshness];

/** RFC 8767, 4: the TTL of a stale answer. */
const STALE_TTL_SECONDS = 30;
/** The part of its life after which an answer that is asked for is refreshed. */
const ENDING = 0.9;
/** Ages above are of entries stored a moment ahead of this thread's time. */
const MAX_AGE_DS = 2 ** 31;

/** DO and CD change what an upstream answers (RFC 4035, 3.2). */
export function keyFlags(query: Query): number {
  return (query.dnssecOk ? KEY_DO : 0) | (query.cd ? KEY_CD : 0);
}

export class CachedAnswers {
  readonly #store: CacheStore;
  readonly #parts: CachedAnswersParts;
  readonly #ends: PendingEnds;
  readonly #denials: KeptDenials;
  readonly #stale: StaleChoice;
  #ageDs = 0;
  #nowDs = 0;
  /** What was found is of a query with other flags. */
  #isForeign = false;
  readonly #isFresh = () => this.#freshness() === Freshness.FRESH;
  readonly #isUsable = () => this.#freshness() !== Freshness.NONE;

  constructor(parts: CachedAnswersParts) {
    this.#store = parts.store;
    this.#parts = parts;
    this.#ends = new PendingEnds(parts.store, parts.clock);
    this.#denials = new KeptDenials(parts.store, this.#ends);
    this.#stale = new StaleChoice(parts.store, this.#denials, this.#ends);
  }

  /** What the last look() found, when that was not NONE. */
  get found(): FoundEntry {
    return this.#store.found;
  }

  /** Looks for an answer to the query, whose key is `flags` and `hash`. */
  look(query: Query, flags: number, hash: number, nowMs: number): Freshness {
    this.#nowDs = this.#parts.time.at(nowMs);
    this.#isForeign = false;
    if (this.#store.find(query.question, query.questionOctets, flags, hash) && this.#isFresh()) return Freshness.FRESH;
    if (this.#denials.find(query, flags, this.#isFresh)) return Freshness.FRESH;
    if (this.#parts.staleSeconds === 0 || !this.#stale.find(query, flags, hash, this.#isUsable)) return Freshness.NONE;
    this.#isForeign = ((this.#store.found.flags ^ flags) & (KEY_DO | KEY_CD)) !== 0;
    return Freshness.STALE;
  }

  /** Whether what was found ends so soon that it should be refreshed. */
  get isEnding(): boolean {
    const { found } = this.#store;
    return this.#ageDs >= found.lifetimeSeconds * 10 * ENDING && (found.flags & KEY_DENIAL) === 0;
  }

  /** Whether the caller is to refresh what was found; nobody else will be told so. */
  claimRefresh(): boolean {
    return this.#store.claimRefresh();
  }

  /** Writes what was found as writeAnswer() does, with its TTLs of now. -1 if another thread overwrote it meanwhile. */
  write(room: Uint8Array, at: number, limit: number, query: Query, udpPayloadSize: number, isStale: boolean): number {
    const { found, octets } = this.#store;
    const ede = isStale ? (found.rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN_ANSWER : EDE.STALE_ANSWER) : EDE.NONE;
    const length = writeAnswer(room, at, limit, query, udpPayloadSize, octets, found.messageStart, found, ede);
    // Without its signatures, or checked for another query: nobody vouches for it to this client.
    if (this.#isForeign) room[at + 3]! &= ~AD;
    if (isStale) setTtls(room, at, found, STALE_TTL_SECONDS, query.questionOctets);
    else ageTtls(room, at, found, Math.floor(this.#ageDs / 10), query.questionOctets);
    return this.#store.intact ? length : -1;
  }

  /**
   * Keeps an upstream's answer for as long as it may be; its TTLs become those that clients are shown. Whatever is older
   * is replaced, or forgotten if the answer may not be kept. `beganMs`: when it was asked for. A failure changes nothing:
   * an upstream that starts refusing must not take what is given when nobody answers.
   */
  keep(
    query: Query,
    flags: number,
    hash: number,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    beganMs: number,
    nowMs: number,
  ): void {
    const isNegative = layout.rcode === RCODE.NXDOMAIN;
    if (layout.rcode !== RCODE.NOERROR && !isNegative && !isBlocked(octets, start, layout)) return;
    const { time, lifetime } = this.#parts;
    const seconds = lifetimeOf(octets, start, layout, query.qtype, lifetime);
    const nowDs = time.at(nowMs);
    // A clock that went back meanwhile tells nothing of it.
    const askedMs = (time.msAt(nowMs) - Math.max(0, Math.floor(nowMs - beganMs))) | 0;
    const isKept = seconds > 0 && this.#store.put(flags, hash, octets, start, layout, seconds, nowDs, askedMs);
    if (!isKept) this.#ends.end(query.question, query.questionOctets, flags, hash, nowDs, askedMs);
    // The owner of an alias exists, even if its target does not (RFC 6604, 3).
    if (layout.rcode === RCODE.NOERROR || (isNegative && answerCount(octets, start) > 0)) {
      this.#denials.endThoseOf(query, octets, start, layout, nowDs, askedMs);
    }
    const isValidated = (octets[start + 3]! & AD) !== 0;
    if (isNegative && isValidated) {
      this.#denials.keep(flags, octets, start, layout, isKept ? seconds : 0, nowDs, askedMs);
    }
  }

  #freshness(): Freshness {
    const { storedDs, lifetimeSeconds } = this.#store.found;
    // An end.
    if (lifetimeSeconds === 0) return Freshness.NONE;
    const ageDs = (this.#nowDs - storedDs) >>> 0;
    this.#ageDs = ageDs > MAX_AGE_DS ? 0 : ageDs;
    if (this.#ageDs < lifetimeSeconds * 10) return Freshness.FRESH;
    const endsDs = (lifetimeSeconds + this.#parts.staleSeconds) * 10;
    return this.#ageDs < endsDs ? Freshness.STALE : Freshness.NONE;
  }
}
