/**
 * What fdns needs from the machine it runs on, and all it needs: datagrams in batches, byte streams, TLS, time and
 * randomness. Everything above this folder sees these interfaces only, so it runs in a test with fakes, and nothing
 * above it knows whether Bun or Deno is underneath.
 */

import type { Files } from "./kept-files.ts";

/** Octets of one datagram slot. A longer query is no query a stub sends, and is dropped; no response is longer. */
export const DATAGRAM_OCTETS = 4096;

/**
 * How far apart datagrams of a batch begin. Not by a power of two: their first octets, which all are read, would
 * compete for the same few lines of the processor's cache, as would those of all 64 responses.
 */
export const DATAGRAM_STRIDE = DATAGRAM_OCTETS + 64;

/** Datagrams a batch holds at most: what one recvmmsg(2) or sendmmsg(2) moves. */
export const BATCH_DATAGRAMS = 64;

/**
 * Octets that say who sent a datagram, and to which of our addresses. The first 28 are a sockaddr as Linux lays it
 * out (see sockaddr.ts), the rest is the engine's own. Callers copy and hand back, they never build one.
 */
export const PEER_OCTETS = 96;

/** Datagrams that arrived together. Valid only while the handler runs; copy what must outlive it. */
export interface UdpBatch {
  /** How many datagrams there are: 1 to BATCH_DATAGRAMS. */
  readonly count: number;
  /** Datagram i starts at i * DATAGRAM_STRIDE. */
  readonly octets: Uint8Array;
  /** lengths[i]: octets of datagram i; never more than DATAGRAM_OCTETS (longer ones are dropped by the engine). */
  readonly lengths: Uint32Array;
  /** Peer i starts at i * PEER_OCTETS. */
  readonly peers: Uint8Array;
}

export type UdpEngineName = "batched" | "portable";

/** One bound UDP address (or every local address, for a wildcard). */
export interface UdpSocket {
  readonly engine: UdpEngineName;
  /** The address bound, port resolved when 0 was asked for. */
  readonly address: SocketAddress;
  /** Octets of receive buffer the kernel granted (usable, not the doubled number it reports); 0 when unknown. */
  readonly receiveBufferOctets: number;
  /** Where responses are composed. */
  readonly room: Uint8Array;
  /** The start in `room` of DATAGRAM_OCTETS that are free to write until the next call of this socket. */
  reserve(): number;
  /** Sends what was composed at `start` (from reserve()), from the address that was asked, no later than the end of this turn. */
  commit(start: number, length: number, peers: Uint8Array, peerStart: number): void;
  /** Stops receiving, sends what is queued, closes. */
  close(): void;
  /** Counters, for the observer; numbers only grow. */
  readonly counters: UdpCounters;
}

export interface UdpCounters {
  received: number;
  sent: number;
  /** Datagrams dropped because they were longer than a slot. */
  oversize: number;
  /** Responses the kernel would not take after every retry. */
  sendFailures: number;
}

export interface SocketAddress {
  /** An IPv4 or IPv6 address in text; IPv6 without brackets. "0.0.0.0" and "::" are the wildcards, each of its family alone. */
  readonly host: string;
  readonly port: number;
}

/**
 * A socket on an address that others of this process are on as well, each with a part of what arrives. The first is
 * had only where nobody else is; further ones only beside it.
 */
export type Sharing = "first" | "further";

export interface UdpOpenOptions {
  readonly address: SocketAddress;
  /** undefined: the address is this socket's alone. */
  readonly sharing?: Sharing | undefined;
  /** What is counted is added here, where it is given. */
  readonly counters?: UdpCounters;
  readonly onBatch: (batch: UdpBatch) => void;
  /** A socket-level fault that did not stop the socket, to be logged once a kind. */
  readonly onFault: (fault: Error) => void;
}

/** Why a socket could not be had, in a form the caller can decide on. */
export type BindFailure = "in-use" | "not-permitted" | "no-such-address" | "no-such-family" | "other";

export class BindError extends Error {
  readonly reason: BindFailure;
  /** What went wrong, without what it happened to; the message says both. */
  readonly why: string;
  constructor(reason: BindFailure, why: string, options: ErrorOptions & { readonly at?: string } = {}) {
    super(options.at === undefined ? why : `${options.at}: ${why}`, options);
    this.name = "BindError";
    this.reason = reason;
    this.why = why;
  }
}

export interface UdpEngine {
  readonly name: UdpEngineName;
  /** Whether several sockets can share an address (UdpOpenOptions.sharing). */
  readonly shares: boolean;
  /** Whether one wildcard socket answers from the address that was asked. If not, bind each local address instead. */
  readonly answersFromAskedAddress: boolean;
  /** @throws BindError (as a rejection) */
  open(options: UdpOpenOptions): Promise<UdpSocket>;
}

/** What a byte stream tells its owner. No method is called after onClose. */
export interface StreamHandler {
  /** Octets arrived; the array belongs to the handler from now on. */
  onOctets(octets: Uint8Array): void;
  /** The peer will send no more, and may still read. */
  onEnd(): void;
  /** Everything written so far has left the process. */
  onDrain(): void;
  /** The stream is gone. `cause` is absent after an orderly close. */
  onClose(cause: Error | undefined): void;
}

export interface ByteStream {
  /** Octets handed to write() that have not left the process. Counted by us: runtimes' own counts lie (Deno's stay 0 over TLS). */
  readonly unsentOctets: number;
  /** The caller must not change the array until everything was sent (onDrain). */
  write(octets: Uint8Array): void;
  /** Sends what was written, then closes our side. */
  end(): void;
  /** Closes at once, losing what was not sent. */
  destroy(): void;
  pause(): void;
  resume(): void;
}

export interface AcceptedStream extends ByteStream {
  /** Octets that have left the process and that the peer has not acknowledged; 0 where that is not known (Deno). */
  readonly unacknowledgedOctets: number;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
}

export interface TcpListenOptions {
  readonly address: SocketAddress;
  readonly sharing?: Sharing | undefined;
  /** Called for each connection; returns who handles it, or undefined to refuse (the connection is closed). */
  readonly onConnection: (stream: AcceptedStream) => StreamHandler | undefined;
  /** accept(2) failed; the listener goes on. */
  readonly onFault: (fault: Error) => void;
  /** No descriptor is left for a new client, and clients wait or are refused by the kernel; or one is again. */
  readonly onShortage?: (isShort: boolean) => void;
}

export interface TcpListener {
  readonly address: SocketAddress;
  /** Stops accepting; connections live on. */
  close(): void;
}

/** Trusted roots, parsed once and kept. Opaque to everyone but the runtime. */
export type TrustAnchors = { readonly pem: readonly string[]; readonly context: unknown };

/** What the handshake showed. */
export interface TlsOutcome {
  readonly protocol: string;
  readonly cipher: string;
  /** The ALPN protocol the server selected, undefined if none. */
  readonly alpn: string | undefined;
  /** undefined where the runtime cannot tell (Deno). */
  readonly resumed: boolean | undefined;
}

/** The leaf certificate of a peer, before any octet is written to it. */
export interface PeerLeaf {
  /** DER. */
  readonly raw: Uint8Array;
  readonly subjectAltName: string | undefined;
  readonly notAfterMs: number;
}

/** The code of a refused certificate where the runtime gives one reason for several causes (Deno). */
export const UNVERIFIED = "FDNS_UNVERIFIED";

export interface TlsDialOptions {
  /** An address in text, never a name. */
  readonly address: SocketAddress;
  /** The authentication domain name: sent as SNI and matched against the SAN. Absent: the address is matched against the IP SANs. */
  readonly adn: string | undefined;
  readonly trust: TrustAnchors;
  /**
   * The host's clock is known to be behind: a certificate that is refused for its dates alone passes if checkLeaf and
   * the name match. "Alone" is what the TLS library says, which may hide more: checkLeaf must compare a pin.
   */
  readonly datesWaived?: boolean;
  readonly alpn: readonly string[];
  /** "small": no post-quantum key share, so that the ClientHello fits into a packet. Where the runtime cannot choose, nothing changes. */
  readonly hello?: "full" | "small";
  /** A ticket from onSession of an earlier connection under the same policy. */
  readonly session: Uint8Array | undefined;
  /** Called with the leaf after the chain passed, full handshake or resumed; an Error refuses the peer. */
  readonly checkLeaf: (leaf: PeerLeaf) => Error | undefined;
  readonly onSession: (session: Uint8Array) => void;
  /** TCP is connected, and the handshake begins. */
  readonly onConnect?: () => void;
  /** Just before onSecure: the certificates in DER that were verified, the leaf first, as far as the runtime shows them. */
  readonly onChain?: (chain: readonly Uint8Array[]) => void;
  /** The peer is authenticated; only now may octets be written. */
  readonly onSecure: (outcome: TlsOutcome) => void;
  readonly handler: StreamHandler;
}

export interface Clock {
  /** Milliseconds that only grow; no relation to the time of day. */
  nowMs(): number;
  /** Milliseconds since 1970, as the host believes. */
  wallMs(): number;
  /** Calls back once after so many milliseconds; the returned function cancels. */
  after(ms: number, callback: () => void): () => void;
  /**
   * Calls back once a second, about; the returned function ends that. All who asked are called in one turn, so that a
   * process at rest wakes up once a second, however many of its parts keep an eye on something.
   */
  eachSecond(callback: () => void): () => void;
  /** Calls back once what runs now has returned to the event loop, before anything else there has its turn. */
  endOfTask(callback: () => void): void;
  /** Calls back at the end of this turn of the event loop, after every socket that was readable has been read. */
  endOfTurn(callback: () => void): void;
}

export interface Random {
  /** Unpredictable octets from the operating system (never Math.random). */
  fill(octets: Uint8Array): void;
}

export interface LocalAddress {
  readonly host: string;
  readonly family: 4 | 6;
  /** The scope to bind a link-local IPv6 address with, else 0. */
  readonly scopeId: number;
  readonly interfaceName: string;
}

/** Where lines of the log leave the process. It never holds up the thread that writes. */
export interface LogOutlet {
  /**
   * @returns how many octets were taken, from the first on; 0: none now, there may be room later; less: writing failed.
   * A promise of that, which never rejects, where another thread writes: then nothing more is to be written until it is
   * resolved.
   */
  write(octets: Uint8Array): number | Promise<number>;
}

/** How packets leave this host. */
export interface NetworkPath {
  /** Text that differs when an address or a default route of the host does. */
  now(): string;
  /** Why the kernel does not list this host's addresses, and they are read where they can be; undefined: it does. */
  readonly whyNotListed: string | undefined;
  close(): void;
}

/** Of this process. */
export interface DescriptorLimit {
  /** How many files and sockets may be open. */
  readonly limit: number;
  /** How many are, about. */
  readonly inUse: number;
}

export interface Runtime {
  /** For the start-up line: "bun 1.4.5", "deno 2.9.6". */
  readonly description: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The engine asked for; "auto" is batched where it can be had, with `whyNotBatched` saying why not. */
  udpEngine(wanted: UdpEngineName | "auto"): Promise<{ engine: UdpEngine; whyNotBatched: string | undefined }>;
  /** @throws BindError (as a rejection) */
  listenTcp(options: TcpListenOptions): Promise<TcpListener>;
  dialTls(options: TlsDialOptions): ByteStream;
  /** Whether dialTls() can make a ClientHello full or small. */
  readonly choosesHello: boolean;
  /** Parses each certificate once. @throws Error if one does not parse. */
  trustAnchors(pem: readonly string[]): TrustAnchors;
  localAddresses(): LocalAddress[];
  /** Undefined where it is not known, or there is none. */
  descriptorLimit(): Promise<DescriptorLimit | undefined>;
  openNetworkPath(): Promise<NetworkPath>;
  /** Milliseconds since the host booted, time spent suspended included, in steps of a second; undefined where it is not known. */
  uptimeMs(): number | undefined;
  readonly files: Files;
  /** Asks the kernel for huge pages, before anything is written there. Where there are none, nothing changes. */
  adviseHugePages(memory: SharedArrayBuffer): Promise<void>;
  /** Makes threads that the runtime has besides those that answer give way to them. Returns what ends it. */
  easeBackgroundThreads(): () => void;
  /** Sees to it that garbage of this thread does not pile up where the runtime lets it. Returns what ends it. */
  boundGarbage(): Promise<() => void>;
}
