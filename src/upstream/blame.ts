/** Whose doing a failure is: the server's, this host's, or that of the message fdns sent. */

import { RCODE, RCODE_MASK } from "../wire/protocol.ts";
import type { UpstreamError } from "./exchange.ts";

const LOCAL_FAILURES: ReadonlySet<string> = new Set(["ENETUNREACH", "EADDRNOTAVAIL", "ENETDOWN"]);

/** RCODEs that may be the server's own trouble, or its own limits, which another need not have. */
export function isServersError(rcode: number): boolean {
  return rcode === RCODE.SERVFAIL || rcode === RCODE.REFUSED || rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP;
}

/** Whether an attempt ended because this host cannot send, before anything reached a server. */
export function isOfThisHost(error: UpstreamError | undefined): boolean {
  return error !== undefined && LOCAL_FAILURES.has((error.cause as NodeJS.ErrnoException | undefined)?.code ?? "");
}

/** RCODEs that may speak of what fdns added to the question (RFC 6891, 7), until they come without that as well. */
export function isComplaint(rcode: number): boolean {
  return rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || isOfThisHop(rcode);
}

/** RCODEs that speak of a message's OPT, TSIG or cookie, which go no further than one hop: never of the question. */
export function isOfThisHop(rcode: number): boolean {
  return rcode > RCODE_MASK;
}
