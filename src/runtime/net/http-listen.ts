/**
 * As little HTTP as there can be: a few paths on loopback, one request a connection. Nothing in it grows with what a
 * peer sends: heads, connections and the time for each are bounded, and a body is read only where one is wanted.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { SocketAddress } from "../runtime.ts";
import { keepAccepting } from "./accepting.ts";
import { listenFailure } from "./bind-failure.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What can be read: called when it is asked for, with GET or HEAD. What it throws is answered with status 500. */
export type HttpPages = Readonly<Record<string, () => HttpAnswer>>;

/** What a POST does with its body; what it throws is answered with status 400. */
export type HttpActions = Readonly<Record<string, (body: string) => unknown>>;

export interface HttpListenOptions {
  readonly address: SocketAddress;
  readonly pages: HttpPages;
  readonly actions?: HttpActions;
}

export interface HttpListener {
  readonly address: SocketAddress;
  /** Ends every connection; resolves when the port is free. */
  close(): Promise<void>;
}

/** As large as other HTTP servers take; a scraper sends some 300 octets. */
const MAX_HEAD_OCTETS = 8192;
const MAX_BODY_OCTETS = 65_536;
/** A scraper, a probe and a person need three. */
const MAX_CONNECTIONS = 16;
/** From the first octet to the last of a request, and without any octet either way. */
const MAX_REQUEST_MS = 5000;
const CHECK_MS = 1000;

/** Listens; rejects with a BindError if the address cannot be bound. */
export async function listenHttp(options: HttpListenOptions): Promise<HttpListener> {
  const open = new Set<Socket>();
  let accepted = 0;
  const onConnection = (socket: Socket) => {
    accepted++;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    // One that says nothing at all, or does not read its answer.
    socket.setTimeout(MAX_REQUEST_MS, () => socket.destroy());
  };
  const server = await bind(options, options.address, onConnection);
  const { address: host, port } = server.address() as AddressInfo;
  const address = { host, port };
  const stopAccepting = await keepAccepting({
    server,
    reopen: () => bind(options, address, onConnection),
    accepted: () => accepted,
    onShortage: undefined,
  });
  return {
    address,
    async close() {
      const closed = stopAccepting();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function bind(
  options: HttpListenOptions,
  address: SocketAddress,
  onConnection: (socket: Socket) => void,
): Promise<Server> {
  const listening = createServer({
    maxHeaderSize: MAX_HEAD_OCTETS,
    headersTimeout: MAX_REQUEST_MS,
    requestTimeout: MAX_REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
  });
  const onRequest = onlyFirst((request, response) => serve(options, request, response));
  listening.on("request", onRequest);
  // Whoever asks first whether to send a large body gets the answer instead.
  listening.on("checkContinue", onRequest);
  listening.on("connection", onConnection);
  listening.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    listening.once("error", (cause) => reject(listenFailure(address, "HTTP", cause)));
    listening.listen(address.port, address.host, () => {
      listening.on("error", () => {}); // a fault of one accept(2) ends nothing else
      resolve(listening);
    });
  });
}

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void;

/** Deno reads on, behind the one request of a connection that is answered: no further than until the answer has left. */
function onlyFirst(answerFirst: OnRequest): OnRequest {
  const answered = new WeakMap<Socket, ServerResponse>();
  const ending = new WeakSet<Socket>();
  return (request, response) => {
    const { socket } = request;
    const first = answered.get(socket);
    if (first === undefined) {
      answered.set(socket, response);
      answerFirst(request, response);
    } else if (!ending.has(socket)) {
      ending.add(socket);
      if (first.writableFinished) socket.destroy();
      else first.once("finish", () => socket.destroy());
    }
  };
}

/** The value as JSON in one line. */
export function json(value: unknown, status = 200): HttpAnswer {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

/** The line as text. */
export function text(line: string, status = 200): HttpAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${line}\n` };
}

function serve({ pages, actions = {} }: HttpListenOptions, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? "").replace(/\?.*$/s, "");
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  const action = Object.hasOwn(actions, path) ? actions[path] : undefined;
  const reads = request.method === "GET" || request.method === "HEAD";
  if (action !== undefined && request.method === "POST") perform(action, request, response);
  else if (page !== undefined && reads) answer(request, response, attempt(page, 500));
  else if (page === undefined && action === undefined) {
    answer(
      request,
      response,
      text(`not found; there is ${[...Object.keys(pages), ...Object.keys(actions)].join(", ")}`, 404),
    );
  } else {
    response.setHeader("allow", page === undefined ? "POST" : "GET, HEAD");
    answer(request, response, text("method not allowed", 405));
  }
}

function perform(action: HttpActions[string], request: IncomingMessage, response: ServerResponse): void {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (more: string) => {
    body += more;
    if (body.length > MAX_BODY_OCTETS) request.destroy();
  });
  request.on("end", () =>
    answer(
      request,
      response,
      attempt(() => json(action(body) ?? {}), 400),
    ),
  );
}

function attempt(page: () => HttpAnswer, failedStatus: number): HttpAnswer {
  try {
    return page();
  } catch (cause) {
    return json({ error: (cause as Error).message }, failedStatus);
  }
}

/** Answers, and ends the connection. A body that nobody waits for is not read: whoever still sends it meets a reset. */
function answer(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: HttpAnswer): void {
  if (!request.complete) request.pause();
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    connection: "close",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
