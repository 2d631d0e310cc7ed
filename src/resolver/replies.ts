/** Composing what clients get, in the place it is sent from, and handing it over. */

import type { ResponseSink } from "../listener/query-handler.ts";
import type { UpstreamError } from "../upstream/exchange.ts";
import { mostAnswerOctets, OWN_RESPONSE_OCTETS, writeAnswer, writeOwnResponse } from "../wire/compose.ts";
import { EDE, TC } from "../wire/protocol.ts";
import type { Query } from "../wire/query.ts";
import type { MessageLayout } from "../wire/response.ts";
import type { CachedAnswers } from "./cached-answers.ts";
import type { ResolverCounters } from "./counters.ts";

export class Replies {
  /** What clients are told fdns takes over UDP (RFC 6891, 6.2.3), and the most it sends. */
  readonly #maxUdpOctets: number;
  readonly #counters: ResolverCounters;

  constructor(maxUdpOctets: number, counters: ResolverCounters) {
    this.#maxUdpOctets = maxUdpOctets;
    this.#counters = counters;
  }

  /** A response of fdns' own. */
  own(query: Query, rcode: number, ede: number, sink: ResponseSink, peers: Uint8Array, peerStart: number): void {
    const at = sink.reserve(OWN_RESPONSE_OCTETS);
    const length = writeOwnResponse(sink.room, at, query, rcode, ede, this.#maxUdpOctets);
    sink.commit(at, length, peers, peerStart);
  }

  /** The message octets[start...] of `layout`, patched for the client, with its TTLs as they are. */
  message(
    query: Query,
    octets: Uint8Array,
    start: number,
    layout: MessageLayout,
    sink: ResponseSink,
    peers: Uint8Array,
    peerStart: number,
  ): void {
    const limit = sink.limitFor(query.udpPayloadSize);
    const at = sink.reserve(Math.min(limit, mostAnswerOctets(query, layout)));
    const { room } = sink;
    const length = writeAnswer(room, at, limit, query, this.#maxUdpOctets, octets, start, layout);
    this.#commit(sink, at, length, peers, peerStart);
  }

  /** What look() found in the cache. False, and nothing is sent, if another thread overwrote it meanwhile. */
  cached(
    query: Query,
    answers: CachedAnswers,
    isStale: boolean,
    sink: ResponseSink,
    peers: Uint8Array,
    peerStart: number,
  ): boolean {
    const limit = sink.limitFor(query.udpPayloadSize);
    const at = sink.reserve(Math.min(limit, mostAnswerOctets(query, answers.found)));
    const length = answers.write(sink.room, at, limit, query, this.#maxUdpOctets, isStale);
    if (length < 0) return false;
    this.#commit(sink, at, length, peers, peerStart);
    return true;
  }

  #commit(sink: ResponseSink, at: number, length: number, peers: Uint8Array, peerStart: number): void {
    if ((sink.room[at + 2]! & TC) !== 0) this.#counters.truncated++;
    sink.commit(at, length, peers, peerStart);
  }
}

/** RFC 8914, 4.23 and 4.24: a network error, or no reachable authority when everyone stayed silent. */
export function edeOf(error: UpstreamError): number {
  switch (error.code) {
    case "connect":
    case "authentication":
    case "closed":
    case "unresolved":
      return EDE.NETWORK_ERROR;
    case "timeout":
    case "malformed":
      return EDE.NO_REACHABLE_AUTHORITY;
    default:
      return EDE.OTHER;
  }
}
