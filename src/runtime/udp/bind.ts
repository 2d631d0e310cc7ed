/** A bound UDP descriptor for the batched engine, with every option it needs, or a BindError that says why not. */
import { systemErrorText } from "../../observe/system-error.ts";
import { readHostText } from "../host/host-text.ts";
import { hostInterfaces } from "../host/interfaces.ts";
import * as c from "../libc.ts";
import { errnoError, listenFailure, listening } from "../net/bind-failure.ts";
import { BindError, type Sharing, type SocketAddress } from "../runtime.ts";
import {
  AF_INET,
  AF_INET6,
  isWildcard,
  parseHost,
  SOCKADDR_OCTETS,
  sockaddrLength,
  sockaddrPort,
  writeSockaddr,
} from "../sockaddr.ts";

/** Room for a burst of 5,000 queries that arrive while this process does something else. */
export const RECEIVE_BUFFER_OCTETS = 4 * 1024 * 1024;

export interface BoundDescriptor {
  readonly descriptor: number;
  readonly family: number;
  readonly address: SocketAddress;
  /** Usable octets: half of what the kernel reports, which counts its own overhead (socket(7)). */
  readonly receiveBufferOctets: number;
}

/** `sharing`: with sockets of this process on the same address. @throws BindError */
export function bindUdp(libc: c.Libc, address: SocketAddress, sharing?: Sharing): BoundDescriptor {
  const octets = parseHost(address.host);
  if (octets === undefined) throw new BindError("other", "it is not an IP address", { at: listening(address, "UDP") });
  const family = octets.length === 16 ? AF_INET6 : AF_INET;
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_OCTETS));
  writeSockaddr(sockaddr, 0, octets, address.port, scopeOf(address));

  const descriptor = libc.socket(family, c.SOCK_DGRAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw failure(address, libc.errno());
  try {
    setOptions(libc, descriptor, family, isWildcard(address.host));
    if (sharing === "further") joinOurs(libc, descriptor, address, sockaddr, sockaddrLength(family));
    else bindDescriptor(libc, descriptor, address, sockaddr, sockaddrLength(family));
    // Only now: before, it would have let us in where another program has set it too, and each had got half the queries.
    if (sharing === "first") setOption(libc, descriptor, c.SOL_SOCKET, c.SO_REUSEPORT, 1);
    const port = boundPort(libc, descriptor, sockaddr);
    const receiveBufferOctets = getOption(libc, descriptor, c.SOL_SOCKET, c.SO_RCVBUF) / 2;
    return { descriptor, family, address: { host: address.host, port }, receiveBufferOctets };
  } catch (fault) {
    libc.close(descriptor);
    throw fault;
  }
}

/** IP_RECVERR stays off: with it, one client that went away makes the answer to the next one fail. */
function setOptions(libc: c.Libc, descriptor: number, family: number, wildcard: boolean): void {
  if (family === AF_INET6) setOption(libc, descriptor, c.IPPROTO_IPV6, c.IPV6_V6ONLY, 1);
  // A socket of one address answers from that address anyway.
  if (wildcard && family === AF_INET) setOption(libc, descriptor, c.IPPROTO_IP, c.IP_PKTINFO, 1);
  if (wildcard && family === AF_INET6) setOption(libc, descriptor, c.IPPROTO_IPV6, c.IPV6_RECVPKTINFO, 1);
  // Refused without CAP_NET_ADMIN; then the kernel grants what net.core.rmem_max allows.
  if (!trySetOption(libc, descriptor, c.SOL_SOCKET, c.SO_RCVBUFFORCE, RECEIVE_BUFFER_OCTETS)) {
    trySetOption(libc, descriptor, c.SOL_SOCKET, c.SO_RCVBUF, RECEIVE_BUFFER_OCTETS);
  }
}

/**
 * Binds plainly; only for a wildcard that is in use, and in use not as a wildcard, binds with SO_REUSEADDR. So fdns
 * starts beside a stub listener on one address (systemd-resolved on 127.0.0.53), and never shares a port with
 * another process that wants every address: the kernel would hand all datagrams to the last of them.
 */
function bindDescriptor(
  libc: c.Libc,
  descriptor: number,
  address: SocketAddress,
  sockaddr: Uint8Array,
  length: number,
): void {
  if (libc.bind(descriptor, sockaddr, length) === 0) return;
  const errno = libc.errno();
  const shareable = errno === c.EADDRINUSE && isWildcard(address.host);
  if (!shareable || wildcardHolders(libc, address) > 0) throw failure(address, errno);
  setOption(libc, descriptor, c.SOL_SOCKET, c.SO_REUSEADDR, 1);
  if (libc.bind(descriptor, sockaddr, length) !== 0) throw failure(address, libc.errno());
  // Two that start at the same moment both come this far.
  if (wildcardHolders(libc, address) > 1) throw failure(address, c.EADDRINUSE);
}

/** Binds beside a socket of ours that holds the address, and so beside whatever that one is beside. */
function joinOurs(
  libc: c.Libc,
  descriptor: number,
  address: SocketAddress,
  sockaddr: Uint8Array,
  length: number,
): void {
  setOption(libc, descriptor, c.SOL_SOCKET, c.SO_REUSEPORT, 1);
  if (libc.bind(descriptor, sockaddr, length) === 0) return;
  const errno = libc.errno();
  if (errno !== c.EADDRINUSE || !isWildcard(address.host)) throw failure(address, errno);
  setOption(libc, descriptor, c.SOL_SOCKET, c.SO_REUSEADDR, 1);
  if (libc.bind(descriptor, sockaddr, length) !== 0) throw failure(address, libc.errno());
}

/**
 * Sockets bound to this wildcard and port, from /proc/net/udp or udp6 (proc(5)): after a heading, one line each, with
 * "ADDRESS:PORT" in hexadecimal in the second column. Without /proc every port counts as held.
 */
function wildcardHolders(libc: c.Libc, address: SocketAddress): number {
  const isIpv6 = address.host.includes(":");
  const table = readHostText(libc, isIpv6 ? "/proc/net/udp6" : "/proc/net/udp");
  if (table === undefined) return Number.POSITIVE_INFINITY;
  const port = address.port.toString(16).toUpperCase().padStart(4, "0");
  const wanted = `${"0".repeat(isIpv6 ? 32 : 8)}:${port}`;
  return table.split("\n").filter((line) => line.trim().split(/\s+/)[1] === wanted).length;
}

/** The index of the interface in "fe80::1%eth0" (or "fe80::1%2"), else 0. */
function scopeOf(address: SocketAddress): number {
  const scope = address.host.split("%")[1];
  if (scope === undefined) return 0;
  if (/^[0-9]+$/.test(scope)) return Number(scope);
  for (const found of hostInterfaces().interfaces[scope] ?? []) {
    if (found.family === "IPv6" && found.scopeid !== 0) return found.scopeid;
  }
  throw new BindError("no-such-address", `there is no interface ${scope} with IPv6`, { at: listening(address, "UDP") });
}

function boundPort(libc: c.Libc, descriptor: number, sockaddr: Uint8Array): number {
  const length = c.intOctets(SOCKADDR_OCTETS);
  if (libc.getsockname(descriptor, sockaddr, length) !== 0) throw callFailure("getsockname", libc.errno());
  return sockaddrPort(sockaddr, 0);
}

function setOption(libc: c.Libc, descriptor: number, level: number, option: number, value: number): void {
  if (!trySetOption(libc, descriptor, level, option, value)) {
    throw callFailure(`setsockopt ${level}/${option}`, libc.errno());
  }
}

function trySetOption(libc: c.Libc, descriptor: number, level: number, option: number, value: number): boolean {
  return libc.setsockopt(descriptor, level, option, c.intOctets(value), 4) === 0;
}

function getOption(libc: c.Libc, descriptor: number, level: number, option: number): number {
  const value = c.intOctets(0);
  if (libc.getsockopt(descriptor, level, option, value, c.intOctets(4)) !== 0) return 0;
  return new DataView(value.buffer).getInt32(0, true);
}

function failure(address: SocketAddress, errno: number): BindError {
  return listenFailure(address, "UDP", errnoError("bind", errno));
}

function callFailure(call: string, errno: number): BindError {
  const why = systemErrorText(errnoError(call, errno));
  return new BindError("other", why, { at: `UDP socket, ${call}` });
}
