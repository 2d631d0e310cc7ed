/** One small question over UDP to a server on this host: who asks knows where it should be, not which family it has. */

import { createSocket, type Socket } from "node:dgram";
import { systemErrorText } from "../../observe/system-error.ts";
import type { SocketAddress } from "../runtime.ts";

/**
 * Sends `message` to each address and waits for the first datagram from one of them that `accept` takes.
 * @throws Error (as a rejection) when none came within the bound, or at once when every address refuses datagrams.
 */
export function askUdp(
  addresses: readonly SocketAddress[],
  message: Uint8Array,
  boundMs: number,
  accept: (octets: Uint8Array) => boolean,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const sockets = new Set<Socket>();
    const settle = (result: Uint8Array | Error) => {
      clearTimeout(timer);
      for (const socket of sockets)
        socket
          .removeAllListeners("error")
          .on("error", () => {})
          .close();
      sockets.clear();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const timer = setTimeout(() => settle(new Error(`no response in ${boundMs} ms`)), boundMs);
    for (const { host, port } of addresses) {
      const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
      sockets.add(socket);
      const fail = (error: Error) => {
        if (!sockets.delete(socket)) return;
        socket
          .removeAllListeners("error")
          .on("error", () => {})
          .close();
        if (sockets.size === 0) settle(plain(error));
      };
      socket.on("error", fail);
      socket.on("message", (octets: Uint8Array) => {
        if (sockets.has(socket) && accept(octets)) settle(new Uint8Array(octets));
      });
      // Connected: the kernel takes datagrams from there alone, and tells when nobody listens.
      socket.connect(port, host, (error?: Error) => {
        if (!sockets.has(socket)) return;
        if (error !== undefined) fail(error);
        else socket.send(message, (sent) => sent && fail(sent));
      });
    }
  });
}

const WORDS = { ECONNREFUSED: "nothing listens there (connection refused)" };

function plain(cause: Error): Error {
  return new Error(systemErrorText(cause, WORDS), { cause });
}
