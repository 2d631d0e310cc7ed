/**
 * Queries as they arrive, alone or many together, on their way to the resolver: each is given the hash that everything
 * looks it up by. Of those that came together all hashes are known before the first is answered, so that what they lead
 * to in the cache comes from memory for all at the same time.
 */

import type { QuestionHash } from "../cache/store/hash.ts";
import type { CacheStore } from "../cache/store/store.ts";
import type { BatchHandler, QueryHandler } from "../listener/query-handler.ts";
import { BATCH_DATAGRAMS, DATAGRAM_STRIDE, PEER_OCTETS } from "../runtime/runtime.ts";
import { HEADER_OCTETS } from "../wire/protocol.ts";
import { plainQuestionOctets } from "../wire/query.ts";
import type { Resolver } from "./resolver.ts";

/** Of a packet without a question; the resolver looks nothing up for it. */
const NO_HASH = 0;

export class Arrivals {
  readonly #resolver: Pick<Resolver, "handle">;
  readonly #hash: QuestionHash;
  readonly #store: Pick<CacheStore, "approach"> | undefined;
  readonly #hashes = new Uint32Array(BATCH_DATAGRAMS);

  constructor(
    resolver: Pick<Resolver, "handle">,
    hash: QuestionHash,
    store: Pick<CacheStore, "approach"> | undefined = undefined,
  ) {
    this.#resolver = resolver;
    this.#hash = hash;
    this.#store = store;
  }

  readonly onQuery: QueryHandler = (octets, start, length, sink, peers, peerStart, nowMs) => {
    const hash = this.#hashOf(octets, start, length);
    return this.#resolver.handle(octets, start, length, hash, sink, peers, peerStart, nowMs);
  };

  readonly onBatch: BatchHandler = ({ count, octets, lengths, peers }, sink, nowMs) => {
    const hashes = this.#hashes;
    for (let i = 0; i < count; i++) hashes[i] = this.#hashOf(octets, i * DATAGRAM_STRIDE, lengths[i]!);
    this.#store?.approach(hashes, count);
    for (let i = 0; i < count; i++) {
      const start = i * DATAGRAM_STRIDE;
      this.#resolver.handle(octets, start, lengths[i]!, hashes[i]!, sink, peers, i * PEER_OCTETS, nowMs);
    }
  };

  #hashOf(octets: Uint8Array, start: number, length: number): number {
    const questionOctets = plainQuestionOctets(octets, start, length);
    return questionOctets === 0 ? NO_HASH : this.#hash(octets, start + HEADER_OCTETS, questionOctets);
  }
}
