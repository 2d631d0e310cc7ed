/** Answers kept, as queries need them: what is found and how old it is, what it becomes, what is kept of a new one. */

import type { CacheTime } from "../cache/cache-time.ts";
import { writeDenial, writeDenialQuestion } from "../cache/denial.ts";
import { type LifetimeLimits, lifetimeOf } from "../cache/lifetime.ts";
import { type CacheStore, type FoundEntry, KEY_CD, KEY_DENIAL, KEY_DO } from "../cache/store.ts";
import { ageTtls, setTtls, writeAnswer } from "../wire/compose.ts";
import { parentAt } from "../wire/name.ts";
import { copyOctets } from "../wire/octets.ts";
import { AD, EDE, HEADER_OCTETS, MAX_QUESTION_OCTETS, RCODE } from "../wire/protocol.ts";
import type { Query } from "../wire/query.ts";
import { type MessageLayout, ResponseLayout } from "../wire/response.ts";

export interface CachedAnswersParts {
  readonly store: CacheStore;
  /** The cache's time, in tenths of a second (cache/cache-time.ts), at the clock's nowMs. */
  readonly time: Pick<CacheTime, "at">;
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
/** A longer denial is not kept: one is an SOA, and up to four records of NSEC or NSEC3 with their signatures. */
const DENIAL_OCTETS = 4096;
/** Ages above are of entries stored a moment ahead of this thread's time. */
const MAX_AGE_DS = 2 ** 31;

/** DO and CD change what an upstream answers (RFC 4035, 3.2). */
export function keyFlags(query: Query): number {
  return (query.dnssecOk ? KEY_DO : 0) | (query.cd ? KEY_CD : 0);
}

export class CachedAnswers {
  readonly #store: CacheStore;
  readonly #parts: CachedAnswersParts;
  #ageDs = 0;
  /** The question of a denial: an ancestor's name, type 0. */
  readonly #denied = new Uint8Array(MAX_QUESTION_OCTETS);
  readonly #denial = new Uint8Array(DENIAL_OCTETS);
  readonly #denialLayout = new ResponseLayout();

  constructor(parts: CachedAnswersParts) {
    this.#store = parts.store;
    this.#parts = parts;
  }

  /** What the last look() found, when that was not NONE. */
  get found(): FoundEntry {
    return this.#store.found;
  }

  /** Looks for an answer to the query, whose key is `flags` and `hash`. */
  look(query: Query, flags: number, hash: number, nowMs: number): Freshness {
    const nowDs = this.#parts.time.at(nowMs);
    const exact = this.#store.find(query.question, query.questionOctets, flags, hash)
      ? this.#freshness(nowDs)
      : Freshness.NONE;
    if (exact === Freshness.FRESH || this.#store.counters.denials === 0) return exact;
    if (this.#lookForDenial(query, flags, nowDs)) return Freshness.FRESH;
    // The search for a denial took the place of what was found.
    if (exact === Freshness.NONE || !this.#store.find(query.question, query.questionOctets, flags, hash)) {
      return Freshness.NONE;
    }
    return this.#freshness(nowDs);
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
    if (isStale) setTtls(room, at, found, STALE_TTL_SECONDS, query.questionOctets);
    else ageTtls(room, at, found, Math.floor(this.#ageDs / 10), query.questionOctets);
    return this.#store.intact ? length : -1;
  }

  /** Keeps an upstream's answer for as long as it may be; its TTLs become those that clients are shown. */
  keep(
    qtype: number,
    flags: number,
    hash: number,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    nowMs: number,
  ): void {
    const seconds = lifetimeOf(octets, start, layout, qtype, this.#parts.lifetime);
    if (seconds === 0) return;
    const nowDs = this.#parts.time.at(nowMs);
    this.#store.put(flags, hash, octets, start, layout, seconds, nowDs);
    const isValidated = (octets[start + 3]! & AD) !== 0;
    if (layout.rcode === RCODE.NXDOMAIN && isValidated) this.#keepDenial(flags, octets, start, layout, seconds, nowDs);
  }

  /** RFC 8020: what was validated not to exist has nothing below it, of any type. */
  #keepDenial(
    flags: number,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    seconds: number,
    nowDs: number,
  ): void {
    const written = writeDenial(this.#denial, octets, start, layout);
    if (written === 0 || !this.#denialLayout.scan(this.#denial, 0, written)) return;
    const { questionOctets } = this.#denialLayout;
    copyOctets(this.#denial, HEADER_OCTETS, this.#denied, 0, questionOctets);
    const denialFlags = flags | KEY_DENIAL;
    const hash = this.#store.hash(this.#denied, 0, questionOctets);
    this.#store.put(denialFlags, hash, this.#denial, 0, this.#denialLayout, seconds, nowDs);
  }

  /** Whether the name, or one above it, is denied at this time. */
  #lookForDenial(query: Query, flags: number, nowDs: number): boolean {
    const denialFlags = flags | KEY_DENIAL;
    for (let at = 0; at >= 0; at = parentAt(query.question, at)) {
      const octets = writeDenialQuestion(this.#denied, query.question, query.questionOctets, at);
      const hash = this.#store.hash(this.#denied, 0, octets);
      if (!this.#store.find(this.#denied, octets, denialFlags, hash)) continue;
      if (this.#freshness(nowDs) === Freshness.FRESH) return true;
    }
    return false;
  }

  #freshness(nowDs: number): Freshness {
    const { storedDs, lifetimeSeconds } = this.#store.found;
    const ageDs = (nowDs - storedDs) >>> 0;
    this.#ageDs = ageDs > MAX_AGE_DS ? 0 : ageDs;
    if (this.#ageDs < lifetimeSeconds * 10) return Freshness.FRESH;
    const endsDs = (lifetimeSeconds + this.#parts.staleSeconds) * 10;
    return this.#ageDs < endsDs ? Freshness.STALE : Freshness.NONE;
  }
}
