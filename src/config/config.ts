/** What fdns runs with, checked and complete. Made once by load.ts; every part gets its slice. */

import type { SocketAddress, UdpEngineName } from "../runtime/runtime.ts";

/** A mistake of the operator: one line that names the thing, its value and what is allowed. Ends the process with exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** Where fdns listens. */
export interface ListenAddress {
  /** An address in text, or "*" for every local address of every family the host has. */
  readonly host: string;
  readonly port: number;
  /** True for what nobody asked for by name (the default, or one family of "*"): a family the host lacks is skipped. */
  readonly optional: boolean;
}

/** One upstream as it was written and understood. */
export interface UpstreamAddress {
  /** As the operator wrote it: how log lines name it. */
  readonly text: string;
  /** Addresses in text to dial; empty when `hostName` must be resolved over the bootstrap servers first. */
  readonly addresses: readonly string[];
  /** The host name to resolve when there are no addresses. */
  readonly hostName: string | undefined;
  readonly port: number;
  /** The name its certificate must carry (RFC 8310); undefined: the certificate must carry the address. */
  readonly adn: string | undefined;
  /** SHA-256 of the leaf's public key (RFC 7858, 4.2), 32 octets each; any match passes; empty: no pin asked for. */
  readonly spkiPins: readonly Uint8Array[];
}

/** An address prefix; `octets` is 4 or 16 long. */
export interface AddressPrefix {
  readonly octets: Uint8Array;
  readonly bits: number;
}

export type CaSource =
  | { readonly kind: "default" | "system" | "bundled" }
  | { readonly kind: "file"; readonly path: string };

export type LogFormat = "auto" | "pretty" | "json";
export type LogLevel = "error" | "warn" | "info" | "debug";

/** How an upstream is chosen for a query (upstream/group/choice.ts). */
export const strategies = ["fastest", "ordered", "balanced", "sticky"] as const;
export type Strategy = (typeof strategies)[number];

/** A ClientHello with the key share of a post-quantum group, or one that fits into a packet (upstream/dial/hello.ts). */
export type HelloSize = "full" | "small";
export type TlsHello = "auto" | HelloSize;

/** Where the running fdns takes orders from `fdns cache`: a Unix socket. */
export interface ControlAddress {
  readonly path: string;
  /** Whether the operator asked for it; else it is the default, and done without where it cannot be had. */
  readonly isNamed: boolean;
}

export interface Config {
  readonly listen: readonly ListenAddress[];
  readonly upstreams: readonly UpstreamAddress[];
  /** True when nobody named an upstream and the built-in pair is used. */
  readonly defaultUpstreams: boolean;
  readonly strategy: Strategy;
  readonly bootstrap: readonly UpstreamAddress[];
  /** Host names that may be resolved over pinned upstreams while the clock is behind; lower case, no dot at the end. */
  readonly timeServers: readonly string[];
  readonly ca: CaSource;
  readonly tlsHello: TlsHello;
  /** Who may ask besides loopback, link-local and private addresses. */
  readonly allow: readonly AddressPrefix[];
  readonly udpEngine: UdpEngineName | "auto";
  /** Threads that answer; "auto": one a core this process may use. */
  readonly workers: number | "auto";
  readonly maxUdpOctets: number;
  readonly queryTimeoutMs: number;
  readonly maxInFlight: number;
  readonly tcpIdleMs: number;
  readonly tcpMaxConnections: number;
  readonly tcpMaxPerClient: number;
  readonly shutdownMs: number;
  /** All the memory of the cache; 0: no cache. */
  readonly cacheOctets: number;
  readonly cacheMinTtlSeconds: number;
  readonly cacheMaxTtlSeconds: number;
  readonly cacheMaxNegativeTtlSeconds: number;
  /** For how long past its end an answer may be used when no upstream answers; 0: not at all. */
  readonly cacheStaleSeconds: number;
  /** Where the cache is kept while fdns does not run; undefined: nowhere. */
  readonly cacheFile: string | undefined;
  /** undefined: off. */
  readonly control: ControlAddress | undefined;
  /** Where fdns answers about itself over HTTP; undefined: nowhere. */
  readonly admin: SocketAddress | undefined;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
}
