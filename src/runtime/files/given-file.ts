/** Texts that the operator names by a path: read whole before the start, within a bound of octets and of time. */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** All the roots of a host are a quarter of a MiB. */
const MAX_OCTETS = 16 * 1024 * 1024;
const CHUNK_OCTETS = 65_536;
/** For who writes to a pipe, as in `--ca-file <(make-roots)`. */
const PIPE_WAIT_MS = 2_000;
const PIPE_LOOK_MS = 10;

/** @throws the host's Error, or one that says what is wrong with the file */
export function readGivenFile(path: string): string {
  // Not blocking: opening a FIFO waits for its other end, for ever if there is none.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(descriptor);
    if (facts.isDirectory()) throw new Error("it is a folder");
    // No device ends: /dev/zero is as long as the memory lasts, a terminal as the operator's patience.
    if (!facts.isFile() && !facts.isFIFO()) throw new Error("it is no regular file");
    return readWhole(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readWhole(descriptor: number): string {
  const chunks: Uint8Array[] = [];
  let [octets, waitedMs] = [0, 0];
  for (;;) {
    const chunk = new Uint8Array(CHUNK_OCTETS);
    const count = readOrWait(descriptor, chunk);
    if (count === 0) return Buffer.concat(chunks).toString("utf8");
    if (count === undefined) {
      if (waitedMs >= PIPE_WAIT_MS) throw new Error(`nothing was written to it within ${PIPE_WAIT_MS} ms`);
      waitedMs += PIPE_LOOK_MS;
      continue;
    }
    octets += count;
    if (octets > MAX_OCTETS) throw new Error(`it is longer than ${MAX_OCTETS / 1024 / 1024} MiB`);
    chunks.push(chunk.subarray(0, count));
    waitedMs = 0;
  }
}

/** How many octets were read, 0 at the end; undefined, a moment later, if there are none yet. */
function readOrWait(descriptor: number, into: Uint8Array): number | undefined {
  try {
    return readSync(descriptor, into, 0, into.length, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_LOOK_MS);
    return undefined;
  }
}
