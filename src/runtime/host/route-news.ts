/** What the kernel tells of changes to the host's addresses and routes (rtnetlink(7)): to ask for it takes a microsecond. */

import * as c from "../libc.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
/**
 * RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE (linux/rtnetlink.h). Links
 * too: the IPv4 routes through one that goes down are gone without a word.
 */
const GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/** struct sockaddr_nl (netlink(7)): family u16, padding u16, the sender's port u32 (0: the kernel chooses), groups u32. */
const SOCKADDR_NL_OCTETS = 12;
/** A message that is longer is cut, which is fine: only that there is one counts. */
const ROOM_OCTETS = 64;
/** Messages taken at one look; if there are more, the next one will find news as well. */
const MOST_MESSAGES = 100;

export interface RouteNews {
  /** Whether anything was told since it was last asked. */
  came(): boolean;
  close(): void;
}

/** undefined where the kernel, or a filter of system calls, does not let us listen. */
export function openRouteNews(libc: c.Libc): RouteNews | undefined {
  const descriptor = libc.socket(AF_NETLINK, SOCK_RAW | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, NETLINK_ROUTE);
  if (descriptor < 0) return undefined;
  const sockaddr = new Uint8Array(new ArrayBuffer(SOCKADDR_NL_OCTETS));
  new Uint16Array(sockaddr.buffer)[0] = AF_NETLINK;
  new Uint32Array(sockaddr.buffer)[2] = GROUPS;
  if (libc.bind(descriptor, sockaddr, sockaddr.length) < 0) {
    libc.close(descriptor);
    return undefined;
  }
  const room = new Uint8Array(new ArrayBuffer(ROOM_OCTETS));
  return {
    came() {
      for (let taken = 0; taken < MOST_MESSAGES; taken++) {
        // Any error but "nothing there" is news, too: ENOBUFS says that messages were lost.
        if (libc.read(descriptor, room, ROOM_OCTETS) < 0 && libc.errno() === c.EAGAIN) return taken > 0;
      }
      return true;
    },
    close: () => void libc.close(descriptor),
  };
}
