/**
 * What `fdns cache` and the running fdns say to each other over the control socket: one line of words there, lines
 * back, of which the last says how it ended. Only the same version of fdns is expected at the other end.
 *
 *   > flush example.com.
 *   <  3
 *   < ok
 */

/** Behind it stands a line of the answer; a line without it is the last. */
export const LINE_MARK = " ";

export const DONE = "ok";

/** Behind it stands what went wrong, in one line. */
export const FAILED_MARK = "error: ";

/** A word for what to do, and a name of 255 octets of four characters each. */
export const MAX_REQUEST_OCTETS = 1100;

/** What is asked for; names are in presentation form, so without spaces. */
export const orders = {
  /** One line of JSON: a CacheReport. */
  stats: "stats",
  /** One line: how many answers are forgotten. */
  flush: "flush",
  flushName: "flush-name",
  flushSubtree: "flush-subtree",
  /** Every answer in presentation form. */
  dump: "dump",
} as const;

/** What the resolver counts; since the start. */
export interface CacheFigures {
  /** Queries answered from the cache with what was still good. */
  readonly hits: number;
  /** Queries looked up for which there was nothing good; those answered with a stale answer in the end too. */
  readonly misses: number;
  /** Queries answered with what was no longer good, as no upstream answered (RFC 8767). */
  readonly stale: number;
  /** Misses that waited for an answer which was on its way already. */
  readonly coalesced: number;
  /** Answers asked for again before they ended. */
  readonly prefetches: number;
}

/** What `fdns cache stats --json` prints. */
export interface CacheReport extends CacheFigures {
  readonly entries: number;
  /** Of the entries, those that say that nothing exists below a name (RFC 8020). */
  readonly denials: number;
  readonly octetsUsed: number;
  readonly capacityOctets: number;
  readonly stores: number;
  readonly replaced: number;
  readonly evictions: number;
  /** Answers that were too large, or that could not be stored just then. */
  readonly refused: number;
}
