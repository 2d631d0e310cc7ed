/**
 * Standard error for a process that serves: a reader that stands still (a full pipe, a terminal after Ctrl-S) must not
 * stop the thread that answers. The runtimes' own ways do stop it, or set O_NONBLOCK on what standard error shares with
 * whoever started fdns, who does not expect that.
 */

import { fstatSync, type Stats, write as writeByPool } from "node:fs";
import * as c from "../libc.ts";
import type { LogOutlet } from "../runtime.ts";

const STDERR = 2;
/** A link to what standard error is; opening it makes a description of our own (open(2)). */
const OWN_STDERR = new TextEncoder().encode("/proc/self/fd/2\0");
const FAILED = -1;

/** The first of these that can be had. */
export async function openLogOutlet(): Promise<LogOutlet> {
  const facts = stderrFacts();
  const libc = await c.loadLibc().catch(() => undefined);
  const own = libc && (facts?.isFIFO() || facts?.isCharacterDevice()) && ownDescription(libc);
  if (own) return own;
  if (libc !== undefined && facts?.isSocket()) return socketOutlet(libc);
  return asideOutlet(await asideWriter(), libc);
}

function stderrFacts(): Stats | undefined {
  try {
    return fstatSync(STDERR);
  } catch {
    return undefined;
  }
}

/**
 * A pipe or a terminal. A regular file opened anew would be written from its beginning, and a socket cannot be.
 * undefined where it may not be opened: another user's, as the pipes of a container often are.
 */
function ownDescription(libc: c.Libc): LogOutlet | undefined {
  const descriptor = libc.open(OWN_STDERR, c.O_WRONLY | c.O_NONBLOCK | c.O_NOCTTY | c.O_CLOEXEC);
  if (descriptor < 0) return undefined;
  return { write: (octets) => taken(libc, libc.write(descriptor, octets, octets.length)) };
}

/** systemd's journal is one. */
function socketOutlet(libc: c.Libc): LogOutlet {
  const flags = c.MSG_DONTWAIT | c.MSG_NOSIGNAL;
  return { write: (octets) => taken(libc, libc.send(STDERR, octets, octets.length, flags)) };
}

function taken(libc: c.Libc, result: number): number {
  if (result >= 0) return result;
  return [c.EAGAIN, c.EINTR, c.ENOBUFS].includes(libc.errno()) ? 0 : FAILED;
}

/**
 * Anything else: a file on a disk that may hang, a pipe of another user. A thread of the runtime's pool writes; poll(2)
 * keeps it from standing still for a pipe that nobody reads, which would take it from the cache file.
 */
function asideOutlet(write: (octets: Uint8Array) => Promise<number>, libc: c.Libc | undefined): LogOutlet {
  const { octets: polled } = c.pollfds([STDERR], c.POLLOUT);
  return {
    write(octets) {
      if (libc?.poll(polled, 1, 0) === 0) return 0;
      return write(octets).catch((error: NodeJS.ErrnoException) => (error.code === "EAGAIN" ? 0 : FAILED));
    },
  };
}

/** Deno writes in the thread that asks, but for its own stream. */
async function asideWriter(): Promise<(octets: Uint8Array) => Promise<number>> {
  if (process.versions.deno !== undefined) return (await import("../deno.ts")).writeStderr;
  return (octets) =>
    new Promise((resolve, reject) => {
      writeByPool(STDERR, octets, 0, octets.length, null, (error, written) => {
        if (error === null) resolve(written);
        else reject(error);
      });
    });
}
