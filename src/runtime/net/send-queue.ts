/**
 * How much of what was sent the peer has not acknowledged. A socket takes more only once a third of its buffer is free,
 * megabytes on a fast path: until then nothing else tells a client that reads slowly from one that does not read.
 */

import type * as net from "node:net";
import { loadLibc } from "../libc.ts";

/** Octets, of a TCP connection; 0 where that is not known. */
export type SendQueue = (socket: net.Socket) => number;

/** By descriptor; -1 where there is none. */
export type ReadSendQueue = (descriptor: number) => number;

/** The C library is had when it is first needed, and 0 is told until then. Deno's sockets show no descriptor. */
export function sendQueue(): SendQueue {
  if (process.versions.bun === undefined) return () => 0;
  let read: ReadSendQueue | undefined;
  let isLoading = false;
  return (socket) => {
    if (read === undefined) {
      if (!isLoading)
        load().then(
          (loaded) => (read = loaded),
          () => {},
        );
      isLoading = true;
      return 0;
    }
    const { _handle } = socket as { _handle?: { fd?: number } };
    return Math.max(0, read(_handle?.fd ?? -1));
  };
}

async function load(): Promise<ReadSendQueue> {
  const [{ libraryName }, { openSendQueue }] = await Promise.all([loadLibc(), import("../bun.ts")]);
  return openSendQueue(libraryName);
}
