/**
 * Some servers cannot set their sockets' receive buffer; an operator with many clients does it for them by the host's
 * default (net.core.rmem_default). Here it is set while such a server starts, and put back.
 */

import { readFileSync, writeFileSync } from "node:fs";

const DEFAULT_FILE = "/proc/sys/net/core/rmem_default";
/** What the other servers set for themselves. */
const ROOM_OCTETS = 4 << 20;

/** Sockets opened by anyone while `work` goes on get the large buffer; without root all stays as it is. */
export async function withLargeReceiveBuffers<Result>(work: () => Promise<Result>): Promise<Result> {
  const before = readFileSync(DEFAULT_FILE, "latin1").trim();
  const restore = () => writeFileSync(DEFAULT_FILE, before);
  try {
    writeFileSync(DEFAULT_FILE, `${Math.max(ROOM_OCTETS, Number(before))}`);
  } catch {
    return work();
  }
  process.once("exit", restore);
  try {
    return await work();
  } finally {
    restore();
    process.off("exit", restore);
  }
}
