/**
 * The connections of one upstream: which one takes the next query, when another is dialled, and which have been silent
 * or idle for too long. What becomes of the queries on them is for their owner (dot-server.ts).
 */

import type { UpstreamAddress } from "../config/config.ts";
import type { PeerLeaf, Random } from "../runtime/runtime.ts";
import { AddressBook } from "./address-book.ts";
import { probeAddress } from "./address-probe.ts";
import { AddressRace } from "./address-race.ts";
import { type ConnectionLimits, type ConnectionOwner, DotConnection } from "./connection.ts";
import { COUNTER, type UpstreamCounters } from "./counters.ts";
import { Dialler, type DiallerLimits, type DiallerParts } from "./dialler.ts";
import { UpstreamError } from "./exchange.ts";
import type { HealthLimits } from "./health.ts";
import { IdleHorizon, type IdleLimits } from "./idle-horizon.ts";
import { Lifespan } from "./lifespan.ts";

export interface PoolLimits extends DiallerLimits {
  readonly connection: ConnectionLimits;
  readonly idle: IdleLimits;
  readonly health: HealthLimits;
  readonly maxConnections: number;
  /** How long a busy connection may be silent: at least, and at most (as before anything was measured). */
  readonly minSilenceMs: number;
  readonly maxSilenceMs: number;
}

export interface PoolParts extends DiallerParts {
  readonly random: Random;
  readonly limits: PoolLimits;
}

/** Share of a connection's capacity above which the next one is made ready. */
const CROWDED = 0.75;
/** Times of silence allowed, in units of what 95 % of answers take. */
const SILENCE_P95S = 4;
/**
 * The most that a server may be silent which is known to be slow, or fell silent before: so many times what one may
 * that is not known. If each connection ended sooner than the server answers anything, it would never be heard at all.
 */
const SLOW_SILENCES = 2;

export class ConnectionPool {
  readonly book: AddressBook;
  readonly #parts: PoolParts;
  readonly #counters: UpstreamCounters;
  readonly #owner: ConnectionOwner;
  readonly #horizon: IdleHorizon;
  readonly #lifespan: Lifespan;
  readonly #dialler: Dialler;
  readonly #connections: DotConnection[] = [];
  /** Connections that fell silent since the last answer came: each gives the next one twice the time. */
  #silences = 0;
  #dialFailedMs = Number.NEGATIVE_INFINITY;
  /** When a connection that had become quiet was last asked a question of our own. */
  readonly #checkedMs = new WeakMap<DotConnection, number>();
  /** Where each connection leads. */
  readonly #races = new WeakMap<DotConnection, AddressRace>();
  #endProbe = (): void => {};

  constructor(identity: UpstreamAddress, parts: PoolParts, counters: UpstreamCounters, owner: ConnectionOwner) {
    this.book = new AddressBook(identity.addresses, parts.clock, parts.random, parts.limits.health);
    this.#parts = parts;
    this.#counters = counters;
    this.#owner = owner;
    this.#horizon = new IdleHorizon(parts.limits.idle);
    this.#lifespan = new Lifespan(parts.limits.maxConnections);
    this.#dialler = new Dialler(identity, parts);
  }

  /** Connections that are ready or being made. */
  get size(): number {
    return this.#connections.length;
  }

  get inFlight(): number {
    return this.#connections.reduce((sum, one) => sum + one.inFlight, 0);
  }

  /** How long the server keeps an idle connection, in milliseconds; undefined while nothing is known. */
  get idleHorizonMs(): number | undefined {
    return this.#horizon.learnedMs;
  }

  /** The certificate of the last handshake that passed; undefined before the first. */
  get leaf(): PeerLeaf | undefined {
    return this.#dialler.leaf;
  }

  /** The least loaded connection that takes a query; one that has been idle for too long is ended instead. */
  choose(): DotConnection | undefined {
    let best: DotConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.accepts && (best === undefined || isBetter(connection, best))) best = connection;
    }
    // The time is read only where it matters: this is asked for each query.
    if (best === undefined || best.inFlight > 0) return best;
    if (best.idleForMs(this.#parts.clock.nowMs()) <= this.#horizon.retireAfterMs) return best;
    // Its timer is late, as after a suspend of the host: the server will have ended it.
    best.retire();
    return this.choose();
  }

  /** Whether a query given now would be sent now. */
  get isFree(): boolean {
    return this.#connections.some((one) => one.ready && one.accepts);
  }

  /** Whether a connection works: that another could not be made then says little of the server. */
  get isReady(): boolean {
    return this.#connections.some((one) => one.ready);
  }

  /** Whether any connection has to be watched, as it owes an answer. */
  get answerDue(): boolean {
    return this.#connections.some((one) => one.answerDue);
  }

  /** How long no answer has come on the best connection, though some are due, in milliseconds. */
  stalledForMs(nowMs: number): number {
    let leastMs = Number.POSITIVE_INFINITY;
    for (const one of this.#connections) {
      if (one.ready && one.accepts) leastMs = Math.min(leastMs, one.stalledForMs(nowMs));
    }
    return leastMs === Number.POSITIVE_INFINITY ? 0 : leastMs;
  }

  get mayDial(): boolean {
    if (this.book.isEmpty || this.#connections.length >= this.#lifespan.maxConnections) return false;
    const dialling = this.#connections.filter((one) => one.dialling).length;
    return dialling < this.#lifespan.maxDialling && !(this.isReady && this.#dialFailedLately);
  }

  /** Begins a connection, which takes queries at once. Only when `mayDial`. */
  dial(): DotConnection {
    const { clock, random, limits } = this.#parts;
    this.#counters.add(COUNTER.DIALS);
    let race!: AddressRace;
    const connection = new DotConnection({
      clock,
      random,
      limits: limits.connection,
      owner: this.#owner,
      onUnsolicited: () => this.#counters.add(COUNTER.UNSOLICITED),
      maxQueries: this.#lifespan.maxQueries,
      retireAfterMs: () => this.#horizon.retireAfterMs,
      dial: (onSecure, handler) => {
        race = new AddressRace(clock, this.book, this.#dialler.dial, onSecure, handler);
        return race;
      },
    });
    this.#races.set(connection, race);
    this.#connections.push(connection);
    return connection;
  }

  /**
   * Its addresses became known, or (`isMore`) further ones: connections being made go on to these. Returns whether there
   * are further ones.
   */
  learn(hosts: readonly string[], isMore: boolean): boolean {
    if (!isMore) this.book.replace(hosts);
    const added = isMore ? this.book.add(hosts) : [];
    for (const connection of this.#connections) if (connection.dialling) this.#races.get(connection)?.join(added);
    return added.length > 0;
  }

  /** Finds out whether an address family that is passed over works again, once its back-off is over. */
  probeFamilyIfDue(): void {
    const host = this.book.takeProbe();
    if (host === undefined) return;
    const { clock, limits } = this.#parts;
    this.#counters.add(COUNTER.DIALS);
    this.#endProbe = probeAddress(host, this.#dialler.dialWithoutTicket, clock, limits.connection.dialMs, (outcome) => {
      if (outcome === undefined) {
        this.#counters.add(COUNTER.DIAL_FAILURES);
        this.book.failed(host);
      } else {
        this.#counters.handshake(outcome.resumed);
        this.book.recovered(host);
      }
    });
  }

  /** Makes the next connection ready when this one is nearly full. */
  relieve(connection: DotConnection): void {
    if (connection.load > CROWDED && this.mayDial) this.dial();
  }

  /** An answer came. */
  heard(): void {
    this.#silences = 0;
  }

  /** The server said for how many milliseconds it keeps an idle connection. */
  announced(ms: number): void {
    this.#horizon.announced(ms);
  }

  /**
   * Ends connections on which answers have been due for too long: nothing at all was heard, of which `onSilent` is
   * told first, or one message comes so slowly that all others wait behind it. Halfway there `onQuiet` is told, which
   * may ask something that is answered at once: silence then does not mean that a name is slow.
   */
  endStuck(
    nowMs: number,
    p95Ms: number,
    onQuiet: (connection: DotConnection) => void,
    onSilent: (error: UpstreamError) => void,
  ): void {
    const allowedMs = this.#silenceMs(p95Ms);
    for (const connection of [...this.#connections]) {
      if (connection.isTrickling(nowMs)) {
        connection.abort(new UpstreamError("timeout", "an answer came too slowly, and all others waited behind it"));
        continue;
      }
      const silentMs = connection.silentForMs(nowMs);
      if (silentMs > allowedMs) {
        this.#counters.add(COUNTER.SILENT_CLOSES);
        this.#silences++;
        const host = this.#races.get(connection)?.host;
        if (host !== undefined) this.book.failed(host);
        const words = `nothing was heard for ${Math.round(allowedMs)} ms while answers were due`;
        const error = new UpstreamError("timeout", words);
        onSilent(error);
        connection.abort(error);
      } else if (silentMs > allowedMs / 2 && connection.accepts && !this.#wasChecked(connection, nowMs - silentMs)) {
        this.#checkedMs.set(connection, nowMs);
        onQuiet(connection);
      }
    }
  }

  /** A connection is gone, with so many queries unanswered. What that says of the server is remembered. */
  remove(connection: DotConnection, unanswered: number): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    if (connection.wasReady) this.#learnFrom(connection, unanswered);
    else this.#dialFailedMs = this.#parts.clock.nowMs();
  }

  /** Nothing of before is known of the way any more. Connections take no new query, and end once they are answered. */
  renew(): void {
    this.book.forgive();
    this.#dialler.forget();
    for (const connection of [...this.#connections]) if (connection.ready) connection.retire();
  }

  abortAll(error: UpstreamError): void {
    this.#endProbe();
    for (const connection of [...this.#connections]) connection.abort(error);
  }

  #learnFrom(connection: DotConnection, unanswered: number): void {
    const idleMs = connection.idleForMs(this.#parts.clock.nowMs());
    if (!connection.endedByServer) {
      if (unanswered === 0) this.#horizon.outlived(idleMs);
    } else if (unanswered > 0) {
      if (connection.answered > 0) this.#lifespan.cutShort(connection.answered);
    } else {
      this.#counters.add(COUNTER.IDLE_CLOSES);
      this.#horizon.sawIdleClose(idleMs);
    }
    if (unanswered === 0) this.#lifespan.ranOut(connection.answered);
  }

  #wasChecked(connection: DotConnection, sinceMs: number): boolean {
    return (this.#checkedMs.get(connection) ?? Number.NEGATIVE_INFINITY) > sinceMs;
  }

  get #dialFailedLately(): boolean {
    return this.#parts.clock.nowMs() - this.#dialFailedMs < this.#parts.limits.health.redialMs;
  }

  #silenceMs(p95Ms: number): number {
    const { minSilenceMs, maxSilenceMs } = this.#parts.limits;
    const measuredMs = p95Ms === 0 ? maxSilenceMs : SILENCE_P95S * p95Ms;
    const allowedMs = Math.max(minSilenceMs, measuredMs) * 2 ** Math.min(this.#silences, 8);
    return Math.min(SLOW_SILENCES * maxSilenceMs, allowedMs);
  }
}

/** A ready connection before one that is being made, then the one with more room. */
function isBetter(one: DotConnection, other: DotConnection): boolean {
  return one.ready === other.ready ? one.load < other.load : one.ready;
}
