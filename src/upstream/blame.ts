/** Whose doing a failure is: the server's, this host's, or that of the message fdns sent. */

import { RCODE } from "../wire/protocol.ts";
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

/** RCODEs that may be the server's own trouble, with which another need not be plagued. */
export function isServersError(rcode: number): boolean {
  return rcode === RCODE.SERVFAIL || rcode === RCODE.REFUSED;
}

/** Whether an attempt ended because this host cannot send, before anything reached a server. */
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

/** RCODEs that speak of the message fdns sent, not of the name asked for (RFC 6891, 9 for those above 15). */
export function isComplaint(rcode: number): boolean {
  return rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode > 15;
}
