/** The orders about the cache: statistics, forgetting, showing. Each goes over the cache in slices. */

import type { CacheTime } from "../cache/cache-time.ts";
import { nextTurn, walkSlice } from "../cache/store/slices.ts";
import type { CacheStore } from "../cache/store/store.ts";
import { quoted } from "../observe/quoted.ts";
import { parseName } from "../presentation/name.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Answer } from "./answer.ts";
import type { OrderTaker } from "./control.ts";
import { DumpedEntries } from "./dump.ts";
import { type Forgotten, isForgotten, KeyCopy } from "./forgotten.ts";
import { type CacheFigures, type CacheReport, orders } from "./protocol.ts";

export interface CacheParts {
  readonly store: CacheStore;
  readonly time: CacheTime;
  readonly staleSeconds: number;
  /** Read when asked. */
  readonly figures: () => CacheFigures;
  /** Something was forgotten on demand: what else remembers it should forget it too. */
  readonly onFlush: () => void;
}

type Order = (cache: CacheParts, clock: Clock, name: string | undefined, answer: Answer) => Promise<void>;

const takers: Readonly<Record<(typeof orders)[keyof typeof orders], Order>> = {
  [orders.stats]: async (cache, _clock, _name, answer) => answer.line(JSON.stringify(cacheReport(cache))),
  [orders.flush]: async (cache, _clock, _name, answer) => {
    const { entries } = cache.store.counters;
    if (!cache.store.flush()) throw new Error("the cache is busy; try again");
    cache.onFlush();
    answer.line(String(entries));
  },
  [orders.flushName]: (cache, clock, name, answer) => forget(cache, clock, named(name, "name"), answer),
  [orders.flushSubtree]: (cache, clock, name, answer) => forget(cache, clock, named(name, "subtree"), answer),
  [orders.dump]: async ({ store, time, staleSeconds }, clock, _name, answer) => {
    const walk = store.walk();
    const dumped = new DumpedEntries(store.octets, staleSeconds);
    const show = () => {
      for (const line of dumped.lines(walk, time.nowDs)) answer.line(line);
      return answer.isFull;
    };
    while (walkSlice(walk, clock, show)) {
      await nextTurn(clock);
      await answer.room();
    }
  },
};

/** What openControl() takes; `cache` is undefined where there is none. */
export function cacheOrders(cache: CacheParts | undefined, clock: Clock): OrderTaker {
  return async ([word = "", name], answer) => {
    if (!Object.hasOwn(takers, word)) {
      throw new Error(`${quoted(word)} is not an order; ${Object.values(orders).join(", ")} are allowed`);
    }
    if (cache === undefined) throw new Error("this fdns runs without a cache (--cache-size 0)");
    await takers[word as keyof typeof takers](cache, clock, name, answer);
  };
}

function cacheReport({ store, figures }: CacheParts): CacheReport {
  const { hits, stale, misses, coalesced, prefetches } = figures();
  const { entries, denials, octetsUsed, capacityOctets, stores, replaced, evictions, refused } = store.counters;
  return {
    hits,
    stale,
    misses,
    coalesced,
    prefetches,
    entries,
    denials,
    octetsUsed,
    capacityOctets,
    stores,
    replaced,
    evictions,
    refused,
  };
}

function named(name: string | undefined, scope: Forgotten["scope"]): Forgotten {
  if (name === undefined) throw new Error("no name is given");
  return { name: parseName(name.toLowerCase()), scope };
}

async function forget({ store, onFlush }: CacheParts, clock: Clock, what: Forgotten, answer: Answer): Promise<void> {
  const key = new KeyCopy();
  const walk = store.walk();
  let forgotten = 0;
  const look = () => {
    key.take(store.octets, walk.entry);
    const { question, questionOctets, flags, hash } = key;
    if (walk.intact && isForgotten(what, key) && store.remove(question, questionOctets, flags, hash)) forgotten++;
    return undefined;
  };
  while (walkSlice(walk, clock, look)) await nextTurn(clock);
  onFlush();
  answer.line(String(forgotten));
}
