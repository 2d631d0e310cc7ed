/**
 * The straight line every query takes: parse, who asks, what is asked, the cache, the upstreams, patch, answer.
 *
 * For each query that handle() took, exactly one response is committed to its sink.
 */

import type { ResponseSink } from "../listener/query-handler.ts";
import { Gauge } from "../observe/figures.ts";
import { screenQuery } from "../policy/screen.ts";
import { isUpstreamsError } from "../upstream/blame.ts";
import type { UpstreamError } from "../upstream/exchange.ts";
import { isFinalError } from "../wire/options.ts";
import { EDE, RCODE } from "../wire/protocol.ts";
import { DROP, type Query } from "../wire/query.ts";
import { ResponseLayout } from "../wire/response.ts";
import { Freshness, keyFlags } from "./cached-answers.ts";
import { ClientQuery } from "./client-query.ts";
import { ResolverCounters, type Source } from "./counters.ts";
import { type Failure, FailureMemory, restAfter } from "./failure-memory.ts";
import { InFlight } from "./in-flight.ts";
import { RefreshBudget } from "./refresh-budget.ts";
import { edeOf, Replies } from "./replies.ts";
import { Resolution, type ResolutionOwner } from "./resolution.ts";
import type { ResolverParts } from "./resolver-parts.ts";
import { StaleWatch } from "./stale-watch.ts";

export class Resolver implements ResolutionOwner {
  readonly counters: ResolverCounters;
  readonly #parts: ResolverParts;
  readonly #replies: Replies;
  /** Objects not in use; their number settles at the most that were ever in flight at once. */
  readonly #spareQueries: ClientQuery[] = [];
  readonly #spareResolutions: Resolution[] = [];
  #next = new ClientQuery();
  readonly #inFlight = new InFlight();
  readonly #staleWatch: StaleWatch;
  #failures: FailureMemory;
  readonly #refreshBudget: RefreshBudget;
  /** For responses that are remembered; the upstreams' own are laid out when they arrive. */
  readonly #layout = new ResponseLayout();
  readonly #waiting: Gauge;
  #stopped = false;

  constructor(parts: ResolverParts) {
    this.#parts = parts;
    this.counters = parts.counters ?? new ResolverCounters();
    this.#waiting = parts.waiting ?? new Gauge();
    this.#refreshBudget = new RefreshBudget(parts.maxRefreshesSaved);
    this.#replies = new Replies(parts.maxUdpOctets, this.counters);
    this.#failures = new FailureMemory(parts.failures);
    this.#staleWatch = new StaleWatch(parts.clock, parts.staleAfterMs, (resolution) => this.#onOverdue(resolution));
  }

  /** Clients' queries that wait for upstreams. */
  get waiting(): number {
    return this.#waiting.own;
  }

  /** What failed is asked for again at once. */
  forgetFailures(): void {
    this.#failures = new FailureMemory(this.#parts.failures);
  }

  /** New queries are dropped from now on, as if the process had ended; those in flight go on. */
  stop(): void {
    this.#stopped = true;
  }

  /** As a QueryHandler; `hash`: the keyed hash of its question (cache/store/hash.ts). */
  handle(
    octets: Uint8Array,
    start: number,
    length: number,
    hash: number,
    sink: ResponseSink,
    peers: Uint8Array,
    peerStart: number,
    nowMs: number,
  ): boolean {
    const { query } = this.#next;
    const rcode = query.parse(octets, start, length);
    if (rcode === DROP || this.#stopped) {
      this.counters.dropped++;
      return false;
    }
    this.counters.asked(sink.transport);
    if (!this.#parts.access.allows(peers, peerStart)) {
      this.counters.forbidden++;
      this.#answerOwn(query, RCODE.REFUSED, EDE.PROHIBITED, sink, peers, peerStart);
    } else if (rcode !== RCODE.NOERROR) {
      this.#answerOwn(query, rcode, EDE.NONE, sink, peers, peerStart);
    } else {
      const verdict = screenQuery(query);
      if (verdict.rcode === RCODE.NOERROR) this.#resolve(hash, sink, peers, peerStart, nowMs);
      else this.#answerOwn(query, verdict.rcode, verdict.ede, sink, peers, peerStart);
    }
    return true;
  }

  /** The query in #next is to be answered: from the cache, or by upstreams. */
  #resolve(hash: number, sink: ResponseSink, peers: Uint8Array, peerStart: number, nowMs: number): void {
    const { query } = this.#next;
    const flags = keyFlags(query);
    const { answers } = this.#parts;
    const found = answers === undefined ? Freshness.NONE : answers.look(query, flags, hash, nowMs);
    if (found === Freshness.FRESH && this.#answerCached("cache", query, sink, peers, peerStart)) {
      this.#refreshBudget.earn();
      if (answers!.isEnding) this.#refreshEarly(query, flags, hash, nowMs);
      return;
    }
    this.counters.misses++;
    this.#resolveMiss(query, flags, hash, nowMs, found === Freshness.STALE, sink, peers, peerStart);
  }

  #resolveMiss(
    query: Query,
    flags: number,
    hash: number,
    nowMs: number,
    hasStale: boolean,
    sink: ResponseSink,
    peers: Uint8Array,
    peerStart: number,
  ): void {
    const underWay = this.#inFlight.find(query, flags, hash);
    const failure = underWay === undefined ? this.#failures.find(query, flags, hash, nowMs) : undefined;
    const rests = failure !== undefined && nowMs < failure.untilMs;
    const full = this.#waiting.total >= this.#parts.maxInFlight || (underWay?.waiting ?? 0) >= this.#parts.maxWaiters;
    // What validation or a policy forbids is no reason to give a stale answer.
    const failed = failure === undefined ? full : !failure.isFinal;
    const giveStale = hasStale && (underWay?.overdue || failed);
    if (giveStale && this.#answerCached("stale", query, sink, peers, peerStart)) {
      if (underWay === undefined && !rests && !full) this.#refreshStale(query, flags, hash, nowMs);
    } else if (rests) {
      this.#answerFailure(failure, query, sink, peers, peerStart);
    } else if (full) {
      this.counters.overloaded++;
      this.#answerOwn(query, RCODE.SERVFAIL, EDE.OTHER, sink, peers, peerStart);
    } else {
      this.#wait(underWay, flags, hash, hasStale, nowMs, sink, peers, peerStart);
    }
  }

  /** The client of the query in #next waits, for the resolution that is under way or for a new one. */
  #wait(
    underWay: Resolution | undefined,
    flags: number,
    hash: number,
    hasStale: boolean,
    nowMs: number,
    sink: ResponseSink,
    peers: Uint8Array,
    peerStart: number,
  ): void {
    const clientQuery = this.#next;
    this.#next = this.#spareQueries.pop() ?? new ClientQuery();
    clientQuery.keep(sink, peers, peerStart, nowMs);
    this.#waiting.add(1);
    if (underWay !== undefined) {
      this.counters.coalesced++;
      underWay.addWaiter(clientQuery);
      return;
    }
    const resolution = this.#prepare(clientQuery.query, flags, hash, nowMs);
    resolution.addWaiter(clientQuery);
    if (hasStale) this.#staleWatch.add(resolution, nowMs);
    this.#parts.upstreams.ask(resolution, nowMs);
  }

  /** An answer about to end is asked for again, once and within a budget, so that nobody has to wait for it. */
  #refreshEarly(query: Query, flags: number, hash: number, nowMs: number): void {
    if (!this.#refreshBudget.allows || this.#inFlight.find(query, flags, hash) !== undefined) return;
    if (this.#failures.find(query, flags, hash, nowMs) !== undefined) return;
    if (!this.#parts.answers!.claimRefresh()) return;
    this.#refreshBudget.spend();
    this.counters.prefetches++;
    const resolution = this.#prepare(query, flags, hash, nowMs);
    // Who asks once the answer has ended waits for the new one, as long as for any other.
    this.#staleWatch.add(resolution, nowMs);
    this.#parts.upstreams.ask(resolution, nowMs);
  }

  /** Asks the upstreams while nobody waits; who asks meanwhile is given the stale answer, too. */
  #refreshStale(query: Query, flags: number, hash: number, nowMs: number): void {
    if (this.#inFlight.size >= this.#parts.maxInFlight) return;
    const resolution = this.#prepare(query, flags, hash, nowMs);
    resolution.overdue = true;
    this.#parts.upstreams.ask(resolution, nowMs);
  }

  #prepare(query: Query, flags: number, hash: number, nowMs: number): Resolution {
    const resolution = this.#spareResolutions.pop() ?? new Resolution(this);
    resolution.start(query, flags, hash, nowMs, nowMs + this.#parts.queryTimeoutMs);
    this.#inFlight.add(resolution);
    return resolution;
  }

  onAnswer(resolution: Resolution, octets: Uint8Array, start: number, layout: ResponseLayout): void {
    const nowMs = this.#parts.clock.nowMs();
    const { query, flags, hash } = resolution;
    const isFailure = isUpstreamsError(layout.rcode);
    // What validation or a policy forbids is no failure that an old answer may stand in for.
    const isFinal = isFailure && isFinalError(octets, start, layout);
    if (isFailure) {
      const length = Math.max(layout.bodyOctets, layout.optionsEnd);
      this.#failures.answered(query, flags, hash, nowMs, octets, start, length, isFinal);
    } else {
      this.#failures.forget(query, flags, hash, nowMs);
    }
    this.#parts.answers?.keep(query, flags, hash, octets, start, layout, resolution.beganMs, nowMs);
    this.#remove(resolution);
    let one = resolution.takeWaiters();
    while (one !== undefined) {
      const isHeldBack = one.sink!.isFull;
      if (!isHeldBack && (!isFailure || isFinal || !this.#answerStale(one, flags, hash, nowMs))) {
        this.#answerWith(octets, start, layout, one, nowMs);
      }
      one = isHeldBack ? this.#holdBack(one, hash) : this.#release(one);
    }
    this.#spareResolutions.push(resolution);
  }

  onFailure(resolution: Resolution, error: UpstreamError): void {
    const nowMs = this.#parts.clock.nowMs();
    const { query, flags, hash } = resolution;
    const { code } = error;
    const ede = edeOf(error);
    this.#remove(resolution);
    if (code !== "stopping" && code !== "overloaded") {
      this.#failures.unanswered(query, flags, hash, nowMs, ede, restAfter(error));
    }
    let one = resolution.takeWaiters();
    while (one !== undefined) {
      const isHeldBack = one.sink!.isFull;
      if (!isHeldBack && !this.#answerStale(one, flags, hash, nowMs)) {
        this.#replies.own(one.query, RCODE.SERVFAIL, ede, one.sink!, one.peer, 0);
        this.#settled(one, "own", RCODE.SERVFAIL, nowMs);
      }
      one = isHeldBack ? this.#holdBack(one, hash) : this.#release(one);
    }
    this.#spareResolutions.push(resolution);
  }

  /** Those who wait get the stale answer now, and so does who asks from now on, while the resolution goes on. */
  #onOverdue(resolution: Resolution): void {
    const nowMs = this.#parts.clock.nowMs();
    resolution.overdue = true;
    let waiter = resolution.takeWaiters();
    while (waiter !== undefined) {
      const { next } = waiter;
      if (this.#answerStale(waiter, resolution.flags, resolution.hash, nowMs)) this.#release(waiter);
      // Evicted meanwhile, or its client takes no more yet.
      else resolution.addWaiter(waiter);
      waiter = next;
    }
  }

  #remove(resolution: Resolution): void {
    this.#inFlight.remove(resolution);
    this.#staleWatch.remove(resolution);
  }

  /** Answers from the cache what has ended there (RFC 8767), or what another client's answer has renewed meanwhile. */
  #answerStale(to: ClientQuery, flags: number, hash: number, nowMs: number): boolean {
    if (to.sink!.isFull) return false;
    const found = this.#parts.answers?.look(to.query, flags, hash, nowMs) ?? Freshness.NONE;
    if (found === Freshness.NONE) return false;
    const source = found === Freshness.FRESH ? "cache" : "stale";
    if (!this.#answerCached(source, to.query, to.sink!, to.peer, 0)) return false;
    this.counters.waited(source, nowMs - to.beganMs);
    return true;
  }

  /** Sends what look() found; false if another thread overwrote it meanwhile. */
  #answerCached(
    source: "cache" | "stale",
    query: Query,
    sink: ResponseSink,
    peers: Uint8Array,
    peerStart: number,
  ): boolean {
    const answers = this.#parts.answers!;
    if (!this.#replies.cached(query, answers, source === "stale", sink, peers, peerStart)) return false;
    this.counters.answered(source, answers.found.rcode);
    return true;
  }

  /** The question failed a moment ago. */
  #answerFailure(failure: Failure, query: Query, sink: ResponseSink, peers: Uint8Array, peerStart: number): void {
    const layout = this.#layout;
    const { message, ede } = failure;
    const rcode = layout.scan(message, 0, message.length) ? layout.rcode : RCODE.SERVFAIL;
    if (layout.questionOctets > 0) this.#replies.message(query, message, 0, layout, sink, peers, peerStart);
    else this.#replies.own(query, rcode, ede, sink, peers, peerStart);
    this.counters.answered("memory", rcode);
  }

  /** Answers with an upstream's response. */
  #answerWith(octets: Uint8Array, start: number, layout: ResponseLayout, to: ClientQuery, nowMs: number): void {
    if (layout.questionOctets > 0) {
      this.#replies.message(to.query, octets, start, layout, to.sink!, to.peer, 0);
    } else {
      // An error in a bare header: the question the client expects is put back.
      this.#replies.own(to.query, layout.rcode, EDE.NONE, to.sink!, to.peer, 0);
    }
    this.#settled(to, "upstream", layout.rcode, nowMs);
  }

  /** Answers at once, without asking anyone. */
  #answerOwn(query: Query, rcode: number, ede: number, sink: ResponseSink, peers: Uint8Array, peerStart: number): void {
    this.#replies.own(query, rcode, ede, sink, peers, peerStart);
    this.counters.answered("own", rcode);
  }

  /** The response to a query that upstreams were asked is on its way. */
  #settled(clientQuery: ClientQuery, source: Source, rcode: number, nowMs: number): void {
    this.counters.answered(source, rcode);
    this.counters.waited(source, nowMs - clientQuery.beganMs);
  }

  /**
   * The client does not take what it is sent: once it does, its query is handled anew. Composed now, the answer would
   * be memory that the client decides about. Returns the next of the list it was in.
   */
  #holdBack(held: ClientQuery, hash: number): ClientQuery | undefined {
    const { next, sink, peer } = held;
    held.next = undefined;
    sink!.whenRoom((isGone) => {
      this.#spareQueries.push(this.#next);
      this.#next = held;
      this.#waiting.add(-1);
      held.sink = undefined;
      if (!isGone) this.#resolve(hash, sink!, peer, 0, this.#parts.clock.nowMs());
    });
    return next;
  }

  /** The client waits no more; returns the next of the list it was in. */
  #release(clientQuery: ClientQuery): ClientQuery | undefined {
    const { next } = clientQuery;
    clientQuery.next = undefined;
    clientQuery.sink = undefined;
    this.#waiting.add(-1);
    this.#spareQueries.push(clientQuery);
    return next;
  }
}
