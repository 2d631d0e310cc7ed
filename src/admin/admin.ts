/**
 * `--admin`: what an operator's programs ask fdns about itself, over HTTP on loopback.
 *
 *   /metrics   everything counted, for Prometheus
 *   /health    200 as long as fdns runs: a probe that fails here means a restart helps
 *   /ready     200 once fdns listens, and from then on. Upstreams that fail do not change it: taking fdns out of use
 *              when they do would turn a slow network into none, for every client at once.
 */

import { EXPOSITION_TYPE } from "../observe/exposition.ts";
import { type HttpListener, listenHttp, text } from "../runtime/net/http-listen.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import { metricsText, type Observed } from "./metrics.ts";

export interface AdminParts {
  /** As it is now. */
  readonly observed: () => Observed;
  /** Whether every listener is bound; stays true once it is. */
  readonly isReady: () => boolean;
}

/** Serves the pages; rejects with a BindError if the address cannot be bound. */
export function openAdmin(address: SocketAddress, { observed, isReady }: AdminParts): Promise<HttpListener> {
  return listenHttp({
    address,
    pages: {
      "/metrics": () => ({ status: 200, contentType: EXPOSITION_TYPE, body: metricsText(observed()) }),
      "/health": () => text("ok"),
      "/ready": () => (isReady() ? text("ready") : text("not listening yet", 503)),
    },
  });
}
