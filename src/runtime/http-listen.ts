/** The smallest HTTP there can be: GET of a few paths on loopback, answered with JSON. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { SocketAddress } from "./runtime.ts";

export interface HttpListener {
  readonly address: SocketAddress;
  close(): Promise<void>;
}

/**
 * Serves `pages` by their path; each is called for its value when it is asked for.
 * @throws Error (as a rejection) naming the address that could not be bound.
 */
export function listenHttp(
  address: SocketAddress,
  pages: Readonly<Record<string, () => unknown>>,
): Promise<HttpListener> {
  const listening = createServer((request, response) => {
    const page = Object.hasOwn(pages, request.url ?? "") ? pages[request.url ?? ""] : undefined;
    const known = page !== undefined && request.method === "GET";
    response.writeHead(known ? 200 : 404, { "content-type": "application/json", connection: "close" });
    response.end(`${JSON.stringify(known ? page() : { error: `GET one of ${Object.keys(pages).join(", ")}` })}\n`);
  });
  return new Promise((resolve, reject) => {
    listening.once("error", (cause) => {
      const at = `${address.host} port ${address.port}`;
      reject(new Error(`control ${at}: ${cause.message}; give a local address with a free port`, { cause }));
    });
    listening.listen(address.port, address.host, () => {
      const bound = listening.address() as AddressInfo;
      resolve({
        address: { host: bound.address, port: bound.port },
        close: () => new Promise((closed) => listening.close(() => closed())),
      });
    });
  });
}
