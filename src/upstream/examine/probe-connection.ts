/**
 * A connection on which several questions are asked at once and which is then left alone, for whoever examines an
 * upstream (fdns doctor): in which order answers come, and how long an upstream keeps what is idle. Over the same
 * connection code as the forwarder's.
 */

import type { UpstreamAddress } from "../../config/config.ts";
import type { SocketAddress } from "../../runtime/runtime.ts";
import { readUint16 } from "../../wire/octets.ts";
import { DotConnection } from "../connection/connection.ts";
import { ALPN_DOT, checkLeaf } from "../dial/authentication.ts";
import { type Exchange, UpstreamError } from "../exchange.ts";
import { OneExchange, type OneQueryParts, type QuestionToAsk } from "./one-query.ts";

export interface ProbeAnswer {
  readonly message: Uint8Array;
  /** From the query to its answer. */
  readonly tookMs: number;
}

interface Waiting {
  readonly askedMs: number;
  readonly settle: (outcome: ProbeAnswer | UpstreamError) => void;
}

export class ProbeConnection {
  readonly #parts: OneQueryParts;
  readonly #connection: DotConnection;
  readonly #waiting = new Map<Exchange, Waiting>();
  readonly #atEnd = new Set<() => void>();
  #readyMs = Number.POSITIVE_INFINITY;
  #failure: UpstreamError | undefined;
  #endedMs = Number.POSITIVE_INFINITY;

  /** Dials at once. With `session` it is resumed. fdns itself ends it only after `keptMs` without a query. */
  constructor(
    identity: Pick<UpstreamAddress, "adn" | "spkiPins">,
    address: SocketAddress,
    parts: OneQueryParts,
    keptMs: number,
    session?: Uint8Array,
  ) {
    this.#parts = parts;
    this.#connection = new DotConnection({
      clock: parts.clock,
      random: parts.random,
      limits: parts.limits,
      maxQueries: Number.POSITIVE_INFINITY,
      retireAfterMs: () => keptMs,
      owner: {
        onReady: () => {
          this.#readyMs = parts.clock.nowMs();
        },
        onResponse: (exchange, octets, start) => this.#onResponse(exchange, octets, start),
        onMalformed: (exchange, error) => this.#settle(exchange, error),
        onKeepalive: () => {},
        onClosed: (_connection, error) => this.#onClosed(error),
      },
      dial: (onSecure, handler) =>
        parts.dialTls({
          address,
          adn: identity.adn,
          trust: parts.trust,
          alpn: [ALPN_DOT],
          session,
          checkLeaf: (leaf) => checkLeaf(identity.adn, identity.spkiPins, leaf),
          onSession: () => {},
          onSecure,
          handler,
        }),
    });
  }

  /** Why it ended; undefined while it has not. */
  get failure(): UpstreamError | undefined {
    return this.#failure;
  }

  /** How long it has been idle, or was when it ended, in milliseconds. */
  get idleMs(): number {
    return Math.min(this.#endedMs, this.#parts.clock.nowMs()) - this.#connection.lastHeardMs;
  }

  /** Questions of one turn leave in one write, in their order. Rejects with an UpstreamError. */
  ask(question: QuestionToAsk): Promise<ProbeAnswer> {
    return new Promise((resolve, reject) => {
      const { clock, answerBoundMs, limits } = this.#parts;
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const exchange = new OneExchange(question);
      // Before the handshake is done, it may take the time that a connection may take too.
      const boundMs = answerBoundMs + (this.#connection.ready ? 0 : limits.dialMs);
      const cancelBound = clock.after(boundMs, () => {
        this.#connection.cancel(exchange);
        this.#settle(exchange, new UpstreamError("timeout", `no answer within ${answerBoundMs} ms`));
      });
      this.#waiting.set(exchange, {
        askedMs: clock.nowMs(),
        settle: (outcome) => {
          cancelBound();
          if (outcome instanceof UpstreamError) reject(outcome);
          else resolve(outcome);
        },
      });
      exchange.sentMs = clock.nowMs();
      this.#connection.send(exchange);
    });
  }

  /** Resolves when it has ended, whoever ended it, or after so long. */
  ended(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#failure !== undefined) {
        resolve();
        return;
      }
      const settle = () => {
        cancelBound();
        this.#atEnd.delete(settle);
        resolve();
      };
      const cancelBound = this.#parts.clock.after(withinMs, settle);
      this.#atEnd.add(settle);
    });
  }

  end(): void {
    this.#connection.abort(new UpstreamError("closed", "not needed any more"));
  }

  #onResponse(exchange: Exchange, octets: Uint8Array, start: number): void {
    const waiting = this.#waiting.get(exchange);
    if (waiting === undefined) return;
    const sentMs = Math.max(waiting.askedMs, this.#readyMs);
    this.#settle(exchange, {
      // The frame's length stands before it.
      message: octets.slice(start, start + readUint16(octets, start - 2)),
      tookMs: this.#parts.clock.nowMs() - sentMs,
    });
  }

  #settle(exchange: Exchange, outcome: ProbeAnswer | UpstreamError): void {
    const waiting = this.#waiting.get(exchange);
    this.#waiting.delete(exchange);
    waiting?.settle(outcome);
  }

  #onClosed(error: UpstreamError): void {
    this.#failure = error;
    this.#endedMs = this.#parts.clock.nowMs();
    for (const exchange of [...this.#waiting.keys()]) this.#settle(exchange, error);
    for (const settle of [...this.#atEnd]) settle();
  }
}
