/** Whose doing a failure is: the server's, this host's, or that of the message fdns sent. */

import { RCODE } from "../wire/protocol.ts";
import type { UpstreamError } from "./exchange.ts";

const LOCAL_FAILURES: ReadonlySet<string> = new Set(["ENETUNREACH", "EADDRNOTAVAIL", "ENETDOWN"]);

/** RCODEs that may be the server's own trouble, with which another need not be plagued. */
export function isServersError(rcode: number): boolean {
  return rcode === RCODE.SERVFAIL || rcode === RCODE.REFUSED;
}

/** Whether an attempt ended because this host cannot send, before anything reached a server. */
export function isOfThisHost(error: UpstreamError | undefined): boolean {
  return error !== undefined && LOCAL_FAILURES.has((error.cause as NodeJS.ErrnoException | undefined)?.code ?? "");
}

/** RCODEs that speak of the message fdns sent, not of the name asked for (RFC 6891, 9 for those above 15). */
export function isComplaint(rcode: number): boolean {
  return rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode > 15;
}

const RESETS: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/** Whether a connection was ended before anything was answered on it: the next one may well not be. */
export function endsEarly(error: UpstreamError | undefined): boolean {
  if (error?.code !== "connect") return error?.code === "closed";
  return RESETS.has((error.cause as NodeJS.ErrnoException | undefined)?.code ?? "");
}
