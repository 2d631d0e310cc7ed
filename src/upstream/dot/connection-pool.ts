/**
 * The connections of one upstream: which one takes the next query, when another is dialled, and which have been silent
 * or idle for too long. What becomes of the queries on them is for their owner (dot-upstream.ts).
 */

import type { UpstreamAddress } from "../../config/config.ts";
import type { PeerLeaf, Random } from "../../runtime/runtime.ts";
import { type ConnectionLimits, type ConnectionOwner, DotConnection } from "../connection/connection.ts";
import { COUNTER, type UpstreamCounters } from "../counters.ts";
import { AddressBook } from "../dial/address-book.ts";
import { probeAddress } from "../dial/address-probe.ts";
import { AddressRace } from "../dial/address-race.ts";
import { Dialler, type DiallerLimits, type DiallerParts } from "../dial/dialler.ts";
import type { UpstreamError } from "../exchange.ts";
import type { HealthLimits } from "../health/health.ts";
import { DialPause } from "./dial-pause.ts";
import { IdleHorizon, type IdleLimits } from "./idle-horizon.ts";
import { Lifespan } from "./lifespan.ts";
import { Silences } from "./silences.ts";

export interface PoolLimits extends DiallerLimits {
  readonly connection: ConnectionLimits;
  readonly idle: IdleLimits;
  readonly health: HealthLimits;
  readonly maxConnections: number;
  /** Further ones for queries that are kept from all others, as connections ended under them (isolation.ts). */
  readonly maxIsolated: number;
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
/** Isolated connections while nobody knows whether the upstream answers anything: each costs a third of a megabyte. */
const ISOLATED_IN_SILENCE = 8;
/** An isolated connection waits for the next suspect for so long; it takes a descriptor of either side. */
const ISOLATED_IDLE_MS = 2000;
/** Handshakes at once for suspects. */
const MAX_ISOLATED_DIALS = 8;

export class ConnectionPool {
  readonly book: AddressBook;
  readonly #parts: PoolParts;
  readonly #counters: UpstreamCounters;
  readonly #owner: ConnectionOwner;
  readonly #horizon: IdleHorizon;
  readonly #lifespan: Lifespan;
  readonly #dialler: Dialler;
  readonly #silences: Silences;
  readonly #connections: DotConnection[] = [];
  readonly #pause: DialPause;
  #dialFailedMs = Number.NEGATIVE_INFINITY;
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
    this.#pause = new DialPause(parts.clock, parts.random);
    this.#silences = new Silences(parts.limits.minSilenceMs, parts.limits.maxSilenceMs);
  }

  /** Connections that are ready or being made. */
  get size(): number {
    return this.#connections.length;
  }

  get inFlight(): number {
    return this.#connections.reduce((sum, one) => sum + one.inFlight, 0);
  }

  /** How long the upstream keeps an idle connection, in milliseconds; undefined while nothing is known. */
  get idleHorizonMs(): number | undefined {
    return this.#horizon.learnedMs;
  }

  /** The certificate of the last handshake that passed; undefined before the first. */
  get leaf(): PeerLeaf | undefined {
    return this.#dialler.leaf;
  }

  /** The least loaded connection that takes a query now; one that has been idle for too long is ended instead. */
  choose(): DotConnection | undefined {
    let best: DotConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.isolated || !connection.accepts) continue;
      if (best === undefined || isBetter(connection, best)) best = connection;
    }
    // The time is read only where it matters: this is asked for each query.
    if (best === undefined || best.inFlight > 0) return best?.isHeldUp && this.mayDial ? undefined : best;
    if (best.idleForMs(this.#parts.clock.nowMs()) <= this.#horizon.retireAfterMs) return best;
    // Its timer is late, as after a suspend of the host: the upstream will have ended it.
    best.retire();
    return this.choose();
  }

  /** Whether a query given now would be sent now. */
  get isFree(): boolean {
    return this.#connections.some((one) => one.ready && !one.isolated && one.accepts);
  }

  /** Whether a connection works: that another could not be made then says little of the upstream. */
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
      if (one.ready && !one.isolated && one.accepts) leastMs = Math.min(leastMs, one.stalledForMs(nowMs));
    }
    return leastMs === Number.POSITIVE_INFINITY ? 0 : leastMs;
  }

  get mayDial(): boolean {
    const { maxConnections, maxDialling } = this.#lifespan;
    return this.#mayDial(false, maxConnections, maxDialling);
  }

  /** A connection that carries nothing, for a query that is kept from all others: one that is idle, or a new one. */
  chooseEmpty(wish: "any" | "rather new" | "new"): DotConnection | undefined {
    const isolated = this.#connections.filter((one) => one.isolated);
    const idle = isolated.find((one) => one.isEmpty);
    if (idle !== undefined && wish === "any") return idle;
    const maxIsolated = Math.min(this.#parts.limits.maxIsolated, this.#silences.isOn ? ISOLATED_IN_SILENCE : Infinity);
    if (this.#mayDial(true, maxIsolated, this.#pause.isRepeated ? 1 : MAX_ISOLATED_DIALS)) return this.dial(true);
    return wish === "new" && isolated.length < maxIsolated ? undefined : idle;
  }

  /** An isolated connection that is idle, for any query from now on: no handshake has to be waited for. */
  takeIdle(): DotConnection | undefined {
    const idle = this.#connections.find((one) => one.isolated && one.ready && one.isEmpty);
    if (idle !== undefined) idle.isolated = false;
    return idle;
  }

  /** Begins a connection, which takes queries at once. Only when `mayDial`. */
  dial(isolated = false): DotConnection {
    const { clock, random, limits } = this.#parts;
    this.#counters.add(COUNTER.DIALS);
    let race!: AddressRace;
    const connection: DotConnection = new DotConnection({
      clock,
      random,
      limits: limits.connection,
      owner: this.#owner,
      onUnsolicited: () => this.#counters.add(COUNTER.UNSOLICITED),
      maxQueries: this.#lifespan.maxQueries,
      retireAfterMs: (): number => {
        const { retireAfterMs } = this.#horizon;
        return connection.isolated ? Math.min(ISOLATED_IDLE_MS, retireAfterMs) : retireAfterMs;
      },
      dial: (onSecure, handler) => {
        race = new AddressRace(clock, this.book, this.#dialler.dial, onSecure, handler);
        return race;
      },
    });
    connection.isolated = isolated;
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

  /** Ends connections that are silent or trickle; see silences.ts. */
  endStuck(
    nowMs: number,
    p95Ms: number,
    onQuiet: (connection: DotConnection) => void,
    onSilent: (error: UpstreamError) => void,
  ): void {
    this.#silences.end([...this.#connections], nowMs, p95Ms, onQuiet, (connection, error) => {
      this.#counters.add(COUNTER.SILENT_CLOSES);
      const host = this.#races.get(connection)?.host;
      if (host !== undefined) this.book.failed(host);
      onSilent(error);
    });
  }

  /** An answer came. */
  heard(): void {
    this.#silences.heard();
    this.#pause.end();
  }

  /** The upstream said for how many milliseconds it keeps an idle connection. */
  announced(ms: number): void {
    this.#horizon.announced(ms);
  }

  /** A connection is gone, with so many queries unanswered. What that says of the upstream is remembered. */
  remove(connection: DotConnection, unanswered: number): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    if (connection.wasReady) this.#learnFrom(connection, unanswered);
    else this.#dialFailedMs = this.#parts.clock.nowMs();
  }

  /** A connection ended before it answered anything. */
  wasFruitless(): void {
    this.#pause.begin();
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
    if (!connection.endedByPeer) {
      if (unanswered === 0) this.#horizon.outlived(idleMs);
    } else if (unanswered > 0) {
      if (connection.answered > 0 && !connection.isolated) this.#lifespan.cutShort(connection.answered);
    } else {
      this.#counters.add(COUNTER.IDLE_CLOSES);
      this.#horizon.sawIdleClose(idleMs);
    }
    if (unanswered === 0) this.#lifespan.ranOut(connection.answered);
  }

  #mayDial(isolated: boolean, maxConnections: number, maxDialling: number): boolean {
    if (this.book.isEmpty || this.#pause.isOn) return false;
    const kind = this.#connections.filter((one) => one.isolated === isolated);
    if (kind.length >= maxConnections) return false;
    return kind.filter((one) => one.dialling).length < maxDialling && !(this.isReady && this.#dialFailedLately);
  }

  get #dialFailedLately(): boolean {
    return this.#parts.clock.nowMs() - this.#dialFailedMs < this.#parts.limits.health.redialMs;
  }
}

/** A ready connection before one that is being made, one that is not held up before one that is, then the one with more room. */
function isBetter(one: DotConnection, other: DotConnection): boolean {
  if (one.ready !== other.ready) return one.ready;
  return one.isHeldUp === other.isHeldUp ? one.load < other.load : other.isHeldUp;
}
