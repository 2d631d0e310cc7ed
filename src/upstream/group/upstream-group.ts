/**
 * All upstreams: which one a query goes to, and where it goes next when that one fails or is late. A query fails only
 * when every upstream has failed it, or its time is over.
 */

import type { UpstreamAddress } from "../../config/config.ts";
import type { Clock } from "../../runtime/runtime.ts";
import { isFinalError } from "../../wire/options.ts";
import type { ResponseLayout } from "../../wire/response.ts";
import { isOfThisHop, isUpstreamsError } from "../blame.ts";
import { COUNTER, type UpstreamCounters } from "../counters.ts";
import { DotUpstream } from "../dot/dot-upstream.ts";
import type { DotUpstreamParts } from "../dot/dot-upstream-parts.ts";
import { GUILTY, inherit, isGuilty, Suspicion } from "../dot/guilt.ts";
import type { UpstreamOwner } from "../dot/upstream-owner.ts";
import { type Exchange, UpstreamError } from "../exchange.ts";
import { type Choice, choiceOf } from "./choice.ts";
import type { GroupLimits } from "./group-limits.ts";
import { Hedge, HedgeBudget, LEAST_HEDGE_MS } from "./hedging.ts";
import { Hold } from "./hold.ts";
import { InFlightList } from "./in-flight-list.ts";
import { copyOf, give } from "./opinion.ts";

/** How far past its time a query may be noticed; the price of one timer for all of them. */
const SWEEP_MS = 20;
/** One for all: thousands of queries may time out in one sweep, and an error notes where it was made, which takes long. */
const NOBODY_LEFT = new UpstreamError("overloaded", "no upstream is left to ask");
const NOT_IN_TIME = new UpstreamError("timeout", "no answer in time");
/** An attempt ends after so many times what 95 % of the upstream's answers take, within the limits. */
const ATTEMPT_P95S = 8;

export class UpstreamGroup implements UpstreamOwner {
  readonly suspicion = new Suspicion();
  readonly members: readonly DotUpstream[];
  readonly #clock: Clock;
  readonly #limits: GroupLimits;
  readonly #choose: Choice;
  readonly #inFlight = new InFlightList();
  readonly #spareHedges: Hedge[] = [];
  readonly #budget: HedgeBudget;
  readonly #hold: Hold;
  #sweepDue = false;
  #onIdle: (() => void) | undefined;

  /** `counters`: of each upstream, where they are kept elsewhere. With the strategy "ordered", the order of `identities` is the order of preference. */
  constructor(
    identities: readonly UpstreamAddress[],
    parts: DotUpstreamParts,
    limits: GroupLimits,
    counters: readonly UpstreamCounters[] = [],
  ) {
    this.members = identities.map((identity, i) => new DotUpstream(identity, parts, this, counters[i]));
    this.#budget = new HedgeBudget(limits.maxHedgesSaved);
    this.#hold = new Hold(this.members, parts.random);
    this.#clock = parts.clock;
    this.#limits = limits;
    this.#choose = choiceOf(limits.strategy);
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** No connection, and no failure that is remembered: the way to the upstreams may change, and nothing need be done. */
  get isAtRest(): boolean {
    return this.#inFlight.size === 0 && this.members.every((upstream) => upstream.isAtRest);
  }

  /** Connects to every upstream, so that the first query finds a connection and a wrong one is said at the start. */
  warm(): void {
    for (const upstream of this.members) upstream.warm();
  }

  /** The way to the upstreams may have changed: old connections take no new query. */
  renew(): void {
    for (const upstream of this.members) upstream.renew();
  }

  /**
   * Asks the exchange's query. Its onResponse or onFailure is called once, possibly before this returns. `nowMs`: a reading
   * of the clock that was just made.
   */
  ask(exchange: Exchange, nowMs: number): void {
    this.#inFlight.add(exchange);
    this.#budget.earn();
    this.#scheduleSweep();
    this.#tryNext(exchange, undefined, nowMs);
  }

  /** Waits until nothing is in flight, at most `boundMs`; then ends every connection. */
  async stop(boundMs: number): Promise<void> {
    if (this.#inFlight.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(boundMs, resolve);
        this.#onIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    const error = new UpstreamError("stopping", "fdns is stopping");
    this.#inFlight.visitEach((exchange) => this.#fail(exchange, error));
    for (const upstream of this.members) upstream.close(error);
  }

  onResponse(
    exchange: Exchange,
    upstream: DotUpstream,
    octets: Uint8Array,
    start: number,
    layout: ResponseLayout,
  ): void {
    if (isOfThisHop(layout.rcode)) {
      this.onAttemptFailed(
        exchange,
        new UpstreamError("malformed", `it answered fdns' query with RCODE ${layout.rcode}`),
      );
    } else if (exchange instanceof Hedge) {
      this.#onHedgeResponse(exchange, upstream, octets, start, layout);
    } else if (this.#isWorthAnother(exchange, octets, start, layout)) {
      exchange.secondOpinion = true;
      exchange.opinion = copyOf(octets, start, layout);
      // The hedge that is on its way is the other opinion.
      if (exchange.hedge === undefined) this.#tryNext(exchange, undefined, this.#clock.nowMs());
    } else {
      this.#settled(exchange);
      exchange.onResponse(octets, start, layout);
    }
  }

  onAttemptFailed(exchange: Exchange, error: UpstreamError): void {
    if (exchange instanceof Hedge) this.#endHedge(exchange, error);
    // While a second upstream has the question too, its answer is waited for.
    else if (exchange.hedge === undefined) this.#tryNext(exchange, error, this.#clock.nowMs());
  }

  onInterrupted(exchange: Exchange, upstream: DotUpstream, error: UpstreamError): void {
    const first = exchange instanceof Hedge ? this.#release(exchange) : exchange;
    if (first !== exchange) inherit(first, exchange);
    const { carrier, hedge } = first;
    const nowMs = this.#clock.nowMs();
    if (this.#isToGoElsewhere(first, error, nowMs) || first.resends >= this.#limits.maxResends) {
      if (carrier === undefined && hedge === undefined) this.#tryNext(first, error, nowMs);
      return;
    }
    first.resends++;
    // Still on its way, unless that upstream's answers are held up as well.
    if (carrier !== undefined || (hedge !== undefined && (hedge.upstream as DotUpstream).stalledForMs(nowMs) === 0)) {
      first.triedUpstreams.remove(upstream);
      return;
    }
    first.upstream = upstream;
    upstream.counters.add(COUNTER.RESENDS);
    upstream.send(first, nowMs);
  }

  /** A connection that ended says little of its upstream, so that one may be asked once more, but not over and over. */
  #isToGoElsewhere(exchange: Exchange, { code }: UpstreamError, nowMs: number): boolean {
    if (exchange.lonelyDeaths > 0 && exchange.deaths > 1) return true;
    return code === "timeout" && this.#healthyUntried(exchange).some((one) => one.stalledForMs(nowMs) === 0);
  }

  /** Sends it to the best upstream that was not tried; `error` is what the last one died of. */
  #tryNext(exchange: Exchange, error: UpstreamError | undefined, nowMs: number): void {
    const healthy = this.#healthyUntried(exchange);
    const upstream = healthy.length > 0 ? this.#choose(healthy, exchange.query, nowMs) : this.#untried(exchange)[0];
    if (error?.code === "stopping" || upstream === undefined || exchange.holds > 0) {
      const guilty = isGuilty(exchange, (exchange.upstream as DotUpstream | undefined)?.answeredMs ?? 0);
      const isOpen = !guilty && exchange.opinion === undefined;
      if (upstream === undefined && isOpen && this.#hold.keeps(exchange, error, nowMs)) return;
      if (upstream === undefined || guilty || error?.code === "stopping") {
        this.#fail(exchange, guilty ? GUILTY : (error ?? NOBODY_LEFT));
        return;
      }
    }
    this.#begin(exchange, exchange, upstream, nowMs);
    upstream.send(exchange, nowMs);
  }

  /** Notes that `exchange` goes to `upstream`, on behalf of `first`, and how long it may take. */
  #begin(exchange: Exchange, first: Exchange, upstream: DotUpstream, nowMs: number): void {
    first.triedUpstreams.add(upstream);
    exchange.upstream = upstream;
    first.attemptEndsMs = Math.min(first.deadlineMs, nowMs + this.#attemptMs(upstream));
  }

  /** Each name has its operator, and no other hears of it while that one can be asked. */
  get #keepsToOne(): boolean {
    return this.#limits.strategy === "sticky";
  }

  #attemptMs(upstream: DotUpstream): number {
    const { minAttemptMs, attemptMs } = this.#limits;
    const { p95Ms } = upstream.times;
    return p95Ms === 0 ? attemptMs : Math.min(attemptMs, Math.max(minAttemptMs, ATTEMPT_P95S * p95Ms));
  }

  /** An error is worth one more upstream, unless it says that the name or a policy is to blame. */
  #isWorthAnother(exchange: Exchange, octets: Uint8Array, start: number, layout: ResponseLayout): boolean {
    if (!isUpstreamsError(layout.rcode) || exchange.secondOpinion || this.#keepsToOne) return false;
    if (isFinalError(octets, start, layout)) return false;
    return exchange.hedge?.carrier !== undefined || this.#healthyUntried(exchange).length > 0;
  }

  /** No new list for a query that goes its usual way: nothing tried, everyone healthy. */
  #untried(exchange: Exchange): readonly DotUpstream[] {
    const tried = exchange.triedUpstreams;
    return tried.isEmpty ? this.members : this.members.filter((one) => !tried.has(one));
  }

  #healthyUntried(exchange: Exchange): readonly DotUpstream[] {
    const untried = this.#untried(exchange);
    return untried.every(isHealthy) ? untried : untried.filter(isHealthy);
  }

  #scheduleSweep(): void {
    if (this.#sweepDue) return;
    this.#sweepDue = true;
    this.#clock.after(SWEEP_MS, () => {
      this.#sweepDue = false;
      this.#sweep(this.#clock.nowMs());
      // A connection that owes an answer is watched until it gives one, or fell silent: the next query may go there.
      if (this.#inFlight.size > 0 || this.members.some((upstream) => upstream.answerDue)) this.#scheduleSweep();
    });
  }

  #sweep(nowMs: number): void {
    for (const upstream of this.members) {
      upstream.watch(nowMs);
      upstream.probeIfDue();
    }
    this.#inFlight.visitEach((exchange) => {
      if (exchange.attemptEndsMs <= nowMs) this.#onTimeout(exchange, nowMs);
      else if (exchange.hedge === undefined) this.#hedgeIfLate(exchange, nowMs);
    });
  }

  /** The name is slow, or the upstream: its connection, and everyone else's answers on it, are left alone. */
  #onTimeout(exchange: Exchange, nowMs: number): void {
    if (exchange.deadlineMs <= nowMs) {
      this.#fail(exchange, exchange.heldFor ?? NOT_IN_TIME);
      return;
    }
    const isHeld = exchange.carrier === undefined && exchange.hedge === undefined;
    if (isHeld || this.#healthyUntried(exchange).length > 0) {
      this.#withdraw(exchange, NOT_IN_TIME);
      this.#tryNext(exchange, NOT_IN_TIME, nowMs);
      return;
    }
    // Nobody is left who is known to answer: what was asked may still come. One that failed is tried as well, as far as
    // the budget goes: when nobody answers at all, twice the queries help nobody.
    const anotherAttemptMs = this.#attemptMs(exchange.upstream as DotUpstream);
    exchange.attemptEndsMs = Math.min(exchange.deadlineMs, nowMs + anotherAttemptMs);
    const [failing] = this.#untried(exchange);
    if (failing !== undefined && exchange.hedge === undefined && this.#budget.spend())
      this.#askToo(exchange, failing, nowMs);
  }

  #hedgeIfLate(exchange: Exchange, nowMs: number): void {
    const upstream = exchange.upstream as DotUpstream;
    if (this.#keepsToOne || this.#budget.isEmpty) return;
    if (exchange.carrier === undefined || upstream.times.p95Ms === 0) return;
    if (nowMs - exchange.sentMs < Math.max(LEAST_HEDGE_MS, upstream.times.p95Ms)) return;
    const others = this.#healthyUntried(exchange);
    if (others.length === 0 || !this.#budget.spend()) return;
    this.#askToo(exchange, this.#choose(others, exchange.query, nowMs), nowMs);
  }

  /** Asks a second upstream while the first still has the question. */
  #askToo(exchange: Exchange, other: DotUpstream, nowMs: number): void {
    const hedge = this.#spareHedges.pop() ?? new Hedge();
    hedge.follow(exchange);
    exchange.hedge = hedge;
    other.counters.add(COUNTER.HEDGES);
    this.#begin(hedge, exchange, other, nowMs);
    other.send(hedge, nowMs);
  }

  #onHedgeResponse(
    hedge: Hedge,
    upstream: DotUpstream,
    octets: Uint8Array,
    start: number,
    layout: ResponseLayout,
  ): void {
    const first = hedge.first!;
    // An error is worth less than the answer that may still come, or a third upstream's.
    if (
      first.carrier !== undefined ? isUpstreamsError(layout.rcode) : this.#isWorthAnother(first, octets, start, layout)
    ) {
      if (first.carrier === undefined) first.secondOpinion = true;
      first.opinion = copyOf(octets, start, layout);
      this.#endHedge(hedge, undefined);
      return;
    }
    upstream.counters.add(COUNTER.HEDGE_WINS);
    this.#settled(first);
    first.onResponse(octets, start, layout);
  }

  /** The second upstream is of no use; if the first is not either, the next is tried. */
  #endHedge(hedge: Hedge, error: UpstreamError | undefined): void {
    const first = this.#release(hedge);
    inherit(first, hedge);
    if (first.carrier === undefined) this.#tryNext(first, error, this.#clock.nowMs());
  }

  /** The hedge is over; returns the exchange it was for. */
  #release(hedge: Hedge): Exchange {
    const first = hedge.first!;
    first.hedge = undefined;
    this.#spareHedges.push(hedge);
    return first;
  }

  #fail(exchange: Exchange, error: UpstreamError): void {
    this.#settled(exchange, error);
    if (exchange.opinion === undefined || error.code === "stopping") exchange.onFailure(error);
    else give(exchange.opinion, exchange);
  }

  #settled(exchange: Exchange, error?: UpstreamError): void {
    this.#withdraw(exchange, error);
    this.#inFlight.remove(exchange);
    if (this.#inFlight.size === 0) this.#onIdle?.();
  }

  /** Takes back what is still on its way, for the exchange and its hedge. */
  #withdraw(exchange: Exchange, error: UpstreamError | undefined): void {
    takeBack(exchange, error);
    if (exchange.hedge === undefined) return;
    takeBack(exchange.hedge, error);
    this.#spareHedges.push(exchange.hedge as Hedge);
    exchange.hedge = undefined;
  }
}

function takeBack(exchange: Exchange, error: UpstreamError | undefined): void {
  if (exchange.carrier === undefined) return;
  exchange.carrier.cancel(exchange);
  const { counters } = exchange.upstream as DotUpstream;
  if (error === undefined) counters.add(COUNTER.ABANDONED);
  else counters.failed(error.code);
}

function isHealthy(upstream: DotUpstream): boolean {
  return upstream.healthy;
}
