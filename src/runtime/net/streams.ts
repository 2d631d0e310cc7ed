/**
 * Byte streams over node:net and node:tls, which Bun and Deno both have. One wrapper for TCP and TLS: what differs
 * between them ends with the handshake (tls/dial.ts).
 */

import * as net from "node:net";
import type {
  AcceptedStream,
  ByteStream,
  SocketAddress,
  StreamHandler,
  TcpListener,
  TcpListenOptions,
} from "../runtime.ts";
import { keepAccepting } from "./accepting.ts";
import { listenFailure } from "./bind-failure.ts";
import { boundConnectionBuffers } from "./connection-buffers.ts";
import { sendQueue } from "./send-queue.ts";

/** Connections the kernel holds until they are accepted; net.core.somaxconn lowers it where it is less. */
const BACKLOG = 1024;

export class NodeStream implements ByteStream {
  protected readonly socket: net.Socket;
  #unsentOctets = 0;
  /** Of each write that has not left the process, the first one first. */
  readonly #writes: number[] = [];
  #handler: StreamHandler | undefined;
  #cause: Error | undefined;

  /** Handlers are called from the next turn on; handle() must be called in this one. */
  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (octets: Uint8Array) => this.#handler?.onOctets(octets));
    socket.on("end", () => this.#handler?.onEnd());
    socket.on("error", (error) => {
      this.#cause = error;
    });
    socket.on("close", () => {
      const handler = this.#handler;
      this.#handler = undefined;
      handler?.onClose(this.#cause);
    });
  }

  handle(handler: StreamHandler): void {
    this.#handler = handler;
  }

  get unsentOctets(): number {
    return this.#unsentOctets;
  }

  write(octets: Uint8Array): void {
    this.#unsentOctets += octets.length;
    this.#writes.push(octets.length);
    this.socket.write(octets, this.#onWritten);
  }

  /** Called for each write, in their order. */
  readonly #onWritten = (): void => {
    this.#unsentOctets -= this.#writes.shift() ?? 0;
    if (this.#unsentOctets === 0) this.#handler?.onDrain();
  };

  end(): void {
    this.socket.end();
  }

  destroy(cause?: Error): void {
    if (cause !== undefined) this.#cause = cause;
    this.socket.destroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }
}

const acceptedSendQueue = sendQueue();

class Accepted extends NodeStream implements AcceptedStream {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;

  constructor(socket: net.Socket) {
    super(socket);
    this.remote = { host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
    this.local = { host: socket.localAddress ?? "", port: socket.localPort ?? 0 };
  }

  get unacknowledgedOctets(): number {
    return acceptedSendQueue(this.socket);
  }
}

/**
 * Listens for TCP. Half-closed clients are served (allowHalfOpen): a stub may send its query and shut down its side
 * before the answer is known, so whoever handles the stream must end it.
 */
export async function listenTcp(options: TcpListenOptions): Promise<TcpListener> {
  const { address, sharing } = options;
  if (sharing === undefined) return listen(options, false);
  // The runtimes set SO_REUSEPORT before they bind, which would let us in where another program has set it too. Had
  // without it, the port is nobody else's.
  if (sharing === "first") {
    const { port } = await holdForAMoment(address);
    return listen({ ...options, address: { host: address.host, port } }, true);
  }
  return listen(options, true);
}

async function holdForAMoment(address: SocketAddress): Promise<SocketAddress> {
  const holder = net.createServer();
  const held = await bind(holder, address, false);
  await new Promise<void>((resolve) => {
    holder.close(() => resolve());
  });
  return held;
}

async function listen(options: TcpListenOptions, reusePort: boolean): Promise<TcpListener> {
  const { onConnection, onFault, onShortage } = options;
  let accepted = 0;
  const open = async (address: SocketAddress) => {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      accepted++;
      const stream = new Accepted(socket);
      const handler = onConnection(stream);
      if (handler === undefined) stream.destroy();
      else stream.handle(handler);
    });
    const bound = await bind(server, address, reusePort);
    await boundConnectionBuffers(server);
    server.on("error", onFault);
    return { server, bound };
  };
  const { server, bound: address } = await open(options.address);
  const reopen = async () => (await open(address)).server;
  const close = await keepAccepting({ server, reopen, accepted: () => accepted, onShortage });
  return { address, close: () => void close() };
}

function bind(listener: net.Server, { host, port }: SocketAddress, reusePort: boolean): Promise<SocketAddress> {
  return new Promise((resolve, reject) => {
    listener.once("error", (error) => reject(listenFailure({ host, port }, "TCP", error)));
    const options = { host, port, backlog: BACKLOG, ipv6Only: host.includes(":"), ...(reusePort && { reusePort }) };
    listener.listen(options, () => {
      listener.removeAllListeners("error");
      resolve({ host, port: (listener.address() as net.AddressInfo).port });
    });
  });
}
