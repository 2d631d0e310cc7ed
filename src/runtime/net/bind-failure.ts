/** An address that could not be listened on: one reading of the system's codes for every kind of socket, on both runtimes. */

import { constants } from "node:os";
import { errorCode, systemErrorText } from "../../observe/system-error.ts";
import { BindError, type BindFailure, type SocketAddress } from "../runtime.ts";
import { formatSocketAddress, isWildcard } from "../sockaddr.ts";

const REASONS: Readonly<Record<string, BindFailure>> = {
  EADDRINUSE: "in-use",
  EACCES: "not-permitted",
  EPERM: "not-permitted",
  ENOTCAPABLE: "not-permitted",
  EADDRNOTAVAIL: "no-such-address",
  // A link-local address on an interface that does not have it.
  EINVAL: "no-such-address",
  ENODEV: "no-such-address",
  EAFNOSUPPORT: "no-such-family",
};

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "not permitted",
  EINVAL: "this host has no such address",
  ENODEV: "this host has no such interface",
};

export type Listening = "UDP" | "TCP" | "DNS over TLS" | "HTTP";

/** What failed: "cannot listen on [::1]:53 over UDP". */
export function listening(address: SocketAddress, over: Listening): string {
  return `cannot listen on ${formatSocketAddress(address)} over ${over}`;
}

/** An error of bind(2) or listen(2) as the runtimes report it, in the form callers decide on. */
export function listenFailure(address: SocketAddress, over: Listening, cause: unknown): BindError {
  const reason = REASONS[errorCode(cause) ?? ""] ?? "other";
  // A wildcard is an address of every host that has its family.
  const decided = reason === "no-such-address" && isWildcard(address.host) ? "no-such-family" : reason;
  const why = decided === "no-such-family" ? "this host lacks the address family" : systemErrorText(cause, WORDS);
  return new BindError(decided, why, { at: listening(address, over), cause });
}

/** The same for a call of the C library: its errno as an error with a code. */
export function errnoError(call: string, errno: number): Error {
  const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
  return Object.assign(new Error(`${call} failed`), { code });
}
