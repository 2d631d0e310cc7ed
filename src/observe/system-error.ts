/**
 * What the system's and the runtimes' error codes mean in words. Bun and Deno word the same error differently, put the
 * call and its argument in between, or leave the reason out; an operator reads the same on both.
 */

import { bounded } from "./quoted.ts";

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  // Deno's own permissions.
  ENOTCAPABLE: "not permitted: Deno runs without the --allow flag for it",
  ENOENT: "there is no such file",
  ENOTDIR: "a part of the path is not a folder",
  EISDIR: "it is a folder",
  EEXIST: "it exists already",
  ENAMETOOLONG: "the path is too long",
  ELOOP: "there are too many symbolic links on the path",
  EROFS: "the file system is read-only",
  ENOSPC: "no space is left on the device",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is too large",
  EIO: "input/output error",
  EBADF: "it is closed",
  ENXIO: "there is no such device",
  ENODEV: "there is no such device",
  EBUSY: "it is busy",
  ETXTBSY: "it is a program that runs",
  EMFILE: "this process has too many files and sockets open (ulimit -n)",
  ENFILE: "this host has too many files and sockets open",
  ENOMEM: "this host is out of memory",
  ENOBUFS: "this host is out of memory for sockets",
  ENOTSOCK: "it is not a socket",
  EADDRINUSE: "the address is in use",
  EADDRNOTAVAIL: "this host has no such address",
  EAFNOSUPPORT: "this host lacks the address family",
  EPROTONOSUPPORT: "this host lacks the protocol",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ECONNABORTED: "connection reset",
  EPIPE: "connection reset",
  ETIMEDOUT: "connection timed out",
  ENETDOWN: "the network is down",
  ENETUNREACH: "network unreachable",
  EHOSTDOWN: "host unreachable",
  EHOSTUNREACH: "host unreachable",
};

/** The code of a system's error, "ENOENT"; undefined where there is none. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  if (typeof code === "string") return code;
  return (error as { readonly name?: unknown } | undefined)?.name === "NotCapable" ? "ENOTCAPABLE" : undefined;
}

/**
 * What went wrong, in words that name neither the call nor its argument: the caller says to what it happened.
 * `here` has words for codes that mean something else where they came up.
 */
export function systemErrorText(error: unknown, here: Readonly<Record<string, string>> = {}): string {
  const code = errorCode(error) ?? "";
  const words = here[code] ?? WORDS[code];
  if (words !== undefined) return words;
  const [line = ""] = String(error instanceof Error ? error.message : error).split("\n", 1);
  // "CODE: reason, call 'argument'", "call CODE argument".
  const reason = new RegExp(`^(?:\\w+ )?${code}: ([^,]+), \\w+`).exec(line)?.[1] ?? line;
  return bounded(reason) + (code === "" || reason.includes(code) ? "" : ` (${code})`);
}
