/** The queries of one turn, gathered for one write: one TLS record for all is the main reason why a query costs so little. */

import type { Query } from "../../wire/query.ts";
import { MAX_UPSTREAM_QUERY_OCTETS, writeUpstreamQuery } from "../../wire/upstream-query.ts";

/** The room made for a turn's queries when nothing is known of the next: a handful of padded ones. */
const FIRST_ROOM_OCTETS = 1024;
/** A larger room is made for a burst, and not kept. */
const MAX_KEPT_OCTETS = 16 * 1024;
const NO_ROOM = new Uint8Array(0);

export class OutgoingQueries {
  /** room[0, octets) is to be written. */
  #room = NO_ROOM;
  #octets = 0;
  #lastOctets = 0;
  /** What was written last. */
  #taken = NO_ROOM;

  /** Octets that wait. */
  get octets(): number {
    return this.#octets;
  }

  /** `isPlain`: without options, as writeUpstreamQuery() says. */
  add(id: number, query: Query, isPlain = false): void {
    this.#reserve();
    this.#octets += writeUpstreamQuery(this.#room, this.#octets, id, query, isPlain);
  }

  /** Everything that waits, the caller's until allWritten(). */
  take(): Uint8Array {
    const taken = this.#room.subarray(0, this.#octets);
    if (this.#room.length <= MAX_KEPT_OCTETS) this.#taken = this.#room;
    this.#lastOctets = this.#octets + MAX_UPSTREAM_QUERY_OCTETS;
    this.drop();
    return taken;
  }

  /** Nothing that was taken is needed any more, so its room can be used again. */
  allWritten(): void {
    if (this.#room.length === 0) this.#room = this.#taken;
    this.#taken = NO_ROOM;
  }

  drop(): void {
    this.#room = NO_ROOM;
    this.#octets = 0;
  }

  /** Makes room for one more query. */
  #reserve(): void {
    const wanted = this.#octets + MAX_UPSTREAM_QUERY_OCTETS;
    if (this.#room.length >= wanted) return;
    const larger = new Uint8Array(Math.max(wanted, this.#room.length * 2, this.#lastOctets, FIRST_ROOM_OCTETS));
    larger.set(this.#room.subarray(0, this.#octets));
    this.#room = larger;
  }
}
