/**
 * One upstream: its addresses, its connections, the ticket for the next handshake, and whether it can be relied on.
 * It never chooses for a query; the set of upstreams does (upstream-set.ts).
 */

import type { UpstreamAddress } from "../config/config.ts";
import type { Log } from "../observe/log.ts";
import type {
  ByteStream,
  Clock,
  Random,
  StreamHandler,
  TlsDialOptions,
  TlsOutcome,
  TrustAnchors,
} from "../runtime/runtime.ts";
import type { ResponseLayout } from "../wire/response.ts";
import { ALPN_DOT, checkLeaf } from "./authentication.ts";
import { type ConnectionLimits, type ConnectionOwner, DotConnection } from "./connection.ts";
import { type Carrier, Exchange, UpstreamError } from "./exchange.ts";

/** Finds the addresses of a host name; calls back once, with at least one address or an error. */
export type LookUp = (hostName: string, done: (found: readonly string[] | UpstreamError) => void) => void;

export interface ServerLimits {
  readonly connection: ConnectionLimits;
  readonly maxConnections: number;
  /** How long a failed dial is remembered, so that a burst of queries makes one dial and not a storm. */
  readonly redialMs: number;
  /** How long a failing server is passed over while another is healthy: doubled with each failure, from min to max. */
  readonly minBackOffMs: number;
  readonly maxBackOffMs: number;
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

/** A question of fdns' own, the root's name servers, whose answer shows that a failing server works again. */
class Probe extends Exchange {
  constructor() {
    super();
    const rootNsIn = [0, 0, 2, 0, 1];
    this.query.question.set(rootNsIn);
    this.query.questionOctets = rootNsIn.length;
    this.query.rd = true;
  }
  override onResponse(): void {}
  override onFailure(): void {}
}

export class DotServer implements ConnectionOwner, Carrier {
  readonly identity: UpstreamAddress;
  readonly #parts: ServerParts;
  readonly #owner: ServerOwner;
  readonly #connections: DotConnection[] = [];
  /** Waiting for the addresses of the host name. */
  readonly #awaitingAddresses = new Set<Exchange>();
  #addresses: readonly string[];
  #lookingUp = false;
  /** The address to dial, and how many were dialled in vain since one last worked. */
  #address = 0;
  #addressesFailed = 0;
  #session: Uint8Array | undefined;
  /** Failures since the last answer; 0 is healthy. */
  #failures = 0;
  #failure: UpstreamError | undefined;
  #failedAtMs = 0;
  #probeAtMs = 0;
  readonly #probe = new Probe();
  #closed = false;

  constructor(identity: UpstreamAddress, parts: ServerParts, owner: ServerOwner) {
    this.identity = identity;
    this.#parts = parts;
    this.#owner = owner;
    this.#addresses = identity.addresses;
  }

  get healthy(): boolean {
    return this.#failures === 0;
  }

  /** Dials, so that the next query finds a connection, or the log says why there is none. */
  warm(): void {
    if (this.#connections.length > 0 || this.#lookingUp) return;
    if (this.#addresses.length === 0) this.#lookUpAddresses();
    else this.#dial();
  }

  /** Asks a failing server something of our own once its back-off is over: no client's query is at stake. */
  probeIfDue(): void {
    const nowMs = this.#parts.clock.nowMs();
    if (this.healthy || nowMs < this.#probeAtMs) return;
    const { carrier } = this.#probe;
    if (carrier === undefined) {
      this.#probeAtMs = nowMs + this.#backOffMs();
      this.send(this.#probe);
    } else if (carrier instanceof DotConnection && carrier.ready) {
      // Any answer would have made the server healthy: nobody is there. (A look-up or a handshake has its own bound.)
      carrier.cancel(this.#probe);
      this.#endSilent(carrier);
    }
  }

  /** Takes the exchange; the owner hears what becomes of it, possibly before this returns. */
  send(exchange: Exchange): void {
    const connection =
      this.#connections.find((one) => one.ready && one.accepts) ?? this.#connections.find((one) => one.accepts);
    if (connection !== undefined) {
      connection.send(exchange);
    } else if (this.#connections.length >= this.#parts.limits.maxConnections) {
      this.#attemptFailed(exchange, new UpstreamError("overloaded", "too many queries in flight"));
    } else if (this.#justFailed()) {
      this.#attemptFailed(exchange, this.#failure!);
    } else if (this.#addresses.length === 0) {
      exchange.carrier = this;
      this.#awaitingAddresses.add(exchange);
      this.#lookUpAddresses();
    } else {
      this.#dial().send(exchange);
    }
  }

  cancel(exchange: Exchange): void {
    exchange.carrier = undefined;
    this.#awaitingAddresses.delete(exchange);
  }

  /**
   * An exchange of this server's was given up. If nothing at all was heard on its connection since it was sent, the
   * connection is dead: a name that is slow to resolve leaves others answered, a lost path leaves none. An exchange
   * that was sent again shows nothing: it may have been on this connection, which may still be dialling, for a moment.
   */
  onTimeout(exchange: Exchange): void {
    const carrier = exchange.carrier;
    carrier?.cancel(exchange);
    if (!(carrier instanceof DotConnection)) return;
    if (exchange.resends > 0 || carrier.lastHeardMs >= exchange.sentMs) return;
    this.#endSilent(carrier);
  }

  #endSilent(connection: DotConnection): void {
    const error = new UpstreamError("timeout", "no answer, and nothing heard on the connection");
    this.#markFailed(error);
    connection.abort(error);
  }

  /** Makes no connection any more; ends every one once it is idle, or at once with `error`. */
  close(error?: UpstreamError): void {
    this.#closed = true;
    this.#probe.carrier?.cancel(this.#probe);
    for (const connection of [...this.#connections]) {
      if (error === undefined) connection.retire();
      else connection.abort(error);
    }
  }

  onReady(_connection: DotConnection, outcome: TlsOutcome): void {
    this.#addressesFailed = 0;
    this.#parts.log.debug(`upstream ${this.identity.text}: connected`, {
      upstream: this.identity.text,
      address: this.#addresses[this.#address],
      protocol: outcome.protocol,
      cipher: outcome.cipher,
      alpn: outcome.alpn ?? "none",
      resumed: outcome.resumed ?? "unknown",
    });
  }

  onResponse(exchange: Exchange, octets: Uint8Array, start: number, layout: ResponseLayout): void {
    if (!this.healthy) this.#markWorking();
    if (exchange !== this.#probe) this.#owner.onResponse(exchange, this, octets, start, layout);
  }

  onMalformed(exchange: Exchange, error: UpstreamError): void {
    if (exchange === this.#probe) this.#markFailed(error);
    else this.#attemptFailed(exchange, error);
  }

  onClosed(connection: DotConnection, error: UpstreamError, unanswered: Exchange[]): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    if (this.#closed && unanswered.length === 0) return;
    if (error.code === "connect" || error.code === "authentication") {
      this.#onDialFailed(error, unanswered);
    } else if (connection.answered > 0 || error.code === "timeout") {
      for (const exchange of unanswered) {
        if (exchange !== this.#probe) this.#owner.onInterrupted(exchange, this, error);
      }
    } else if (unanswered.length > 0) {
      this.#markFailed(error);
      for (const exchange of unanswered) this.#attemptFailed(exchange, error);
    }
  }

  #dial(): DotConnection {
    const { clock, random, limits } = this.#parts;
    const connection = new DotConnection({
      clock,
      random,
      limits: limits.connection,
      owner: this,
      dial: (onSecure, handler) => this.#dialTls(onSecure, handler),
    });
    this.#connections.push(connection);
    return connection;
  }

  #dialTls(onSecure: (outcome: TlsOutcome) => void, handler: StreamHandler): ByteStream {
    const { adn, port, spkiPins } = this.identity;
    const session = this.#session;
    this.#session = undefined; // a ticket is used once (RFC 8446, C.4), and a bad one not twice
    return this.#parts.dialTls({
      address: { host: this.#addresses[this.#address]!, port },
      adn,
      trust: this.#parts.trust,
      alpn: [ALPN_DOT],
      session,
      checkLeaf: (leaf) => checkLeaf(adn, spkiPins, leaf),
      onSession: (ticket) => {
        this.#session = ticket;
      },
      onSecure,
      handler,
    });
  }

  /** The next address is tried for those who wait, until every one has failed. */
  #onDialFailed(error: UpstreamError, unanswered: Exchange[]): void {
    this.#addressesFailed++;
    if (this.#addressesFailed < this.#addresses.length) {
      this.#address = (this.#address + 1) % this.#addresses.length;
      const connection = this.#dial();
      for (const exchange of unanswered) connection.send(exchange);
      return;
    }
    this.#addressesFailed = 0;
    this.#address = 0;
    // A host name may have moved: it is looked up again.
    if (this.identity.hostName !== undefined) this.#addresses = [];
    this.#markFailed(error);
    for (const exchange of unanswered) this.#attemptFailed(exchange, error);
  }

  #lookUpAddresses(): void {
    if (this.#lookingUp) return;
    this.#lookingUp = true;
    this.#parts.lookUp(this.identity.hostName!, (found) => {
      this.#lookingUp = false;
      const waiting = [...this.#awaitingAddresses];
      this.#awaitingAddresses.clear();
      if (this.#closed && waiting.length === 0) return;
      if (found instanceof UpstreamError) {
        this.#markFailed(found);
        for (const exchange of waiting) this.#attemptFailed(exchange, found);
        return;
      }
      this.#addresses = found;
      this.#address = 0;
      if (waiting.length === 0) this.warm();
      for (const exchange of waiting) this.send(exchange);
    });
  }

  #attemptFailed(exchange: Exchange, error: UpstreamError): void {
    if (exchange !== this.#probe) this.#owner.onAttemptFailed(exchange, error);
  }

  #justFailed(): boolean {
    const remembered = this.#failure?.code !== "timeout";
    return (
      this.#failures > 0 && remembered && this.#parts.clock.nowMs() - this.#failedAtMs < this.#parts.limits.redialMs
    );
  }

  #backOffMs(): number {
    const { minBackOffMs, maxBackOffMs } = this.#parts.limits;
    return Math.min(maxBackOffMs, minBackOffMs * 2 ** Math.min(this.#failures - 1, 16));
  }

  #markFailed(error: UpstreamError): void {
    const isNews = this.#failures === 0 || this.#failure?.message !== error.message;
    this.#failures++;
    this.#failure = error;
    this.#failedAtMs = this.#parts.clock.nowMs();
    this.#probeAtMs = this.#failedAtMs + this.#backOffMs();
    if (isNews) {
      const { text } = this.identity;
      this.#parts.log.warn(`upstream ${text}: ${error.message}`, { upstream: text, code: error.code });
    }
  }

  #markWorking(): void {
    this.#probe.carrier?.cancel(this.#probe);
    this.#failures = 0;
    this.#failure = undefined;
    this.#parts.log.info(`upstream ${this.identity.text}: works again`, { upstream: this.identity.text });
  }
}
