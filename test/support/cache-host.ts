/** A cache with a clock of its own: what one run of fdns holds. */

import { CacheTime } from "../../src/cache/cache-time.ts";
import type { LifetimeLimits } from "../../src/cache/lifetime.ts";
import { lifetimeOf } from "../../src/cache/lifetime.ts";
import { CacheStore, cacheMemory } from "../../src/cache/store/store.ts";
import { storedMessageOctets, writeStoredMessage } from "../../src/cache/store/stored-message.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { FakeClock } from "./fake-clock.ts";
import { question, response } from "./fake-messages.ts";
import { fakeRandom } from "./fake-random.ts";
import { timed } from "./timed-records.ts";

export const MIB = 2 ** 20;

export interface CachedAnswer {
  readonly ageSeconds: number;
  readonly lifetimeSeconds: number;
  /** The message as it was stored. */
  readonly message: Uint8Array;
}

export class CacheHost {
  readonly clock = new FakeClock();
  readonly time = new CacheTime({ clock: this.clock, uptimeMs: () => undefined });
  readonly store: CacheStore;
  limits: LifetimeLimits = { minSeconds: 0, maxSeconds: 86_400, maxNegativeSeconds: 3600 };

  constructor(octets = MIB, seed = 1) {
    this.store = new CacheStore(cacheMemory(octets), { random: fakeRandom(seed) });
  }

  /** Stores a response as the resolver would. False if it may not be kept. */
  keep(message: Uint8Array, flags = 0): boolean {
    const octets = message.slice();
    const layout = new ResponseLayout();
    if (!layout.scan(octets, 0, octets.length)) throw new Error("no response");
    const asked = octets.slice(12, 12 + layout.questionOctets);
    const qtype = asked.at(-4)! * 256 + asked.at(-3)!;
    const lifetimeSeconds = lifetimeOf(octets, 0, layout, qtype, this.limits);
    if (lifetimeSeconds === 0) return false;
    const hash = this.store.hash(asked, 0, asked.length);
    const { nowDs } = this.time;
    const askedMs = this.time.msAt(this.clock.nowMs());
    return this.store.put(flags, hash, octets, 0, layout, lifetimeSeconds, nowDs, askedMs);
  }

  /** Stores an A record. */
  keepAddress(owner: string, ttlSeconds: number, last = 1, flags = 0): boolean {
    const questions = [question(owner)];
    return this.keep(response({ questions, answers: [timed(owner, 1, ttlSeconds, [192, 0, 2, last])] }), flags);
  }

  /** A newer answer has come that may not be kept. */
  end(owner: string, flags = 0): boolean {
    const asked = Uint8Array.from(question(owner));
    const askedMs = this.time.msAt(this.clock.nowMs());
    const hash = this.store.hash(asked, 0, asked.length);
    return this.store.end(asked, asked.length, flags, hash, this.time.nowDs, askedMs);
  }

  look(owner: readonly number[] | string, type = 1, flags = 0): CachedAnswer | undefined {
    const asked = Uint8Array.from(question(owner, type));
    const { store } = this;
    if (!store.find(asked, asked.length, flags, store.hash(asked, 0, asked.length))) return undefined;
    if (store.found.lifetimeSeconds === 0) return undefined;
    const message = new Uint8Array(storedMessageOctets(store.found));
    writeStoredMessage(message, 0, store.octets, store.found);
    const ageSeconds = (this.time.nowDs - store.found.storedDs) / 10;
    return { ageSeconds, lifetimeSeconds: store.found.lifetimeSeconds, message };
  }
}
