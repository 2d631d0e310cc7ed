/** Whose doing a failure is: the upstream's, this host's, or that of the message fdns sent. */

import { RCODE, RCODE_MASK } from "../wire/protocol.ts";
import type { UpstreamError } from "./exchange.ts";

/** Descriptors or memory: every address is out of reach alike. */
const SHORTAGES: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

/** No route, address or family, and what a firewall or a filter of system calls of this host forbids. */
const NO_WAY_OUT: ReadonlySet<string> = new Set([
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "ENETDOWN",
  "EAFNOSUPPORT",
  "EACCES",
  "EPERM",
]);

/** RCODEs that may be the upstream's own trouble, or its own limits, which another need not have. */
export function isUpstreamsError(rcode: number): boolean {
  return rcode === RCODE.SERVFAIL || rcode === RCODE.REFUSED || rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP;
}

/** Whether an attempt ended because this host cannot send, before anything reached an upstream. */
export function isOfThisHost(error: UpstreamError | undefined): boolean {
  const code = codeOf(error?.cause);
  return SHORTAGES.has(code) || NO_WAY_OUT.has(code);
}

/** Whether this host had no descriptor or memory to connect with, which says nothing of the address. */
export function isShortage(cause: Error | undefined): boolean {
  return SHORTAGES.has(codeOf(cause));
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
}

/** RCODEs that may speak of what fdns added to the question (RFC 6891, 7), until they come without that as well. */
export function isComplaint(rcode: number): boolean {
  return rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || isOfThisHop(rcode);
}

/** RCODEs that speak of a message's OPT, TSIG or cookie, which go no further than one hop: never of the question. */
export function isOfThisHop(rcode: number): boolean {
  return rcode > RCODE_MASK;
}

const RESETS: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/** Whether a connection was ended before anything was answered on it: the next one may well not be. */
export function endsEarly(error: UpstreamError | undefined): boolean {
  if (error?.code !== "connect") return error?.code === "closed";
  return RESETS.has(codeOf(error.cause));
}

/** Whether nobody listens there: of an upstream that has answered before, as while it restarts. */
export function isRefusal(error: UpstreamError | undefined): boolean {
  return error?.code === "connect" && codeOf(error.cause) === "ECONNREFUSED";
}
