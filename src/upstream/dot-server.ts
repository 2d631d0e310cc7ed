/**
 * One upstream: its addresses, its connections, the ticket for the next handshake, and whether it can be relied on.
 * It never chooses for a query; the set of upstreams does (upstream-set.ts).
 */

import type { UpstreamAddress } from "../config/config.ts";
import type { Log } from "../observe/log.ts";
import type {
  ByteStream,
  Clock,
  PeerLeaf,
  Random,
  TlsDialOptions,
  TlsOutcome,
  TrustAnchors,
} from "../runtime/runtime.ts";
import type { ResponseLayout } from "../wire/response.ts";
import { AddressBook, AddressRace, type DialAddress } from "./address-race.ts";
import { ALPN_DOT, checkLeaf } from "./authentication.ts";
import { type ConnectionLimits, type ConnectionOwner, DotConnection } from "./connection.ts";
import { COUNTER, UpstreamCounters, type UpstreamGauges } from "./counters.ts";
import { type Carrier, type Exchange, UpstreamError } from "./exchange.ts";
import { Health, type HealthLimits } from "./health.ts";
import { IdleHorizon, type IdleLimits } from "./idle-horizon.ts";
import { Lifespan } from "./lifespan.ts";
import { Probe } from "./probe.ts";
import { ResponseTimes } from "./response-times.ts";

/** Finds the addresses of a host name; calls back once, with at least one address or an error. */
export type LookUp = (hostName: string, done: (found: readonly string[] | UpstreamError) => void) => void;

export interface ServerLimits {
  readonly connection: ConnectionLimits;
  readonly health: HealthLimits;
  readonly idle: IdleLimits;
  readonly maxConnections: number;
  /** Queries that may wait for a connection. */
  readonly maxWaiting: number;
  /** How long a busy connection may be silent: at least, and at most (as before anything was measured). */
  readonly minSilenceMs: number;
  readonly maxSilenceMs: number;
}

export interface ServerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly trust: TrustAnchors;
  readonly dialTls: (options: TlsDialOptions) => ByteStream;
  readonly lookUp: LookUp;
  readonly limits: ServerLimits;
}

/** Who hears what becomes of the exchanges given to a server. */
export interface ServerOwner {
  onResponse(exchange: Exchange, server: DotServer, octets: Uint8Array, start: number, layout: ResponseLayout): void;
  /** This server did not answer; another may. */
  onAttemptFailed(exchange: Exchange, error: UpstreamError): void;
  /** A connection that had worked ended under the exchange; the same server may well answer on a new one. */
  onInterrupted(exchange: Exchange, server: DotServer, error: UpstreamError): void;
}

/** Share of a connection's capacity above which the next one is made ready. */
const CROWDED = 0.75;
/** Times of silence allowed, in units of what 95 % of answers take. */
const SILENCE_P95S = 4;

export class DotServer implements ConnectionOwner, Carrier {
  readonly identity: UpstreamAddress;
  readonly counters = new UpstreamCounters();
  readonly times = new ResponseTimes();
  readonly #parts: ServerParts;
  readonly #owner: ServerOwner;
  readonly #health: Health;
  readonly #horizon: IdleHorizon;
  readonly #lifespan: Lifespan;
  readonly #book: AddressBook;
  readonly #connections: DotConnection[] = [];
  /** Waiting for the addresses of the host name, or for room on a connection, in the order they came. */
  readonly #waiting = new Set<Exchange>();
  readonly #probe = new Probe();
  #lookingUp = false;
  #session: Uint8Array | undefined;
  #leaf: PeerLeaf | undefined;
  /** Connections that fell silent since the last octet came: each gives the next one twice the time. */
  #silences = 0;
  /** Whether the log was told that it fails. */
  #told = false;
  #closed = false;

  constructor(identity: UpstreamAddress, parts: ServerParts, owner: ServerOwner) {
    this.identity = identity;
    this.#parts = parts;
    this.#owner = owner;
    this.#health = new Health(parts.clock, parts.random, parts.limits.health);
    this.#horizon = new IdleHorizon(parts.limits.idle);
    this.#lifespan = new Lifespan(parts.limits.maxConnections);
    this.#book = new AddressBook(identity.addresses);
  }

  get healthy(): boolean {
    return this.#health.healthy;
  }

  get inFlight(): number {
    return this.#connections.reduce((sum, one) => sum + one.inFlight, this.#waiting.size);
  }

  /** What it is like now, for the observer. */
  gauges(): UpstreamGauges {
    return {
      inFlight: this.inFlight,
      connections: this.#connections.length,
      breakers: this.#book.families.map((family) => ({
        family,
        state: this.healthy && this.#book.failing(family) ? "open" : this.#health.state,
      })),
      answerMs: this.times.meanMs || undefined,
      idleHorizonMs: this.#horizon.learnedMs,
      certificateNotAfterMs: this.#leaf?.notAfterMs,
    };
  }

  /** Dials, so that the next query finds a connection, or the log says why there is none. */
  warm(): void {
    if (this.#connections.length > 0) return;
    if (this.#book.isEmpty) this.#lookUpAddresses();
    else this.#dial();
  }

  /** Asks a failing server something of our own once its back-off is over: no client's query is at stake. */
  probeIfDue(): void {
    if (this.#health.takeProbe()) this.send(this.#probe);
  }

  /** Takes the exchange; the owner hears what becomes of it, possibly before this returns. */
  send(exchange: Exchange): void {
    this.counters.add(COUNTER.ATTEMPTS);
    exchange.sentMs = this.#parts.clock.nowMs();
    this.#place(exchange);
  }

  #place(exchange: Exchange): void {
    const connection = this.#choose();
    const remembered = this.#health.remembered;
    if (connection !== undefined) {
      this.#give(connection, exchange);
    } else if (remembered !== undefined && exchange !== this.#probe) {
      this.#attemptFailed(exchange, remembered);
    } else if (!this.#book.isEmpty && this.#mayDial()) {
      this.#give(this.#dial(), exchange);
    } else if (this.#waiting.size < this.#parts.limits.maxWaiting) {
      exchange.carrier = this;
      this.#waiting.add(exchange);
      if (this.#book.isEmpty) this.#lookUpAddresses();
    } else {
      this.#attemptFailed(exchange, new UpstreamError("overloaded", "too many queries in flight"));
    }
  }

  #give(connection: DotConnection, exchange: Exchange): void {
    if (connection.answered > 0) this.counters.add(COUNTER.REUSES);
    connection.send(exchange);
    if (connection.load > CROWDED && this.#mayDial()) this.#dial();
  }

  cancel(exchange: Exchange): void {
    exchange.carrier = undefined;
    this.#waiting.delete(exchange);
  }

  /** Ends connections on which answers have been due for too long while nothing at all was heard. */
  watch(nowMs: number): void {
    const allowedMs = this.#silenceMs();
    for (const connection of [...this.#connections]) {
      if (connection.silentForMs(nowMs) <= allowedMs) continue;
      this.counters.add(COUNTER.SILENT_CLOSES);
      this.#silences++;
      if (this.#book.last !== undefined) this.#book.failed(this.#book.last, nowMs);
      const error = new UpstreamError(
        "timeout",
        `nothing was heard for ${Math.round(allowedMs)} ms while answers were due`,
      );
      // One slow name alone looks like this too, so that a question of our own has to tell before it is called failing.
      this.#health.suspected(error);
      connection.abort(error);
    }
  }

  /** Makes no connection any more; ends every one with `error`. */
  close(error: UpstreamError): void {
    this.#closed = true;
    this.#probe.carrier?.cancel(this.#probe);
    for (const connection of [...this.#connections]) connection.abort(error);
  }

  /** The way to the server may have changed: connections of before end once they are answered, or fall silent. */
  renew(): void {
    for (const connection of [...this.#connections]) if (connection.ready) connection.retire();
  }

  onReady(_connection: DotConnection, outcome: TlsOutcome): void {
    this.counters.handshake(outcome.resumed);
    this.#parts.log.debug(`upstream ${this.identity.text}: connected`, {
      upstream: this.identity.text,
      address: this.#book.last,
      protocol: outcome.protocol,
      cipher: outcome.cipher,
      alpn: outcome.alpn ?? "none",
      resumed: outcome.resumed ?? "unknown",
    });
    this.#serveWaiting();
  }

  onResponse(exchange: Exchange, octets: Uint8Array, start: number, layout: ResponseLayout): void {
    this.counters.answered(exchange.tookMs);
    this.#silences = 0;
    if (!this.healthy) this.#markWorking();
    if (exchange !== this.#probe) {
      this.times.record(exchange.tookMs);
      this.#owner.onResponse(exchange, this, octets, start, layout);
    }
    if (this.#waiting.size > 0) this.#serveWaiting();
  }

  onMalformed(exchange: Exchange, error: UpstreamError): void {
    this.counters.failed(error.code);
    if (exchange === this.#probe) this.#markFailed(error);
    this.#attemptFailed(exchange, error);
  }

  onKeepalive(ms: number): void {
    this.#horizon.announced(ms);
  }

  onClosed(connection: DotConnection, error: UpstreamError, unanswered: Exchange[]): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    if (this.#closed && unanswered.length === 0) return;
    if (error.code === "connect" || error.code === "authentication") this.#onDialFailed(error, unanswered);
    else this.#onEnded(connection, error, unanswered);
    this.#serveWaiting();
  }

  /** A connection that was authenticated ended. What it had answered before says whether the server is to blame. */
  #onEnded(connection: DotConnection, error: UpstreamError, unanswered: readonly Exchange[]): void {
    this.#noteEnd(connection, unanswered.length);
    const worked = connection.answered > 0 || error.code === "timeout";
    if (unanswered.includes(this.#probe) || (!worked && unanswered.length > 0)) this.#markFailed(error);
    for (const exchange of unanswered) {
      if (exchange === this.#probe) continue;
      if (worked) this.#interrupted(exchange, error);
      else this.#failed(exchange, error);
    }
  }

  /** Learns from how a connection that had worked ended. */
  #noteEnd(connection: DotConnection, unanswered: number): void {
    const idleMs = connection.idleForMs(this.#parts.clock.nowMs());
    if (!connection.endedByServer) {
      if (unanswered === 0) this.#horizon.outlived(idleMs);
    } else if (unanswered > 0) {
      if (connection.answered > 0) this.#lifespan.cutShort(connection.answered);
    } else {
      this.counters.add(COUNTER.IDLE_CLOSES);
      this.#horizon.sawIdleClose(idleMs);
    }
    if (unanswered === 0) this.#lifespan.ranOut(connection.answered);
  }

  /** The least loaded connection that takes a query; those that have been idle for too long are ended instead. */
  #choose(): DotConnection | undefined {
    let best: DotConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.accepts && (best === undefined || isBetter(connection, best))) best = connection;
    }
    if (best === undefined || best.idleForMs(this.#parts.clock.nowMs()) <= this.#horizon.retireAfterMs) return best;
    // Its timer is late, as after a suspend of the host: the server will have ended it.
    best.retire();
    return this.#choose();
  }

  #mayDial(): boolean {
    const dialling = this.#connections.filter((one) => one.dialling).length;
    return (
      !this.#closed && dialling < this.#lifespan.maxDialling && this.#connections.length < this.#lifespan.maxConnections
    );
  }

  #dial(): DotConnection {
    const { clock, random, limits } = this.#parts;
    this.counters.add(COUNTER.DIALS);
    const connection = new DotConnection({
      clock,
      random,
      limits: limits.connection,
      owner: this,
      maxQueries: this.#lifespan.maxQueries,
      retireAfterMs: () => this.#horizon.retireAfterMs,
      dial: (onSecure, handler) => new AddressRace(clock, this.#book, this.#dialAddress, onSecure, handler),
    });
    this.#connections.push(connection);
    return connection;
  }

  readonly #dialAddress: DialAddress = (host, onSecure, handler) => {
    const { adn, port, spkiPins } = this.identity;
    const session = this.#session;
    this.#session = undefined; // a ticket is used once (RFC 8446, C.4), and a bad one not twice
    return this.#parts.dialTls({
      address: { host, port },
      adn,
      trust: this.#parts.trust,
      alpn: [ALPN_DOT],
      session,
      checkLeaf: (leaf) => {
        const refusal = checkLeaf(adn, spkiPins, leaf);
        if (refusal === undefined) this.#leaf = leaf;
        return refusal;
      },
      onSession: (ticket) => {
        this.#session = ticket;
      },
      onSecure,
      handler,
    });
  };

  #onDialFailed(error: UpstreamError, unanswered: readonly Exchange[]): void {
    this.counters.add(COUNTER.DIAL_FAILURES);
    // A host name may have moved: it is looked up again.
    if (this.identity.hostName !== undefined) this.#book.replace([]);
    this.#markFailed(error);
    for (const exchange of unanswered) this.#failed(exchange, error);
    this.#failWaiting(error);
  }

  #lookUpAddresses(): void {
    if (this.#lookingUp || this.#closed) return;
    this.#lookingUp = true;
    this.#parts.lookUp(this.identity.hostName!, (found) => {
      this.#lookingUp = false;
      if (this.#closed && this.#waiting.size === 0) return;
      if (found instanceof UpstreamError) {
        this.#markFailed(found);
        this.#failWaiting(found);
        return;
      }
      this.#book.replace(found);
      if (this.#waiting.size === 0) this.warm();
      else this.#serveWaiting();
    });
  }

  /** Gives those who wait to connections, as far as there is room. */
  #serveWaiting(): void {
    for (const exchange of this.#waiting) {
      if (this.#book.isEmpty || (this.#choose() === undefined && !this.#mayDial())) return;
      this.cancel(exchange);
      this.#place(exchange);
    }
  }

  #failWaiting(error: UpstreamError): void {
    for (const exchange of [...this.#waiting]) {
      this.cancel(exchange);
      this.#failed(exchange, error);
    }
  }

  #failed(exchange: Exchange, error: UpstreamError): void {
    this.counters.failed(error.code);
    this.#attemptFailed(exchange, error);
  }

  #interrupted(exchange: Exchange, error: UpstreamError): void {
    this.counters.add(COUNTER.ABANDONED);
    this.#owner.onInterrupted(exchange, this, error);
  }

  #attemptFailed(exchange: Exchange, error: UpstreamError): void {
    if (exchange !== this.#probe) this.#owner.onAttemptFailed(exchange, error);
  }

  #silenceMs(): number {
    const { minSilenceMs, maxSilenceMs } = this.#parts.limits;
    const measuredMs = this.times.p95Ms === 0 ? maxSilenceMs : SILENCE_P95S * this.times.p95Ms;
    return Math.min(maxSilenceMs, Math.max(minSilenceMs, measuredMs) * 2 ** Math.min(this.#silences, 8));
  }

  #markFailed(error: UpstreamError): void {
    const isNews = this.#health.failed(error);
    if (this.#told && !isNews) return;
    this.#told = true;
    const { text } = this.identity;
    this.#parts.log.warn(`upstream ${text}: ${error.message}`, { upstream: text, code: error.code });
  }

  #markWorking(): void {
    this.#health.worked();
    this.#probe.carrier?.cancel(this.#probe);
    if (!this.#told) return;
    this.#told = false;
    this.#parts.log.info(`upstream ${this.identity.text}: works again`, { upstream: this.identity.text });
  }
}

/** A ready connection before one that is being made, then the one with more room. */
function isBetter(one: DotConnection, other: DotConnection): boolean {
  return one.ready === other.ready ? one.load < other.load : one.ready;
}
