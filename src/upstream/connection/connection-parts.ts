/** What a connection needs, and who hears of it. */

import type { ByteStream, Clock, Random, StreamHandler, TlsOutcome } from "../../runtime/runtime.ts";
import type { ResponseLayout } from "../../wire/response.ts";
import type { Exchange, UpstreamError } from "../exchange.ts";
import type { DotConnection } from "./connection.ts";

/** How a connection is bounded; the values and their reasons are in config/defaults.ts. */
export interface ConnectionLimits {
  readonly dialMs: number;
  /** Queries in flight, and given-up ones whose IDs are still in quarantine. */
  readonly maxTakenIds: number;
  readonly maxUnsentOctets: number;
  /** Frames that answer nothing, after which the upstream is not worth listening to. */
  readonly maxUnsolicited: number;
}

/** Who owns the connection and hears of it. */
export interface ConnectionOwner {
  onReady(connection: DotConnection, outcome: TlsOutcome): void;
  /** Octets and layout are valid during the call only. */
  onResponse(exchange: Exchange, octets: Uint8Array, start: number, layout: ResponseLayout): void;
  /** The answer to this exchange came and is of no use. */
  onMalformed(exchange: Exchange, error: UpstreamError): void;
  /** The upstream said for how many milliseconds it keeps an idle connection (RFC 7828). */
  onKeepalive(ms: number): void;
  /** The connection is gone; `unanswered` are the owner's again. */
  onClosed(connection: DotConnection, error: UpstreamError, unanswered: Exchange[]): void;
}

export interface ConnectionParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: ConnectionLimits;
  readonly owner: ConnectionOwner;
  /** A frame came that answers nothing that was asked. */
  readonly onUnsolicited?: () => void;
  /** Queries it takes in its whole life: upstreams there are that end a connection after so many. */
  readonly maxQueries: number;
  /** How long it may be idle, in milliseconds; asked when it becomes idle. */
  readonly retireAfterMs: () => number;
  /** Starts the dialling; the two callbacks are for the TLS handshake, the handler for everything else. */
  readonly dial: (onSecure: (outcome: TlsOutcome) => void, handler: StreamHandler) => ByteStream;
}
