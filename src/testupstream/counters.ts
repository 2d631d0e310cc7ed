/** What the scripted upstream saw and did. */

import { type QueryFacts, queryFacts } from "./dns/query.ts";

/** Numbers only grow. */
export interface TestUpstreamCounters {
  connections: number;
  handshakes: number;
  handshakesResumed: number;
  handshakesFailed: number;
  /** Octets that arrived inside TLS; 0 shows that a client gave nothing away. */
  applicationOctets: number;
  queries: number;
  responses: number;
  /** Messages that were no query with one question that holds together. */
  malformedFrames: number;
  /** The most queries one connection had without their answers at once. */
  maxInFlight: number;
  maxQueriesPerConnection: number;
  /** Queries whose ID was that of one still in flight on the same connection. */
  idReuses: number;
  /** Queries whose length was no multiple of 128 octets (RFC 8467, 4.1). */
  unpaddedQueries: number;
  keyRotations: number;
}

export function newCounters(): TestUpstreamCounters {
  return {
    connections: 0,
    handshakes: 0,
    handshakesResumed: 0,
    handshakesFailed: 0,
    applicationOctets: 0,
    queries: 0,
    responses: 0,
    malformedFrames: 0,
    maxInFlight: 0,
    maxQueriesPerConnection: 0,
    idReuses: 0,
    unpaddedQueries: 0,
    keyRotations: 0,
  };
}

/** The counters at one moment, with the facts of the last query. */
export interface CounterReport extends TestUpstreamCounters {
  readonly allPadded128: boolean;
  readonly lastQuery: QueryFacts | null;
}

/** @param lastQuery the octets of the last query's message, if there was one. */
export function reportCounters(counters: TestUpstreamCounters, lastQuery: Uint8Array | undefined): CounterReport {
  return {
    ...counters,
    allPadded128: counters.unpaddedQueries === 0,
    lastQuery: lastQuery ? queryFacts(lastQuery) : null,
  };
}
