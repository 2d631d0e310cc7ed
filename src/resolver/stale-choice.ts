/**
 * What is given when nobody answers (RFC 8767): never anything older than the newest that is known of the question,
 * however its DO and CD were, since what has ended for one client has ended for all.
 *
 * An answer without signatures may stand in where they were asked for, and one to a query without CD for one with it.
 * Not the other way round: who did not ask for signatures must not get them (RFC 4035, 3.2.1), and who did not ask for
 * what is unchecked should not. Then the client's own older answer is given only if the newest says the same.
 */

import type { PendingEnds } from "../cache/pending-ends.ts";
import { sayTheSame } from "../cache/same-answers.ts";
import { type CacheStore, KEY_CD, KEY_DO } from "../cache/store/store.ts";
import { RCODE, TYPE } from "../wire/protocol.ts";
import type { Query } from "../wire/query.ts";
import { typeOf } from "../wire/records.ts";
import type { KeptDenials } from "./kept-denials.ts";

export class StaleChoice {
  readonly #store: CacheStore;
  readonly #denials: KeptDenials;
  readonly #ends: PendingEnds;

  constructor(store: CacheStore, denials: KeptDenials, ends: PendingEnds) {
    this.#store = store;
    this.#denials = denials;
    this.#ends = ends;
  }

  /** Whether there is something to give: the store's `found` describes it. `isUsable` tells of `found` by its age. */
  find(query: Query, flags: number, hash: number, isUsable: () => boolean): boolean {
    const store = this.#store;
    const { question, questionOctets } = query;
    if (!store.findNewest(question, questionOctets, flags, hash) || !this.#ends.settle()) return false;
    const newestFlags = store.newest.flags;
    const deniedAt = this.#denials.newerThan(query, flags, store.newest);
    const hasOwn = () => store.find(question, questionOctets, flags, hash) && isUsable();
    if (deniedAt >= 0) {
      if (hasOwn() && store.found.rcode === RCODE.NXDOMAIN) return true;
      return this.#denials.findNewestAt(query, flags, deniedAt) && isUsable() && this.#isFor(flags);
    }
    if (hasOwn() && (newestFlags === flags || this.#agreesWithNewest(query, hash))) return true;
    if (newestFlags === flags) return false;
    return store.find(question, questionOctets, newestFlags, hash) && isUsable() && this.#isFor(flags);
  }

  /** Whether the newest says the same as what was found. */
  #agreesWithNewest(query: Query, hash: number): boolean {
    const store = this.#store;
    const { question, questionOctets } = query;
    if (!store.findNewest(question, questionOctets, store.found.flags, hash)) return false;
    if (store.newest.lifetimeSeconds === 0) return false;
    return sayTheSame(store.octets, store.found, store.newest) && store.intact && store.newestIntact;
  }

  /** Whether what was found may be given to a query with these flags. */
  #isFor(flags: number): boolean {
    const { found } = this.#store;
    if ((found.flags & KEY_CD) > (flags & KEY_CD)) return false;
    return (found.flags & KEY_DO) <= (flags & KEY_DO) || !this.#hasSignatures;
  }

  get #hasSignatures(): boolean {
    const { found, octets } = this.#store;
    for (let i = 0; i < found.ttlCount; i++) {
      const type = typeOf(octets, found.messageStart, found, i);
      if (type === TYPE.RRSIG || type === TYPE.NSEC || type === TYPE.NSEC3) return true;
    }
    return false;
  }
}
