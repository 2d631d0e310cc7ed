/**
 * Accepting as long as this process has descriptors. Neither runtime tells when accept(2) finds none: Bun's event loop asks
 * again at once, for ever, with a full core; Deno's stops accepting and does not begin again. So it is looked at each second:
 * without a free descriptor the listening socket is closed, and opened again when there are some. Connections live on.
 */

import type { Server } from "node:net";
import { systemClock } from "../clock.ts";
import { limitOf, nextDescriptor } from "../host/descriptors.ts";
import { loadLibc } from "../libc.ts";

export interface AcceptingParts {
  readonly server: Server;
  /** The same listening socket once more; rejects if it cannot be had. */
  readonly reopen: () => Promise<Server>;
  /** Connections taken so far. */
  readonly accepted: () => number;
  readonly onShortage: ((isShort: boolean) => void) | undefined;
}

/** So many must be free before a listening socket is opened again: it takes one, and whoever waits the others. */
const FREE_TO_GO_ON = 8;

/** Returns what ends listening, and resolves when the port is free and every connection gone. */
export async function keepAccepting(parts: AcceptingParts): Promise<() => Promise<void>> {
  const libc = await loadLibc().catch(() => undefined);
  // Then nothing can be known.
  if (libc === undefined) return () => closed(parts.server);
  let server: Server | undefined = parts.server;
  let isClosed = false;
  let isReopening = false;
  const looksStopped = "Deno" in globalThis ? watchForStop(parts.accepted) : () => false;
  const reopen = async () => {
    isReopening = true;
    const opened = await parts.reopen().catch(() => undefined);
    isReopening = false;
    if (isClosed) opened?.close();
    else server = opened;
  };
  const close = () => {
    server?.close();
    server = undefined;
  };
  const endLooks = systemClock.eachSecond(() => {
    if (isReopening) return;
    const next = nextDescriptor(libc);
    const limit = limitOf(libc) ?? Number.POSITIVE_INFINITY;
    const hasStopped = looksStopped(next, limit);
    if (server !== undefined && next === undefined) parts.onShortage?.(true);
    if (next === undefined || hasStopped) close();
    if (server !== undefined || next === undefined || limit - next < FREE_TO_GO_ON) return;
    void reopen().then(() => {
      if (server !== undefined) parts.onShortage?.(false);
    });
  });
  return () => {
    isClosed = true;
    endLooks();
    return closed(server);
  };
}

/**
 * Whether accepting may have stopped: connections that are refused are closed a little later, so that many at once may
 * have taken the last descriptor between two looks, and since then none was accepted.
 */
function watchForStop(accepted: () => number): (next: number | undefined, limit: number) => boolean {
  let before = 0;
  let mayHaveRunOut = false;
  return (next, limit) => {
    const lately = accepted() - before;
    before += lately;
    if (next !== undefined && next + lately >= limit) mayHaveRunOut = true;
    const hasStopped = mayHaveRunOut && lately === 0;
    if (hasStopped) mayHaveRunOut = false;
    return hasStopped;
  };
}

function closed(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (server === undefined) resolve();
    else server.close(() => resolve());
  });
}
