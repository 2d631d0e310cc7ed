/** Of clients and their queries. See ../defaults.ts. */

import type { Tunable } from "./tunable.ts";

export const clients = {
  maxUdpOctets: {
    value: 1232,
    min: 512,
    max: 4096,
    unit: "octets",
    why: "DNS flag day 2020: 1232 fits the smallest IPv6 MTU (1280) unfragmented; RFC 9715, 3.1 asks for such a bound; 512 is RFC 1035's",
  },
  queryTimeoutMs: {
    value: 4000,
    min: 100,
    max: 60_000,
    unit: "ms",
    why: "dig(1) and resolv.conf(5) give up after 5 s: a SERVFAIL must reach the client before it has left",
  },
  maxInFlight: {
    value: 10_000,
    min: 1,
    max: 65_536,
    unit: "queries",
    why: "bounds memory when no upstream answers, to some 45 MiB; at 1000 queries a second and the 4 s deadline 4000 wait",
  },
  maxWaiters: {
    value: 1000,
    min: 1,
    max: 65_536,
    unit: "queries",
    why: "clients that wait for one answer get it in one burst, which must not be a weapon (CVE-2024-33655)",
  },
  tcpIdleMs: {
    value: 10_000,
    min: 1000,
    max: 600_000,
    unit: "ms",
    why: "RFC 7766, 6.2.3: of the order of seconds",
  },
  tcpMaxConnections: {
    value: 1024,
    min: 1,
    max: 65_536,
    unit: "connections",
    why: "RFC 7766, 6.2.2 and 10: TCP must not be a way to use up a resolver's descriptors; leaves room in the usual limit of open files",
  },
  tcpMaxPerClient: {
    value: 64,
    min: 1,
    max: 65_536,
    unit: "connections",
    why: "RFC 7766, 6.2.2: a client should need one; more because clients behind one NAT share an address",
  },
  tcpMaxPending: {
    value: 256,
    min: 1,
    max: 65_536,
    unit: "queries",
    why: "of one client connection being worked on, above which it is not read (RFC 7766, 6.2.1.1 asks for concurrency, not for any amount)",
  },
  tcpMaxUnsentOctets: {
    value: 262_144,
    min: 65_536,
    max: 67_108_864,
    unit: "octets",
    why: "that a client has not taken, above which its connection is not read: four of the largest responses keep a fast path busy",
  },
  tcpMaxPendingInAll: {
    value: 5000,
    min: 1,
    max: 65_536,
    unit: "queries",
    why: "of all client connections, above which each has its equal share: half of what may be in flight, so that UDP has the rest",
  },
  tcpMaxUnsentOctetsInAll: {
    value: 8_388_608,
    min: 65_536,
    max: 1_073_741_824,
    unit: "octets",
    why: "that all clients have not taken, above which each has its equal share: 32 connections may have all that one may; the runtime may hold it twice",
  },
  tcpMaxUseless: {
    value: 32,
    min: 0,
    max: 65_536,
    unit: "queries",
    why: "messages in a row that deserve no response (empty, too short, themselves responses): a few are a fault, more are no DNS client",
  },
  udpReceiveBufferOctets: {
    value: 4_194_304,
    min: 65_536,
    max: 67_108_864,
    unit: "octets",
    why: "asked of the kernel (socket(7), SO_RCVBUF): a default socket loses most of a burst of 1000 packets, this one none",
  },
  followMs: {
    value: 2000,
    min: 100,
    max: 60_000,
    unit: "ms",
    why: "how soon a new local address is listened on, where sockets follow addresses; reading them costs about 0.1 ms",
  },
} as const satisfies Record<string, Tunable>;
