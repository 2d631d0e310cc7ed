/**
 * One query to one upstream over a connection of its own, with everything that is worth knowing about it: for people
 * who look at an upstream (fdns query), over the same connection code as the forwarder's.
 */

import type { UpstreamAddress } from "../../config/config.ts";
import type {
  ByteStream,
  Clock,
  PeerLeaf,
  Random,
  SocketAddress,
  TlsDialOptions,
  TlsOutcome,
  TrustAnchors,
} from "../../runtime/runtime.ts";
import { readUint16 } from "../../wire/octets.ts";
import { type ConnectionLimits, DotConnection } from "../connection/connection.ts";
import { ALPN_DOT, checkLeaf } from "../dial/authentication.ts";
import { Exchange, UpstreamError } from "../exchange.ts";

export interface OneQueryParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly trust: TrustAnchors;
  readonly dialTls: (options: TlsDialOptions) => ByteStream;
  readonly limits: ConnectionLimits;
  /** How long the answer may take, once connected. */
  readonly answerBoundMs: number;
}

export interface QuestionToAsk {
  /** Name, type and class in wire form. */
  readonly octets: Uint8Array;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** Whether it goes without what fdns adds to a query (wire/upstream-query.ts). */
  readonly isPlain?: boolean;
}

/** What came, who sent it, and how long each step took. */
export interface OneAnswer {
  readonly message: Uint8Array;
  readonly address: SocketAddress;
  readonly tls: TlsOutcome;
  readonly leaf: PeerLeaf;
  /** The certificates that were verified, in DER, the leaf first. */
  readonly chain: readonly Uint8Array[];
  /** The ticket for another connection, if one was given. */
  readonly session: Uint8Array | undefined;
  /** TCP, from the start. */
  readonly connectMs: number;
  /** TLS, authentication included. */
  readonly handshakeMs: number;
  /** From the query to its answer. */
  readonly answerMs: number;
}

/** Tickets come with the first octets of a TLS 1.3 upstream, or not at all. */
const TICKET_BOUND_MS = 250;

/**
 * Dials `address`, authenticates it as `identity` says, and asks. With `ticket`: "use" a given one, or "await" one for
 * the next time before closing. Rejects with an UpstreamError.
 */
export function askOnce(
  identity: Pick<UpstreamAddress, "adn" | "spkiPins">,
  address: SocketAddress,
  question: QuestionToAsk,
  parts: OneQueryParts,
  ticket: { readonly use?: Uint8Array; readonly await?: boolean } = {},
): Promise<OneAnswer> {
  return new Promise((resolve, reject) => {
    const { clock } = parts;
    let startedMs = 0;
    let connectedMs = 0;
    let secureMs = 0;
    let tls: TlsOutcome | undefined;
    let leaf: PeerLeaf | undefined;
    let chain: readonly Uint8Array[] = [];
    let session: Uint8Array | undefined;
    let onTicket = () => {};
    let cancelBound = () => {};

    const close = () => {
      cancelBound();
      connection.abort(new UpstreamError("closed", "not needed any more"));
    };
    const exchange = new OneExchange(question);
    const connection: DotConnection = new DotConnection({
      clock,
      random: parts.random,
      limits: parts.limits,
      // Not 1: the connection would end with the answer, before the ticket that may follow it.
      maxQueries: Number.POSITIVE_INFINITY,
      retireAfterMs: () => parts.answerBoundMs,
      owner: {
        onReady(_connection, outcome) {
          tls = outcome;
          secureMs = clock.nowMs();
          cancelBound = clock.after(parts.answerBoundMs, () => {
            reject(new UpstreamError("timeout", `no answer within ${parts.answerBoundMs} ms`));
            close();
          });
        },
        onKeepalive() {},
        onResponse(_exchange, octets, start) {
          const answerMs = clock.nowMs() - secureMs;
          cancelBound();
          // The frame's length stands before it.
          const message = octets.slice(start, start + readUint16(octets, start - 2));
          const settle = () => {
            onTicket = () => {};
            resolve({
              message,
              address,
              tls: tls!,
              leaf: leaf!,
              chain,
              session,
              connectMs: connectedMs - startedMs,
              handshakeMs: secureMs - connectedMs,
              answerMs,
            });
            close();
          };
          if (ticket.await !== true || session !== undefined) {
            // Not within this call: the connection is in the middle of handing over what it read.
            clock.endOfTurn(settle);
            return;
          }
          cancelBound = clock.after(TICKET_BOUND_MS, settle);
          onTicket = settle;
        },
        onMalformed(_exchange, error) {
          reject(error);
          clock.endOfTurn(close);
        },
        onClosed(_connection, error) {
          cancelBound();
          reject(error);
        },
      },
      dial: (onSecure, handler) =>
        parts.dialTls({
          address,
          adn: identity.adn,
          trust: parts.trust,
          alpn: [ALPN_DOT],
          session: ticket.use,
          checkLeaf: (shown) => {
            leaf = shown;
            return checkLeaf(identity.adn, identity.spkiPins, shown);
          },
          onSession: (given) => {
            session = given;
            onTicket();
          },
          onConnect: () => {
            connectedMs = clock.nowMs();
          },
          onChain: (verified) => {
            chain = verified;
          },
          onSecure,
          handler,
        }),
    });
    // Only now: the first dial of a process loads the TLS library, within the call, for 10 ms and more. What the
    // network takes is waited for from here on.
    startedMs = clock.nowMs();
    connection.send(exchange);
  });
}

/** Its connection tells the owner what becomes of it, so there is nobody to tell here. */
export class OneExchange extends Exchange {
  constructor(question: QuestionToAsk) {
    super();
    const { query } = this;
    query.question.set(question.octets);
    query.questionOctets = question.octets.length;
    query.rd = true;
    // "Tell me whether it was validated" (RFC 6840, 5.7), as dig asks.
    query.ad = true;
    query.cd = question.checkingDisabled;
    query.dnssecOk = question.dnssecOk;
    this.isPlain = question.isPlain === true;
  }
  override onResponse(): void {}
  override onFailure(): void {}
}
