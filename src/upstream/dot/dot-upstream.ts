/**
 * One upstream: whether it can be relied on, who waits for a connection, and what becomes of the queries given to it.
 * It never chooses for a query; its group does (upstream-group.ts).
 */

import type { UpstreamAddress } from "../../config/config.ts";
import type { TlsOutcome } from "../../runtime/runtime.ts";
import type { ResponseLayout } from "../../wire/response.ts";
import { endsEarly, isRefusal } from "../blame.ts";
import type { ConnectionOwner, DotConnection } from "../connection/connection.ts";
import { COUNTER, UpstreamCounters, type UpstreamGauges } from "../counters.ts";
import { AddressLookUp } from "../dial/look-up.ts";
import { type Exchange, UpstreamError } from "../exchange.ts";
import { gaugesOf } from "../gauges.ts";
import { LoggedHealth } from "../health/logged-health.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { DotUpstreamParts } from "./dot-upstream-parts.ts";
import { Isolation } from "./isolation.ts";
import { Probe } from "./probe.ts";
import { QueryForm } from "./query-form.ts";
import { ResponseTimes } from "./response-times.ts";
import type { UpstreamOwner } from "./upstream-owner.ts";
import { WaitingLine } from "./waiting-line.ts";

/** An upstream that answered so recently is not failing because one connection ended before it answered. */
const LATELY_MS = 1000;

/** Answers that come together later than this are held up, however quick the upstream: below, it may be this host's doing. */
const LEAST_STALL_MS = 20;
/** ...in units of the mean, which follows quickly; the 95th percentile of an upstream that is rarely asked is long out of date. */
const STALL_MEANS = 2;

export class DotUpstream implements ConnectionOwner {
  readonly identity: UpstreamAddress;
  readonly counters: UpstreamCounters;
  readonly times = new ResponseTimes();
  readonly #parts: DotUpstreamParts;
  readonly #owner: UpstreamOwner;
  readonly #health: LoggedHealth;
  readonly #pool: ConnectionPool;
  readonly #form: QueryForm;
  readonly #lookUp: AddressLookUp;
  readonly #waiting = new WaitingLine();
  readonly #isolation: Isolation;
  readonly #probe = new Probe();
  #closed = false;

  /** When it last answered anything, about. */
  answeredMs = Number.NEGATIVE_INFINITY;

  constructor(
    identity: UpstreamAddress,
    parts: DotUpstreamParts,
    owner: UpstreamOwner,
    counters = new UpstreamCounters(),
  ) {
    this.identity = identity;
    this.counters = counters;
    this.#parts = parts;
    this.#owner = owner;
    this.#health = new LoggedHealth(identity.text, parts);
    this.#pool = new ConnectionPool(identity, parts, this.counters, this);
    this.#lookUp = new AddressLookUp(parts.lookUp);
    this.#form = new QueryForm(identity.text, parts.clock, parts.log, parts.limits.plainMs);
    this.#isolation = new Isolation(this.#pool, parts.limits.maxIsolated, (to, exchange) => this.#give(to, exchange));
  }

  get healthy(): boolean {
    return this.#health.healthy;
  }

  /** Whether it has failed for so long that it is no use to wait for it. */
  get isGone(): boolean {
    return this.#health.isGone;
  }

  /** Whether this failure may be over in a moment, as while the upstream restarts. */
  isPassing(error: UpstreamError | undefined): boolean {
    return !this.isGone && (endsEarly(error) || (isRefusal(error) && this.answeredMs > Number.NEGATIVE_INFINITY));
  }

  /** Whether a query given now would be sent now. */
  get ready(): boolean {
    return this.#pool.isFree;
  }

  /**
   * How long its answers have been held up, if for longer than is usual: a new query would wait behind them, for as
   * long again, for all that is known. In milliseconds, 0 if they are not.
   */
  stalledForMs(nowMs: number): number {
    const stalledMs = this.#pool.stalledForMs(nowMs);
    return stalledMs > Math.max(LEAST_STALL_MS, STALL_MEANS * this.times.meanMs) ? stalledMs : 0;
  }

  /** Whether a connection has to be watched. */
  get answerDue(): boolean {
    return this.#pool.answerDue;
  }

  /** It is healthy, as far as is known, and nothing is open. */
  get isAtRest(): boolean {
    return this.healthy && this.#pool.size === 0 && this.inFlight === 0;
  }

  get inFlight(): number {
    return this.#waiting.size + this.#isolation.size + this.#pool.inFlight;
  }

  /** What it is like now, for the observer. */
  gauges(): UpstreamGauges {
    return gaugesOf(this.inFlight, this.#pool, this.#health, this.times.meanMs);
  }

  /** Dials, so that the next query finds a connection, or the log says why there is none. */
  warm(): void {
    if (this.#pool.size > 0) return;
    if (this.#pool.book.isEmpty) this.#lookUpAddresses();
    else this.#pool.dial();
  }

  /** Asks a failing upstream something of our own once its back-off is over: no client's query is at stake. */
  probeIfDue(): void {
    // One at a time: a failure may have been noted elsewhere while it is still on its way.
    if (this.#probe.carrier === undefined && this.#health.takeProbe()) {
      this.#probe.isSuspect = this.#health.isPassing;
      this.send(this.#probe, this.#parts.clock.nowMs());
    }
    this.#pool.probeFamilyIfDue();
  }

  /** Takes the exchange; the owner hears what becomes of it, possibly before this returns. */
  send(exchange: Exchange, nowMs: number): void {
    this.counters.add(COUNTER.ATTEMPTS);
    exchange.sentMs = nowMs;
    this.#form.choose(exchange, nowMs);
    this.#place(exchange);
  }

  #place(exchange: Exchange): void {
    const connection = exchange.isSuspect ? undefined : this.#pool.choose();
    const remembered = connection === undefined && !this.#pool.isReady ? this.#health.remembered : undefined;
    if (connection !== undefined) {
      this.#give(connection, exchange);
    } else if (remembered !== undefined && exchange !== this.#probe) {
      this.#failed(exchange, remembered);
    } else if (!exchange.isSuspect && this.#pool.mayDial) {
      this.#give(this.#pool.takeIdle() ?? this.#pool.dial(), exchange);
    } else if (this.#waiting.size + this.#isolation.size < this.#parts.limits.maxWaiting) {
      if (exchange.isSuspect) this.#isolation.add(exchange);
      else this.#waiting.add(exchange);
      if (this.#pool.book.isEmpty) this.#lookUpAddresses();
    } else {
      this.#failed(exchange, new UpstreamError("overloaded", "too many queries in flight"));
    }
  }

  #give(connection: DotConnection, exchange: Exchange): void {
    if (connection.answered > 0) this.counters.add(COUNTER.REUSES);
    connection.send(exchange);
    this.#pool.relieve(connection);
  }

  /** Ends connections on which answers have been due for too long, and serves those who wait for a pause to be over. */
  watch(nowMs: number): void {
    if (this.#waiting.size > 0 || this.#isolation.size > 0) this.#serveWaiting();
    this.#pool.endStuck(
      nowMs,
      // The mean follows an upstream that became slow sooner.
      Math.max(this.times.p95Ms, this.times.meanMs),
      (quiet) => this.#check(quiet, nowMs),
      // The connection may be all that is dead: a probe has to tell before the upstream is called failing.
      (error) => this.#health.suspected(error),
    );
  }

  /** One slow name alone looks like a dead connection; a question of our own on it tells them apart. */
  #check(connection: DotConnection, nowMs: number): void {
    if (this.#probe.carrier === connection) return;
    const probe = new Probe();
    probe.sentMs = nowMs;
    this.counters.add(COUNTER.ATTEMPTS);
    connection.send(probe);
  }

  /** Makes no connection any more; ends every one with `error`. Nothing of the set's is in flight any more. */
  close(error: UpstreamError): void {
    this.#closed = true;
    this.#takeBackProbe();
    this.#pool.abortAll(error);
  }

  /**
   * The way to the upstream may have changed, or the clock: connections of before end once they are answered, or fall
   * silent, and failures of before are not held against it.
   */
  renew(): void {
    this.#health.retryNow();
    this.#form.forget();
    this.#pool.renew();
  }

  onReady(_connection: DotConnection, outcome: TlsOutcome): void {
    this.counters.handshake(outcome.resumed);
    this.#parts.log.debug(`upstream ${this.identity.text}: connected`, {
      upstream: this.identity.text,
      address: this.#pool.book.last,
      protocol: outcome.protocol,
      cipher: outcome.cipher,
      alpn: outcome.alpn ?? "none",
      resumed: outcome.resumed ?? "unknown",
    });
    this.#serveWaiting();
  }

  onResponse(exchange: Exchange, octets: Uint8Array, start: number, layout: ResponseLayout): void {
    this.counters.answered(exchange.tookMs);
    this.answeredMs = exchange.sentMs + exchange.tookMs;
    this.#pool.heard();
    if (this.#health.isTroubled) this.#markWorking();
    if (!(exchange instanceof Probe)) {
      this.times.record(exchange.tookMs);
      if (this.#form.isToRepeat(exchange, layout.rcode)) this.send(exchange, this.#parts.clock.nowMs());
      else this.#owner.onResponse(exchange, this, octets, start, layout);
    }
    if (this.#waiting.size > 0 || this.#isolation.size > 0) this.#serveWaiting();
  }

  onMalformed(exchange: Exchange, error: UpstreamError): void {
    this.#failed(exchange, error);
  }

  onKeepalive(ms: number): void {
    this.#pool.announced(ms);
  }

  onClosed(connection: DotConnection, error: UpstreamError, unanswered: Exchange[]): void {
    this.#pool.remove(connection, unanswered.length);
    if (this.#closed && unanswered.length === 0) return;
    if (error.code === "connect" || error.code === "authentication") this.#onDialFailed(error, unanswered);
    else this.#onEnded(connection, error, unanswered);
    this.#serveWaiting();
  }

  /**
   * A connection that was authenticated ended. That says little of the upstream, as one query may be why: a question of our
   * own finds out where the upstream answered nothing else since.
   */
  #onEnded(connection: DotConnection, error: UpstreamError, unanswered: Exchange[]): void {
    // Some upstreams answer in order: what has waited longest may be what all others wait for, so it is sent again last.
    if (error.code === "timeout") unanswered.sort((a, b) => b.sentMs - a.sentMs);
    const nowMs = this.#parts.clock.nowMs();
    const worked = connection.answered > 0 || error.code === "timeout" || nowMs - this.answeredMs < LATELY_MS;
    this.#owner.suspicion.weigh(connection, error, unanswered, nowMs);
    const isFruitless = connection.answered === 0 && error.code === "closed" && unanswered.length > 0;
    if (isFruitless) this.#pool.wasFruitless();
    for (const exchange of unanswered) {
      if (worked) this.#interrupted(exchange, error);
      else this.#failed(exchange, error);
    }
    if (!isFruitless || this.answeredMs >= connection.madeMs) return;
    if (this.healthy) this.#askProbe();
    else this.#health.failed(error);
  }

  /** Asks our own question, on a connection that carries nothing else, so that what comes of it is the upstream's doing. */
  #askProbe(): void {
    if (this.#probe.carrier !== undefined) return;
    this.#probe.isSuspect = true;
    this.send(this.#probe, this.#parts.clock.nowMs());
  }

  #onDialFailed(error: UpstreamError, unanswered: readonly Exchange[]): void {
    this.counters.add(COUNTER.DIAL_FAILURES);
    if (this.#pool.isReady) {
      // It works, and takes no further connection for now: there will be room on those it took.
      for (const exchange of unanswered) this.#interrupted(exchange, error);
      return;
    }
    // A host name may have moved: it is looked up again, and what is known of it kept until then.
    if (this.identity.hostName !== undefined) this.#lookUpAddresses();
    if (this.isPassing(error)) this.#pool.wasFruitless();
    this.#health.failed(error, this.isPassing(error));
    for (const exchange of unanswered) this.#failed(exchange, error);
    this.#failWaiting(error);
  }

  #lookUpAddresses(): void {
    if (this.#closed) return;
    this.#lookUp.start(this.identity.hostName!, (found, isMore) => {
      if (this.#closed && this.#waiting.size === 0) return;
      if (found instanceof UpstreamError) {
        if (!this.#pool.book.isEmpty) return;
        this.#health.failed(found);
        this.#failWaiting(found);
        return;
      }
      // What failed of too few addresses may be over with more.
      if (this.#pool.learn(found, isMore)) this.#health.retryNow();
      if (this.#waiting.size > 0) this.#serveWaiting();
      else if (this.healthy) this.warm();
    });
  }

  /** Gives those who wait to connections, as far as there is room. */
  #serveWaiting(): void {
    const hasRoom = (): boolean => this.#pool.choose() !== undefined || this.#pool.mayDial;
    this.#isolation.serve();
    this.#waiting.serve(hasRoom, (exchange) => this.#place(exchange));
  }

  #failWaiting(error: UpstreamError): void {
    this.#isolation.drain((exchange) => this.#failed(exchange, error));
    this.#waiting.drain((exchange) => this.#failed(exchange, error));
  }

  #failed(exchange: Exchange, error: UpstreamError): void {
    this.counters.failed(error.code);
    if (exchange === this.#probe) this.#health.failed(error);
    else if (!(exchange instanceof Probe)) this.#owner.onAttemptFailed(exchange, error);
  }

  #interrupted(exchange: Exchange, error: UpstreamError): void {
    if (exchange instanceof Probe) {
      this.#failed(exchange, error);
      return;
    }
    this.counters.add(COUNTER.ABANDONED);
    this.#owner.onInterrupted(exchange, this, error);
  }

  #takeBackProbe(): void {
    if (this.#probe.carrier === undefined) return;
    this.#probe.carrier.cancel(this.#probe);
    this.counters.add(COUNTER.ABANDONED);
  }

  #markWorking(): void {
    this.#health.worked();
    this.#takeBackProbe();
  }
}
