/**
 * Why this host could not begin to connect. Bun says "refused" of whatever fails before a packet leaves (seen up to 1.4.5), so
 * the kernel is asked once more, with sockets that send nothing.
 */

import { hasRoute } from "../host/routes.ts";
import * as c from "../libc.ts";
import type { SocketAddress } from "../runtime.ts";
import { AF_INET, AF_INET6, parseHost, SOCKADDR_OCTETS, sockaddrLength, writeSockaddr } from "../sockaddr.ts";

const CODES: Readonly<Record<number, string>> = {
  [c.EPERM]: "EPERM",
  [c.ENOMEM]: "ENOMEM",
  [c.EACCES]: "EACCES",
  [c.ENFILE]: "ENFILE",
  [c.EMFILE]: "EMFILE",
  [c.EAFNOSUPPORT]: "EAFNOSUPPORT",
  [c.EADDRNOTAVAIL]: "EADDRNOTAVAIL",
  [c.ENETDOWN]: "ENETDOWN",
  [c.ENETUNREACH]: "ENETUNREACH",
  [c.ENOBUFS]: "ENOBUFS",
};

/** The code of what is wrong here; undefined if nothing is, as far as can be told. */
export async function localCause(address: SocketAddress): Promise<string | undefined> {
  const libc = await c.loadLibc().catch(() => undefined);
  const asked = libc && causeFromKernel(libc, address);
  return asked ?? (hasRoute(address.host) ? undefined : "ENETUNREACH");
}

type Calls = Pick<c.Libc, "socket" | "connect" | "close" | "errno">;

export function causeFromKernel(libc: Calls, { host, port }: SocketAddress): string | undefined {
  const octets = parseHost(host.replace(/%.*$/, ""));
  if (octets === undefined) return undefined;
  const family = octets.length === 16 ? AF_INET6 : AF_INET;
  const stream = libc.socket(family, c.SOCK_STREAM | c.SOCK_CLOEXEC, 0);
  if (stream < 0) return CODES[libc.errno()];
  libc.close(stream);
  // Connecting a datagram socket looks for a route and a permission, and no more (connect(2)).
  const datagram = libc.socket(family, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
  if (datagram < 0) return CODES[libc.errno()];
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_OCTETS));
  writeSockaddr(sockaddr, 0, octets, port, 0);
  const isRefused = libc.connect(datagram, sockaddr, sockaddrLength(family)) !== 0;
  const code = isRefused ? CODES[libc.errno()] : undefined;
  libc.close(datagram);
  return code;
}
