import type { ResponseLayout } from "../wire/response.ts";
import type { DotServer } from "./dot-server.ts";
import type { Exchange, UpstreamError } from "./exchange.ts";
import type { Suspicion } from "./guilt.ts";

/** Who hears what becomes of the exchanges given to a server. */
export interface ServerOwner {
  /** One for all servers: a query that ends connections goes from one to the next. */
  readonly suspicion: Suspicion;
  onResponse(exchange: Exchange, server: DotServer, octets: Uint8Array, start: number, layout: ResponseLayout): void;
  /** This server did not answer; another may. */
  onAttemptFailed(exchange: Exchange, error: UpstreamError): void;
  /** A connection that had worked ended under the exchange; the same server may well answer on a new one. */
  onInterrupted(exchange: Exchange, server: DotServer, error: UpstreamError): void;
}
