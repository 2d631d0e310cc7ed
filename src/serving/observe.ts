/** What an observer of fdns sees of what serves: of the only worker, or of all together. */

import type { CacheCounters } from "../cache/store/store.ts";
import type { ResolverCounters } from "../resolver/counters.ts";
import type { UdpCounters } from "../runtime/runtime.ts";
import type { ObservedUpstream } from "../upstream/counters.ts";
import { mergedGauges } from "../upstream/gauges.ts";
import type { SharedFigures } from "./figures.ts";
import type { Serving } from "./serving.ts";

export interface ObservedServing {
  readonly resolver: { readonly counters: ResolverCounters; readonly waiting: number };
  /** undefined where nothing is kept. */
  readonly cache: Pick<CacheCounters, "entries" | "octetsUsed" | "capacityOctets" | "stores" | "evictions"> | undefined;
  readonly listeners: { readonly udpCounters: Readonly<UdpCounters> };
  readonly clients: {
    /** Connections that are open. */
    readonly count: number;
    readonly counters: { readonly accepted: number; readonly refused: number };
  };
  readonly upstreams: { readonly inFlight: number; readonly members: readonly ObservedUpstream[] };
  /** One by one, where there are several. */
  readonly workers: readonly ObservedWorker[];
}

export interface ObservedWorker {
  readonly queries: number;
  /** How often another thread took the place of one that was gone. */
  readonly replaced: number;
}

/** As it is now. Of other workers, what upstreams are like is up to a second old. `shared`: of several workers. */
export function observe(serving: Serving, shared: SharedFigures | undefined): ObservedServing {
  const { resolver, store, listeners, clients, upstreams } = serving;
  const cache = store?.counters;
  if (shared === undefined) return { resolver, cache, listeners, clients, upstreams, workers: [] };
  const sum = shared.sum();
  const others = shared.workers.slice(1);
  const members = upstreams.members.map((upstream, i) => ({
    identity: upstream.identity,
    counters: sum.upstreams[i]!,
    gauges: () => mergedGauges([upstream.gauges(), ...others.map(({ gauges }) => gauges[i]!.read())]),
  }));
  return {
    resolver: { counters: sum.resolver, waiting: sum.waiting[0]! },
    cache,
    listeners: { udpCounters: sum.udp },
    clients: { count: sum.open.all[0]!, counters: sum.tcp },
    upstreams: {
      inFlight: members.reduce((total, upstream) => total + upstream.gauges().inFlight, 0),
      members,
    },
    workers: shared.workers.map((worker) => ({
      queries: worker.resolver.queries("udp") + worker.resolver.queries("tcp"),
      replaced: worker.replaced[0]!,
    })),
  };
}
