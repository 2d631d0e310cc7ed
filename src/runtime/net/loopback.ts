/** Small services over the loopback interface, for trying fdns out: one question, a file for a moment. */

import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LOOPBACK = "127.0.0.1";

/** Sends one message to a port of 127.0.0.1 and waits for one back. @throws Error (as a rejection) if none came in time. */
export function askOverLoopback(port: number, message: Uint8Array, boundMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    const settle = (result: Uint8Array | Error) => {
      clearTimeout(timer);
      socket.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const timer = setTimeout(() => settle(new Error(`no answer from ${LOOPBACK}:${port} in ${boundMs} ms`)), boundMs);
    // `once`: after close() neither event has a listener that could settle twice.
    socket.once("message", (octets) => settle(new Uint8Array(octets)));
    socket.once("error", settle);
    socket.send(message, port, LOOPBACK);
  });
}

/** Writes a file that only this user can read, gives its path to `use`, and removes it when that has settled. */
export async function withTemporaryFile<Result>(text: string, use: (path: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "fdns-"));
  try {
    const path = join(folder, "roots.pem");
    writeFileSync(path, text, { mode: 0o600 });
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
