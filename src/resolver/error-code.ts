/** What clients are told of why no upstream answered. */

import type { UpstreamError } from "../upstream/exchange.ts";
import { EDE } from "../wire/protocol.ts";

/** The Extended DNS Error of RFC 8914, 4.23 and 4.24: a network error, or no reachable authority when everyone stayed silent. */
export function edeOf(error: UpstreamError): number {
  switch (error.code) {
    case "connect":
    case "authentication":
    case "closed":
    case "unresolved":
      return EDE.NETWORK_ERROR;
    case "timeout":
    case "malformed":
      return EDE.NO_REACHABLE_AUTHORITY;
    default:
      return EDE.OTHER;
  }
}
