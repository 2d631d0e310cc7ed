/**
 * Every number that can be tuned, once: its value, the range that makes sense, and why. An option of the command
 * line takes its default and its range from here; the rest is read by the part it belongs to.
 */

export interface Tunable {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly unit: "octets" | "ms" | "queries" | "connections";
  readonly why: string;
}

export const defaults = {
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
  shutdownMs: {
    value: 3000,
    min: 0,
    max: 60_000,
    unit: "ms",
    why: "well below the 10 s a container engine waits before SIGKILL, and most queries end far sooner",
  },
  upstreamConnectMs: {
    value: 2500,
    min: 100,
    max: 30_000,
    unit: "ms",
    why: "connecting and the handshake together: one lost SYN costs 1 s (RFC 6298, 2.1), and another upstream must still fit in the deadline",
  },
  upstreamIdleMs: {
    value: 8000,
    min: 1000,
    max: 600_000,
    unit: "ms",
    why: "several public resolvers close after 10 s idle (stubby.yml.example advises 9 s): we close first, so no query meets a closing connection",
  },
  upstreamIdleMaxMs: {
    value: 60_000,
    min: 1000,
    max: 3_600_000,
    unit: "ms",
    why: "an idle connection is kept no longer, whatever the upstream offers (RFC 7828): paths forget it, and both ends hold memory for it",
  },
  upstreamSilenceMinMs: {
    value: 500,
    min: 50,
    max: 30_000,
    unit: "ms",
    why: "a connection with answers due may be silent for so long at least: one retransmission after a lost segment takes 200 ms and more (RFC 6298)",
  },
  upstreamAttemptMinMs: {
    value: 500,
    min: 50,
    max: 30_000,
    unit: "ms",
    why: "the least time for one upstream while another is left: a resolver that has to ask around needs hundreds of milliseconds",
  },
  upstreamWaiting: {
    value: 16_384,
    min: 1,
    max: 65_536,
    unit: "queries",
    why: "may wait for a connection to one upstream: as many as may be in flight in all, for a burst at the start",
  },
  upstreamAttemptMs: {
    value: 1500,
    min: 100,
    max: 30_000,
    unit: "ms",
    why: "how long one upstream may take while another is left to ask, so that two fit in the 4 s deadline",
  },
  upstreamBackoffFirstMs: {
    value: 1000,
    min: 100,
    max: 60_000,
    unit: "ms",
    why: "RFC 9520, 3.2: a failure is remembered for at least 1 s",
  },
  upstreamBackoffMaxMs: {
    value: 30_000,
    min: 1000,
    max: 300_000,
    unit: "ms",
    why: "RFC 9520, 3.2 allows 5 minutes; 30 s keeps an upstream that came back from being missed for long",
  },
  upstreamInFlight: {
    value: 4096,
    min: 1,
    max: 32_768,
    unit: "queries",
    why: "on one connection: few enough that a random free ID (of 65536; RFC 7766, 6.2.1) is found at the first or second try",
  },
  upstreamUnsentOctets: {
    value: 1_048_576,
    min: 65_536,
    max: 67_108_864,
    unit: "octets",
    why: "a connection whose peer does not read is dead: 1 MiB is over 4000 padded queries (RFC 8467)",
  },
  upstreamConnections: {
    value: 4,
    min: 1,
    max: 64,
    unit: "connections",
    why: "to one upstream: one carries thousands of queries (RFC 7766, 6.2.2 asks for few); more only when its bounds are reached",
  },
  upstreamRedialMs: {
    value: 1000,
    min: 100,
    max: 30_000,
    unit: "ms",
    why: "a dial that failed is not repeated for each query that comes; RFC 9520, 3.2 asks for at least 1 s",
  },
  upstreamResends: {
    value: 8,
    min: 0,
    max: 64,
    unit: "queries",
    why: "RFC 7766, 6.2.4: unanswered queries are sent again when a connection that worked ends; bounded, since some servers end every one",
  },
  upstreamUnsolicited: {
    value: 16,
    min: 0,
    max: 65_536,
    unit: "queries",
    why: "frames that answer nothing asked: a few are a fault, more are a server that must not be listened to",
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
    why: "a client that asks and never reads must not fill memory: four of the largest responses",
  },
  failureFirstMs: {
    value: 1000,
    min: 1000,
    max: 300_000,
    unit: "ms",
    why: "RFC 9520, 3.2: a failure to resolve a name is remembered for at least 1 s",
  },
  failureMaxMs: {
    value: 5000,
    min: 1000,
    max: 300_000,
    unit: "ms",
    why: "RFC 9520, 3.2 allows 5 minutes; a name that is mended should not look broken for longer than people try again",
  },
  pathWatchMs: {
    value: 1000,
    min: 100,
    max: 60_000,
    unit: "ms",
    why: "how soon a change of this host's addresses or routes is noticed; a look costs about 0.2 ms",
  },
  followMs: {
    value: 2000,
    min: 100,
    max: 60_000,
    unit: "ms",
    why: "how soon a new local address is listened on, where sockets follow addresses; reading them costs about 0.1 ms",
  },
  udpReceiveBufferOctets: {
    value: 4_194_304,
    min: 65_536,
    max: 67_108_864,
    unit: "octets",
    why: "asked of the kernel (socket(7), SO_RCVBUF): a default socket loses most of a burst of 1000 packets, this one none",
  },
} as const satisfies Record<string, Tunable>;
