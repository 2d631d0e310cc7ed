/**
 * The accepting side of TLS, for the scripted upstream alone: fdns itself never serves TLS. A plain TCP listener asks
 * first what to do with each connection, so one can be held, closed or reset before any handshake, and each can get a
 * certificate of its own.
 */

import { type AddressInfo, createServer, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { listenFailure } from "../net/bind-failure.ts";
import type { ByteStream, SocketAddress, StreamHandler } from "../runtime.ts";

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/** A certificate chain (leaf first) with its key, and the versions it is served with. */
export interface TlsIdentity {
  readonly chainPem: string;
  readonly keyPem: string;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
}

/** An identity made ready once; sharing one among connections lets sessions be resumed. Opaque outside this file. */
export type TlsServingContext = { readonly context: SecureContext };

/** @throws Error when the runtime cannot use the certificate or the versions. */
export function tlsServingContext(identity: TlsIdentity): TlsServingContext {
  const { chainPem, keyPem, minVersion, maxVersion } = identity;
  return { context: createSecureContext({ cert: chainPem, key: keyPem, minVersion, maxVersion }) };
}

export interface Handshake {
  readonly kind: "handshake";
  readonly context: TlsServingContext;
  /** Protocols to select from; empty: none is selected. A client that offers only others gets a fatal alert. */
  readonly alpn: readonly string[];
  /** The handshake is complete. */
  readonly onSecure: (stream: SecureStream) => StreamHandler;
}

/** What becomes of a connection that was just accepted. */
export type Admission =
  | Handshake
  /** Accepted and read, never answered. */
  | { readonly kind: "hold" }
  | { readonly kind: "close" }
  | { readonly kind: "reset" }
  /** These octets answer the first ones that arrive; then as "hold". */
  | { readonly kind: "greet"; readonly octets: Uint8Array };

/** A connection whose handshake is complete. */
export interface SecureStream extends ByteStream {
  readonly resumed: boolean;
  readonly protocol: string;
  /** Closes with a TCP RST, losing what was not sent. */
  reset(): void;
}

export interface TlsListenOptions {
  readonly address: SocketAddress;
  readonly onConnection: () => Admission;
  /** A handshake that did not complete. */
  readonly onHandshakeFailure: (cause: Error | undefined) => void;
}

export interface TlsListener {
  readonly address: SocketAddress;
  /** Stops accepting and destroys every connection; resolves when the port is free. */
  close(): Promise<void>;
}

class AcceptedTls implements SecureStream {
  unsentOctets = 0;
  readonly resumed: boolean;
  readonly protocol: string;
  readonly #raw: Socket;
  readonly #tls: TLSSocket;
  #handler: StreamHandler | undefined;

  constructor(raw: Socket, tls: TLSSocket) {
    this.#raw = raw;
    this.#tls = tls;
    this.resumed = tls.isSessionReused();
    this.protocol = tls.getProtocol() ?? "";
  }

  /** Starts the flow of events; called once the owner has its handler. */
  attach(handler: StreamHandler): void {
    let cause: Error | undefined;
    this.#handler = handler;
    this.#tls.on("data", (octets: Uint8Array) => handler.onOctets(octets));
    this.#tls.on("end", () => handler.onEnd());
    this.#tls.on("error", (error) => {
      cause = error;
    });
    this.#tls.on("close", () => {
      this.#raw.destroy();
      handler.onClose(cause);
    });
  }

  write(octets: Uint8Array): void {
    if (this.#tls.destroyed || this.#tls.writableEnded) return;
    const { length } = octets;
    this.unsentOctets += length;
    this.#tls.write(octets, (error) => {
      this.unsentOctets -= length;
      if (!error && this.unsentOctets === 0 && !this.#tls.destroyed) this.#handler?.onDrain();
    });
  }

  end(): void {
    this.#tls.end();
  }

  destroy(): void {
    this.#tls.destroy();
    this.#raw.destroy();
  }

  reset(): void {
    this.#raw.resetAndDestroy();
    this.#tls.destroy();
  }

  pause(): void {
    this.#tls.pause();
  }

  resume(): void {
    this.#tls.resume();
  }
}

function startHandshake(raw: Socket, handshake: Handshake, options: TlsListenOptions): void {
  const tls = new TLSSocket(raw, {
    isServer: true,
    secureContext: handshake.context.context,
    ...(handshake.alpn.length > 0 ? { ALPNProtocols: [...handshake.alpn] } : {}),
    allowHalfOpen: true,
  } as ConstructorParameters<typeof TLSSocket>[1]);
  let secure = false;
  let cause: Error | undefined;
  tls.on("error", (error) => {
    cause ??= error;
  });
  tls.on("close", () => raw.destroy());
  // Bun does not close the TLS side when the peer gives up in the middle of a handshake.
  raw.on("close", () => {
    if (!secure) options.onHandshakeFailure(cause);
  });
  tls.on("secure", () => {
    // Deno says "secure" as well when a handshake broke off; the error has come by then.
    if (secure || cause || tls.destroyed) return;
    secure = true;
    const stream = new AcceptedTls(raw, tls);
    stream.attach(handshake.onSecure(stream));
  });
}

function admit(raw: Socket, options: TlsListenOptions): void {
  raw.on("error", () => raw.destroy());
  raw.setNoDelay(true);
  const admission = options.onConnection();
  if (admission.kind === "handshake") {
    startHandshake(raw, admission, options);
  } else if (admission.kind === "close") {
    raw.destroy();
  } else if (admission.kind === "reset") {
    raw.resetAndDestroy();
  } else {
    raw.on("end", () => raw.end());
    if (admission.kind === "greet") raw.once("data", () => raw.write(admission.octets));
    raw.resume();
  }
}

/** @throws BindError (as a rejection) */
export function listenTls(options: TlsListenOptions): Promise<TlsListener> {
  const { host, port } = options.address;
  const open = new Set<Socket>();
  const listening = createServer({ allowHalfOpen: true }, (raw) => {
    open.add(raw);
    raw.on("close", () => open.delete(raw));
    admit(raw, options);
  });
  return new Promise((resolve, reject) => {
    listening.once("error", (cause) => reject(listenFailure({ host, port }, "DNS over TLS", cause)));
    listening.listen({ host, port, backlog: 1024 }, () => {
      const bound = listening.address() as AddressInfo;
      resolve({
        address: { host: bound.address, port: bound.port },
        close: () =>
          new Promise((closed) => {
            listening.close(() => closed());
            for (const raw of open) raw.destroy();
          }),
      });
    });
  });
}
