/** Denials (cache/denial.ts) in the cache: kept, looked for, and given up when a newer answer shows that a name exists. */

import { writeDenial, writeDenialQuestion } from "../cache/denial.ts";
import { isNewer } from "../cache/newer.ts";
import type { PendingEnds } from "../cache/pending-ends.ts";
import { type CacheStore, type FoundEntry, KEY_DENIAL } from "../cache/store/store.ts";
import { parentAt, readName } from "../wire/name.ts";
import { copyOctets, readUint16 } from "../wire/octets.ts";
import { HEADER_OCTETS, MAX_QUESTION_OCTETS, RCODE } from "../wire/protocol.ts";
import type { Query } from "../wire/query.ts";
import { answerCount, ownerAt } from "../wire/records.ts";
import { type MessageLayout, ResponseLayout } from "../wire/response.ts";

/** A longer denial is not kept: one is an SOA, and up to four records of NSEC or NSEC3 with their signatures. */
const DENIAL_OCTETS = 4096;
/** Records of an answer whose owners are looked at. */
const MAX_OWNERS = 32;
/** The owner of most answers: a pointer to the question's name. */
const TO_QUESTION = 0xc000 | HEADER_OCTETS;

export class KeptDenials {
  readonly #store: CacheStore;
  readonly #ends: PendingEnds;
  /** The question of a denial: an ancestor's name, type 0. */
  readonly #denied = new Uint8Array(MAX_QUESTION_OCTETS);
  readonly #denial = new Uint8Array(DENIAL_OCTETS);
  readonly #layout = new ResponseLayout();
  /** A name that exists, as a question of the class that was asked. */
  readonly #owner = new Uint8Array(MAX_QUESTION_OCTETS);

  constructor(store: CacheStore, ends: PendingEnds) {
    this.#store = store;
    this.#ends = ends;
  }

  /** Finds the denial of the query's name, or of the nearest name above it, that `isGood` says can be used. */
  find(query: Query, flags: number, isGood: () => boolean): boolean {
    if (this.#store.counters.denials === 0) return false;
    for (let at = 0; at >= 0; at = parentAt(query.question, at)) {
      if (this.#findAt(query, flags, at) && isGood()) return true;
    }
    return false;
  }

  /**
   * Where the name begins, in the query's, whose denial is the newest and newer than `than`; -1 if there is none. The
   * store's `newest` describes something else then.
   */
  newerThan(query: Query, flags: number, than: FoundEntry): number {
    if (this.#store.counters.denials === 0) return -1;
    let { askedMs, storedDs } = than;
    let newestAt = -1;
    for (let at = 0; at >= 0; at = parentAt(query.question, at)) {
      if (!this.#findNewestAt(query, flags, at)) continue;
      const { newest } = this.#store;
      if (newest.rcode !== RCODE.NXDOMAIN || !isNewer(newest.askedMs, newest.storedDs, askedMs, storedDs)) continue;
      newestAt = at;
      ({ askedMs, storedDs } = newest);
    }
    return newestAt;
  }

  /** Finds the newest denial of the name that begins at `at` in the query's: `found` describes it. */
  findNewestAt(query: Query, flags: number, at: number): boolean {
    return this.#findNewestAt(query, flags, at) && this.#findAt(query, this.#store.newest.flags, at);
  }

  /**
   * RFC 8020: what was validated not to exist has nothing below it, of any type. One that may be given for 0 s is kept, too,
   * as it says that what is older is over.
   */
  keep(
    flags: number,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    seconds: number,
    storedDs: number,
    askedMs: number,
  ): void {
    const written = writeDenial(this.#denial, octets, start, layout);
    if (written === 0 || !this.#layout.scan(this.#denial, 0, written)) return;
    const { questionOctets } = this.#layout;
    copyOctets(this.#denial, HEADER_OCTETS, this.#denied, 0, questionOctets);
    const hash = this.#store.hash(this.#denied, 0, questionOctets);
    this.#store.put(flags | KEY_DENIAL, hash, this.#denial, 0, this.#layout, seconds, storedDs, askedMs);
  }

  /** The owners of the answer's records, and the name that was asked for, exist: older denials of them are over. */
  endThoseOf(
    query: Query,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    storedDs: number,
    askedMs: number,
  ): void {
    if (this.#store.counters.denials === 0) return;
    this.#endAbove(query.question, query.questionOctets, storedDs, askedMs);
    const answers = Math.min(answerCount(octets, start), MAX_OWNERS);
    let before = TO_QUESTION;
    for (let i = 0; i < answers; i++) {
      const ownerStart = ownerAt(octets, start, layout, i);
      const pointer = readUint16(octets, ownerStart);
      if (pointer === before) continue;
      before = pointer;
      const nameOctets = readName(octets, ownerStart, start + layout.bodyOctets, start, this.#owner, 0);
      if (nameOctets < 0) continue;
      copyOctets(query.question, query.questionOctets - 4, this.#owner, nameOctets, 4);
      this.#endAbove(this.#owner, nameOctets + 4, storedDs, askedMs);
    }
  }

  /** Ends the denials of a question's name and of those above it. */
  #endAbove(question: Uint8Array, questionOctets: number, storedDs: number, askedMs: number): void {
    for (let at = 0; at >= 0; at = parentAt(question, at)) {
      const octets = writeDenialQuestion(this.#denied, question, questionOctets, at);
      const hash = this.#store.hash(this.#denied, 0, octets);
      if (!this.#store.findNewest(this.#denied, octets, KEY_DENIAL, hash)) continue;
      if (this.#store.newest.rcode !== RCODE.NXDOMAIN) continue;
      this.#ends.end(this.#denied, octets, KEY_DENIAL, hash, storedDs, askedMs);
    }
  }

  #findAt(query: Query, flags: number, at: number): boolean {
    const octets = writeDenialQuestion(this.#denied, query.question, query.questionOctets, at);
    const hash = this.#store.hash(this.#denied, 0, octets);
    return this.#store.find(this.#denied, octets, flags | KEY_DENIAL, hash);
  }

  #findNewestAt(query: Query, flags: number, at: number): boolean {
    const octets = writeDenialQuestion(this.#denied, query.question, query.questionOctets, at);
    const hash = this.#store.hash(this.#denied, 0, octets);
    return this.#store.findNewest(this.#denied, octets, flags | KEY_DENIAL, hash);
  }
}
