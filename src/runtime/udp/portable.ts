/**
 * The fallback: the runtime's own sockets, for hosts and permissions where the C library cannot be called. Batches
 * of one, an allocation for each response, and no way to choose the address a response leaves from.
 */
import * as dgram from "node:dgram";
import { hostInterfaces } from "../host/interfaces.ts";
import { listenFailure } from "../net/bind-failure.ts";
import {
  DATAGRAM_OCTETS,
  PEER_OCTETS,
  type SocketAddress,
  type UdpCounters,
  type UdpEngine,
  type UdpOpenOptions,
  type UdpSocket,
} from "../runtime.ts";
import {
  AF_INET,
  AF_INET6,
  isLinkLocal6,
  isPeerOf,
  parseHost,
  readSockaddr,
  sockaddrPort,
  sockaddrScope,
  writeSockaddr,
} from "../sockaddr.ts";

const RECEIVE_BUFFER_OCTETS = 4 * 1024 * 1024;
/**
 * Bun turns on IP_RECVERR, so the ICMP error a client that went away causes is reported to the next send, to someone
 * else, as ECONNREFUSED; that send must be made again. One client costs one report, several may be waiting.
 */
const SEND_TRIES = 8;
/** Addresses whose parsed form is remembered, so that a busy client costs no parsing. */
const REMEMBERED_ADDRESSES = 1024;

export function portableUdpEngine(): UdpEngine {
  return { name: "portable", shares: false, answersFromAskedAddress: false, open: openSocket };
}

async function openSocket(options: UdpOpenOptions): Promise<UdpSocket> {
  const { host, port } = options.address;
  const isIpv6 = host.includes(":");
  const socket = dgram.createSocket(isIpv6 ? { type: "udp6", ipv6Only: true } : { type: "udp4" });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (fault: NodeJS.ErrnoException) => {
      socket.close();
      reject(listenFailure(options.address, "UDP", fault));
    });
    socket.bind({ address: host, port, exclusive: true }, resolve);
  });
  socket.removeAllListeners("error");
  return new PortableSocket(socket, options);
}

class PortableSocket implements UdpSocket {
  readonly engine = "portable";
  readonly address: SocketAddress;
  readonly receiveBufferOctets: number;
  readonly room = new Uint8Array(new ArrayBuffer(DATAGRAM_OCTETS));
  readonly counters: UdpCounters;
  readonly #socket: dgram.Socket;
  readonly #family: number;
  readonly #options: UdpOpenOptions;
  readonly #batch = {
    count: 1,
    octets: new Uint8Array(new ArrayBuffer(DATAGRAM_OCTETS)),
    lengths: new Uint32Array(1),
    peers: new Uint8Array(new ArrayBuffer(PEER_OCTETS)),
  };
  /** Parsed addresses by the text the runtime gives. */
  readonly #addresses = new Map<string, { octets: Uint8Array; scopeId: number }>();
  #closed = false;
  /** Sends the runtime has not reported back; the socket is closed after the last. */
  #sending = 0;

  constructor(socket: dgram.Socket, options: UdpOpenOptions) {
    this.#socket = socket;
    this.#options = options;
    this.counters = options.counters ?? { received: 0, sent: 0, oversize: 0, sendFailures: 0 };
    this.#family = options.address.host.includes(":") ? AF_INET6 : AF_INET;
    this.address = { host: options.address.host, port: socket.address().port };
    this.receiveBufferOctets = growReceiveBuffer(socket);
    socket.on("error", (fault: NodeJS.ErrnoException) => {
      // The other form of the report that SEND_TRIES is about: a client went away, which is ordinary.
      if (fault.code !== "ECONNREFUSED") options.onFault(fault);
    });
    socket.on("message", (octets, sender) => this.#onMessage(octets, sender));
  }

  reserve(): number {
    return 0;
  }

  commit(start: number, length: number, peers: Uint8Array, peerStart: number): void {
    if (this.#closed) return;
    if (start !== 0) throw new RangeError(`commit at ${start}: not what reserve() gave`);
    if (!(length >= 0 && length <= DATAGRAM_OCTETS)) throw new RangeError(`commit of ${length} octets`);
    if (!isPeerOf(this.#family, peers, peerStart)) throw new RangeError("commit to a peer of another socket");
    // A copy: the runtime may still read it when the next response is composed.
    const octets = this.room.slice(0, length);
    this.#sending++;
    this.#send(octets, sockaddrPort(peers, peerStart), hostText(peers, peerStart), SEND_TRIES);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.removeAllListeners("message");
    if (this.#sending === 0) this.#socket.close();
  }

  #onMessage(octets: Uint8Array, sender: dgram.RemoteInfo): void {
    if (this.#closed) return;
    if (octets.length > DATAGRAM_OCTETS) {
      this.counters.oversize++;
      return;
    }
    const address = this.#parse(sender.address);
    if (address === undefined) return;
    this.counters.received++;
    this.#batch.octets.set(octets, 0);
    this.#batch.lengths[0] = octets.length;
    writeSockaddr(this.#batch.peers, 0, address.octets, sender.port, address.scopeId);
    try {
      this.#options.onBatch(this.#batch);
    } catch (fault) {
      this.#options.onFault(fault instanceof Error ? fault : new Error(String(fault)));
    }
  }

  #parse(text: string): { octets: Uint8Array; scopeId: number } | undefined {
    const known = this.#addresses.get(text);
    if (known !== undefined) return known;
    const octets = parseHost(text);
    if (octets === undefined) return undefined;
    const address = { octets, scopeId: isLinkLocal6(octets, 0) ? scopeIdOf(text, this.address.host) : 0 };
    if (this.#addresses.size >= REMEMBERED_ADDRESSES) this.#addresses.clear();
    this.#addresses.set(text, address);
    return address;
  }

  #send(octets: Uint8Array, port: number, host: string, tries: number): void {
    const done = (fault: NodeJS.ErrnoException | null) => {
      if (fault?.code === "ECONNREFUSED" && tries > 1) return this.#send(octets, port, host, tries - 1);
      if (fault) this.counters.sendFailures++;
      else this.counters.sent++;
      if (--this.#sending === 0 && this.#closed) this.#socket.close();
    };
    try {
      this.#socket.send(octets, port, host, done);
    } catch (fault) {
      // Port 0, or an address of another family: a spoofed sender.
      done(fault as NodeJS.ErrnoException);
    }
  }
}

/** Octets granted, or 0 where that cannot be known. */
function growReceiveBuffer(socket: dgram.Socket): number {
  // Deno leaves the kernel's buffer as it is and allocates so many octets for each datagram it receives instead: with
  // 4 MiB that is 0.6 ms a query, twelve times what a query costs otherwise.
  if (process.versions.deno !== undefined) return 0;
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_OCTETS);
    return socket.getRecvBufferSize() / 2;
  } catch {
    // The default buffer serves too, it only loses bursts.
    return 0;
  }
}

/** The text that send() understands; a link-local address needs its scope, by number. */
function hostText(peers: Uint8Array, start: number): string {
  const { host } = readSockaddr(peers, start);
  const scopeId = sockaddrScope(peers, start);
  return scopeId === 0 ? host : `${host}%${scopeId}`;
}

/** The interface index in "fe80::1%eth0"; where the runtime leaves the scope out, that of our own address. */
function scopeIdOf(text: string, ownHost: string): number {
  const scope = text.split("%")[1] ?? ownHost.split("%")[1];
  if (scope === undefined) return 0;
  if (/^[0-9]+$/.test(scope)) return Number(scope);
  for (const found of hostInterfaces().interfaces[scope] ?? []) {
    if (found.family === "IPv6" && found.scopeid !== 0) return found.scopeid;
  }
  return 0;
}
