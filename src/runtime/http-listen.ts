/** The smallest HTTP there can be: GET of a few paths, POST of a few others, on loopback, answered with JSON. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { SocketAddress } from "./runtime.ts";

export interface HttpListener {
  readonly address: SocketAddress;
  close(): Promise<void>;
}

/** What a POST does with its body; what it throws is answered with status 400. */
export type HttpActions = Readonly<Record<string, (body: string) => unknown>>;

/**
 * Serves `pages` by their path; each is called for its value when it is asked for. `actions` are what can be posted to.
 * @throws Error (as a rejection) naming the address that could not be bound.
 */
export function listenHttp(
  address: SocketAddress,
  pages: Readonly<Record<string, () => unknown>>,
  actions: HttpActions = {},
): Promise<HttpListener> {
  const listening = createServer((request, response) => {
    if (request.method === "POST" && Object.hasOwn(actions, request.url ?? "")) {
      perform(actions[request.url ?? ""]!, request, response);
      return;
    }
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

const MAX_BODY_OCTETS = 65_536;

function perform(action: HttpActions[string], request: IncomingMessage, response: ServerResponse): void {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (text: string) => {
    body += text;
    if (body.length > MAX_BODY_OCTETS) request.destroy();
  });
  request.on("end", () => {
    let status = 200;
    let value: unknown;
    try {
      value = action(body) ?? {};
    } catch (cause) {
      status = 400;
      value = { error: (cause as Error).message };
    }
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(`${JSON.stringify(value)}\n`);
  });
}
