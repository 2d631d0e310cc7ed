import type { ResponseLayout } from "../../wire/response.ts";
import type { Exchange, UpstreamError } from "../exchange.ts";
import type { DotUpstream } from "./dot-upstream.ts";
import type { Suspicion } from "./guilt.ts";

/** Who hears what becomes of the exchanges given to an upstream. */
export interface UpstreamOwner {
  /** One for all upstreams: a query that ends connections goes from one to the next. */
  readonly suspicion: Suspicion;
  onResponse(
    exchange: Exchange,
    upstream: DotUpstream,
    octets: Uint8Array,
    start: number,
    layout: ResponseLayout,
  ): void;
  /** This upstream did not answer; another may. */
  onAttemptFailed(exchange: Exchange, error: UpstreamError): void;
  /** A connection that had worked ended under the exchange; the same upstream may well answer on a new one. */
  onInterrupted(exchange: Exchange, upstream: DotUpstream, error: UpstreamError): void;
}
