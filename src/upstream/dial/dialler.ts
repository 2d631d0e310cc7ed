/** Connecting to one upstream: what it must prove, the ticket of the last connection, the ClientHello that reaches it. */

import type { TlsHello, UpstreamAddress } from "../../config/config.ts";
import type { Log } from "../../observe/log.ts";
import type {
  ByteStream,
  Clock,
  PeerLeaf,
  StreamHandler,
  TlsDialOptions,
  TlsOutcome,
  TrustAnchors,
} from "../../runtime/runtime.ts";
import { CertificateWatch } from "../health/certificate-watch.ts";
import type { DialAddress } from "./address-race.ts";
import { ALPN_DOT, checkLeaf } from "./authentication.ts";
import { Hello, type HelloLimits } from "./hello.ts";

export interface DiallerLimits {
  readonly hello: HelloLimits;
}

export interface DiallerParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly trust: TrustAnchors;
  readonly dialTls: (options: TlsDialOptions) => ByteStream;
  /** "full" where the runtime cannot choose. */
  readonly tlsHello: TlsHello;
  readonly limits: DiallerLimits;
}

export class Dialler {
  readonly #identity: UpstreamAddress;
  readonly #trust: TrustAnchors;
  readonly #certificates: CertificateWatch;
  readonly #hello: Hello;
  /** The ticket for the next handshake. */
  #session: Uint8Array | undefined;
  #leaf: PeerLeaf | undefined;

  constructor(identity: UpstreamAddress, { clock, log, trust, dialTls, tlsHello, limits }: DiallerParts) {
    const { text } = identity;
    this.#identity = identity;
    this.#trust = trust;
    this.#certificates = new CertificateWatch(text, clock, log);
    this.#hello = new Hello(tlsHello, clock, dialTls, limits.hello, () => {
      const words =
        "only a small ClientHello reaches it, without a post-quantum key share: used for a while (--tls-hello)";
      log.warn(`upstream ${text}: ${words}`, { upstream: text });
    });
  }

  /** The certificate of the last handshake that passed; undefined before the first. */
  get leaf(): PeerLeaf | undefined {
    return this.#leaf;
  }

  readonly dial: DialAddress = (host, onSecure, handler) => {
    const session = this.#session;
    this.#session = undefined; // a ticket is used once (RFC 8446, C.4), and a bad one not twice
    return this.#dialWith(session, host, onSecure, handler);
  };

  readonly dialWithoutTicket: DialAddress = (host, onSecure, handler) =>
    this.#dialWith(undefined, host, onSecure, handler);

  /** The way to it may be another. */
  forget(): void {
    this.#hello.forget();
  }

  #dialWith(
    session: Uint8Array | undefined,
    host: string,
    onSecure: (outcome: TlsOutcome) => void,
    handler: StreamHandler,
  ): ByteStream {
    const { adn, port, spkiPins } = this.#identity;
    let shown: PeerLeaf | undefined;
    return this.#hello.dial({
      address: { host, port },
      adn,
      trust: this.#trust,
      alpn: [ALPN_DOT],
      session,
      checkLeaf: (leaf) => {
        shown = leaf;
        return checkLeaf(adn, spkiPins, leaf);
      },
      onSession: (ticket) => {
        this.#session = ticket;
      },
      onSecure: (outcome) => {
        if (shown !== undefined) this.#certificates.saw(shown);
        this.#leaf = shown;
        onSecure(outcome);
      },
      handler,
    });
  }
}
