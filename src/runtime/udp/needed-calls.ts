/**
 * Whether this host permits what the batched UDP engine is made of: a filter of system calls may know sockets, and refuse
 * rarer calls. Without signals a datagram would wait for up to a second.
 */

import * as c from "../libc.ts";
import { AF_INET, AF_INET6 } from "../sockaddr.ts";
import { signalMainThread } from "./readiness.ts";

/** Room for one struct mmsghdr (recvmmsg(2)), all zero: a datagram without any octets. */
const MMSGHDR_OCTETS = 64;

/** @throws Error naming the call that is refused */
export function checkCalls(libc: c.Libc): void {
  const type = c.SOCK_DGRAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC;
  let descriptor = libc.socket(AF_INET, type, 0);
  if (descriptor < 0) descriptor = libc.socket(AF_INET6, type, 0);
  // Then no engine can do anything, and whoever binds says why.
  if (descriptor < 0) return;
  try {
    const header = new Uint8Array(new ArrayBuffer(MMSGHDR_OCTETS));
    if (libc.recvmmsg(descriptor, header, 1, c.MSG_DONTWAIT) < 0 && libc.errno() !== c.EAGAIN)
      throw refused("recvmmsg", libc);
    if (libc.sendmmsg(descriptor, header, 0, c.MSG_DONTWAIT) < 0) throw refused("sendmmsg", libc);
    // Without an owner no signal is sent yet, and with one no longer.
    for (const flags of [c.O_NONBLOCK | c.O_ASYNC, c.O_NONBLOCK]) {
      if (libc.fcntl(descriptor, c.F_SETFL, flags) < 0) throw refused("fcntl(O_ASYNC)", libc);
    }
    if (signalMainThread(libc, descriptor) < 0) throw refused("fcntl(F_SETOWN_EX)", libc);
  } finally {
    libc.close(descriptor);
  }
}

function refused(call: string, libc: c.Libc): Error {
  return new Error(`this host refuses ${call} (errno ${libc.errno()})`);
}
