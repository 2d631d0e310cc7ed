/** A set of upstreams on a fake network, and short ways to ask it. */

import type { UpstreamAddress } from "../../src/config/config.ts";
import type { DotUpstreamLimits } from "../../src/upstream/dot/dot-upstream-parts.ts";
import type { GroupLimits } from "../../src/upstream/group/group-limits.ts";
import { UpstreamGroup } from "../../src/upstream/group/upstream-group.ts";
import { FakeClock } from "./fake-clock.ts";
import { type FakeDial, FakeExchange, FakeNetwork, groupLimits, identity } from "./fake-upstream.ts";

const QUERY_MS = 4000;

export class Scene {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork(this.clock);
  readonly set: UpstreamGroup;

  constructor(servers: UpstreamAddress[], server: Partial<DotUpstreamLimits> = {}, limits: Partial<GroupLimits> = {}) {
    this.set = new UpstreamGroup(servers, this.network.parts(server), { ...groupLimits, ...limits });
  }

  ask(...labels: string[]): FakeExchange[] {
    const exchanges = labels.map((label) => {
      const exchange = new FakeExchange(label, this.clock.nowMs() + QUERY_MS);
      this.set.ask(exchange, this.clock.nowMs());
      return exchange;
    });
    this.clock.turn();
    return exchanges;
  }

  dial(n: number): FakeDial {
    const dial = this.network.dials[n];
    if (dial === undefined) throw new Error(`there is no dial ${n}, only ${this.network.dials.length}`);
    return dial;
  }

  get hosts(): string[] {
    return this.network.dials.map(({ host }) => host);
  }
}

export const some = (many: number, server?: Partial<DotUpstreamLimits>, limits?: Partial<GroupLimits>) =>
  new Scene(
    Array.from({ length: many }, (_, i) => identity(`10.0.0.${i + 1}`)),
    server,
    limits,
  );
export const one = (server?: Partial<DotUpstreamLimits>) => some(1, server);
export const two = (server?: Partial<DotUpstreamLimits>, limits?: Partial<GroupLimits>) => some(2, server, limits);
export const told = (exchanges: FakeExchange[]) => exchanges.flatMap((exchange) => exchange.told);
export const labels = (n: number) => Array.from({ length: n }, (_, i) => `n${i}`);
