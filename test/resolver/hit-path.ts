/**
 * What a query that the cache answers leaves on the heap, as the runtime says: the program behind hit-allocation.ts, as
 * whatever else a process does would be counted too. Prints one line of JSON.
 */

import { heapStats } from "bun:jsc";
import type { ResponseSink } from "../../src/listener/query-handler.ts";
import { PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { CacheScene, positive, stubQuery } from "../support/cache-scene.ts";
import { peerOf } from "../support/fake-sink.ts";

const NAMES = 1000;
/** Until the code is compiled, and compiled again as what runs often. */
const WARM_UP_HITS = 2_000_000;
/** So few that a collection is not due meanwhile if each leaves an object. */
const COUNTED_HITS = 100_000;
const MAX_UDP_OCTETS = 1232;

/** A place for responses as a UDP socket has it, which forgets them. */
class Place implements ResponseSink {
  readonly transport = "udp";
  readonly isFull = false;
  readonly room = new Uint8Array(MAX_UDP_OCTETS);
  committed = 0;

  whenRoom(): void {}

  limitFor(udpPayloadSize: number): number {
    return Math.min(udpPayloadSize, MAX_UDP_OCTETS);
  }

  reserve(): number {
    return 0;
  }

  commit(): void {
    this.committed++;
  }
}

export interface HitAllocation {
  /** Octets of heap a hit takes. */
  readonly hitOctets: number;
  /** The same when one object of two fields is made for each: what the measure shows when there is something. */
  readonly controlOctets: number;
}

let kept: unknown;

function measure(): HitAllocation {
  const scene = new CacheScene();
  const queries = Array.from({ length: NAMES }, (_, i) => stubQuery(`n${i}.test`));
  for (let i = 0; i < NAMES; i++) scene.learn(positive(3600), `n${i}.test`);
  const place = new Place();
  const peers = peerOf("127.0.0.1", 5353);
  const hit = (i: number) => {
    const query = queries[i % NAMES]!;
    scene.arrivals.onQuery(query, 0, query.length, place, peers, PEER_OCTETS, 1000);
  };
  const control = (i: number) => {
    hit(i);
    kept = { query: i, reply: place.committed };
  };
  for (const run of [hit, control]) for (let i = 0; i < WARM_UP_HITS; i++) run(i);
  const [hitOctets, controlOctets] = [growthOf(hit), growthOf(control)];
  const hits = 2 * (WARM_UP_HITS + COUNTED_HITS);
  const { ofCache } = scene.resolver.counters;
  if (place.committed !== hits || ofCache.hits !== hits || kept === undefined) throw new Error("not all were hits");
  return { hitOctets, controlOctets };
}

/** By how many octets a call makes the heap grow, where nothing is collected meanwhile. */
function growthOf(run: (i: number) => void): number {
  Bun.gc(true);
  const before = heapStats().heapCapacity;
  for (let i = 0; i < COUNTED_HITS; i++) run(i);
  return (heapStats().heapCapacity - before) / COUNTED_HITS;
}

console.log(JSON.stringify(measure()));
