/**
 * The few calls of the C library that the batched UDP engine is made of, and the numbers that go with them, for
 * 64-bit Linux on x64 and arm64 (where they are the same). bun.ts and deno.ts bind them.
 *
 * This is the one place where a mistake corrupts memory, so: octets passed to a call, or pointed to from octets
 * passed to a call, are views over an ArrayBuffer made explicitly beforehand (asking a small typed array for its
 * `.buffer` later moves its storage, and the kernel would write into the old place), and whoever made them holds
 * them for as long as the descriptor is used.
 */

export interface Libc {
  /** The library that was found: "libc.so.6". */
  readonly libraryName: string;
  socket(family: number, type: number, protocol: number): number;
  bind(descriptor: number, sockaddr: Uint8Array, length: number): number;
  connect(descriptor: number, sockaddr: Uint8Array, length: number): number;
  /** `length` holds the room as an int and receives the length. */
  getsockname(descriptor: number, sockaddr: Uint8Array, length: Uint8Array): number;
  setsockopt(descriptor: number, level: number, option: number, value: Uint8Array, length: number): number;
  getsockopt(descriptor: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number;
  /** `argument`: a number, or where a struct is. */
  fcntl(descriptor: number, command: number, argument: number | bigint): number;
  /** `path` ends with a zero octet. */
  open(path: Uint8Array, flags: number): number;
  /** Octets read, 0 at the end, or -1. `room`: octets of `into` that may be written. */
  read(descriptor: number, into: Uint8Array, room: number): number;
  /** Octets written, or -1. */
  write(descriptor: number, octets: Uint8Array, length: number): number;
  /** As write, to a socket. */
  send(descriptor: number, octets: Uint8Array, length: number, flags: number): number;
  close(descriptor: number): number;
  /** `limits` receives the limit that applies and the one it may be raised to, two 64-bit numbers. 0, or -1. */
  getrlimit(resource: number, limits: Uint8Array): number;
  /** A lock of the open file, which ends with it, however the process ends. 0, or -1. */
  flock(descriptor: number, operation: number): number;
  /** `handler`: SIG_IGN. */
  signal(signal: number, handler: bigint): unknown;
  /** `headers`: struct mmsghdr, at least `count` of them. Datagrams received, or -1. */
  recvmmsg(descriptor: number, headers: Uint8Array, count: number, flags: number): number;
  /** Datagrams sent, at least 1, or -1 when the first could not be. */
  sendmmsg(descriptor: number, headers: Uint8Array, count: number, flags: number): number;
  /** Stops this thread for so long, or until a signal. */
  usleep(microseconds: number): number;
  /** `descriptors`: struct pollfd, `count` of them. How many are ready, or -1. */
  poll(descriptors: Uint8Array, count: number, waitAtMostMs: number): number;
  /** Says how memory from `address` on will be used. 0, or -1. */
  madvise(address: bigint, octets: bigint, advice: number): number;
  /** Of those that stop a thread, what stops another one instead while the event loop of this one goes on (Deno). */
  readonly aside?: Aside;
  /** Why the call just before failed. Meaningless after any other call. */
  errno(): number;
  /** Where the octets of a view are, to be written into a struct. The caller keeps the view referenced. */
  addressOf(octets: Uint8Array): bigint;
}

/** They resolve to what the call returns, and never reject. What is passed is held until then. */
export interface Aside {
  usleep(microseconds: number): Promise<number>;
  poll(descriptors: Uint8Array, count: number, waitAtMostMs: number): Promise<number>;
}

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
/** Sockets of one user that all have it share a port; the kernel picks one by the sender's address. */
export const SO_REUSEPORT = 15;
/** As SO_RCVBUF, beyond net.core.rmem_max; needs CAP_NET_ADMIN. */
export const SO_RCVBUFFORCE = 33;

export const IPPROTO_IP = 0;
export const IP_PKTINFO = 8;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;

export const F_SETFL = 4;
/** Takes a struct f_owner_ex: what kind of receiver signals have (i32), and which (i32). */
export const F_SETOWN_EX = 15;
export const F_OWNER_TID = 0;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_NOCTTY = 0x100;
export const O_CLOEXEC = 0x80000;
export const O_NONBLOCK = 0x800;
/** The kernel sends SIGIO when the descriptor becomes readable. */
export const O_ASYNC = 0x2000;

/** struct pollfd of poll(2): descriptor (i32), events (i16), revents (i16); where the latter two are, in halves of a word. */
const POLLFD_OCTETS = 8;
const POLLFD_EVENTS = 2;
export const POLLFD_REVENTS = 3;
/** Something can be read. */
const POLLIN = 1;
/** Something can be written: to a pipe PIPE_BUF octets at least (pipe(7)). */
export const POLLOUT = 4;

export const MADV_HUGEPAGE = 14;

export const RLIMIT_NOFILE = 7;

export const LOCK_EX = 2;
export const LOCK_NB = 4;

export const SIG_IGN = 1n;
/** No system sends it any more (signal(7)). */
export const SIGSTKFLT = 16;
/** Those that programs give a meaning; the C library keeps the two below for itself (signal(7)). */
export const FIRST_REALTIME_SIGNAL = 34;
export const LAST_REALTIME_SIGNAL = 64;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
/** No SIGPIPE. */
export const MSG_NOSIGNAL = 0x4000;

export const EPERM = 1;
export const EINTR = 4;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const ENFILE = 23;
export const EMFILE = 24;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ENOBUFS = 105;

/** glibc, then musl under its own name and under the names Alpine gives its loader. */
const libraryNames: readonly string[] = [
  "libc.so.6",
  "libc.so",
  process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1",
  process.arch === "arm64" ? "/lib/ld-musl-aarch64.so.1" : "/lib/ld-musl-x86_64.so.1",
];

let loaded: Promise<Libc> | undefined;

/** Loaded once a thread. @throws Error (as a rejection) saying in one line why the C library cannot be called here. */
export function loadLibc(): Promise<Libc> {
  loaded ??= load();
  return loaded;
}

let ready: Libc | undefined;

/** For calls that cannot wait: undefined until somebody has loaded it, and where it cannot be called. */
export function loadedLibc(): Libc | undefined {
  return ready;
}

async function load(): Promise<Libc> {
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
    throw new Error(`recvmmsg needs Linux on x64 or arm64, this is ${process.platform} on ${process.arch}`);
  }
  const open = await binding();
  let reason: unknown;
  for (const name of libraryNames) {
    try {
      ready = open(name);
      return ready;
    } catch (fault) {
      reason ??= fault;
    }
  }
  const [line] = String(reason instanceof Error ? reason.message : reason).split("\n");
  throw new Error(`the C library cannot be called: ${line}`, { cause: reason });
}

/** Each binding names things the other runtime does not have, so only the right one is loaded. */
async function binding(): Promise<(libraryName: string) => Libc> {
  if (process.versions.bun !== undefined) return (await import("./bun.ts")).openLibc;
  if (process.versions.deno !== undefined) return (await import("./deno.ts")).openLibc;
  throw new Error("calling the C library needs Bun or Deno");
}

/** A C int in the host's order. */
export function intOctets(value: number): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(new ArrayBuffer(4));
  new DataView(octets.buffer).setInt32(0, value, true);
  return octets;
}

/** What poll(2) takes, to say which of the descriptors can be read, or be written with POLLOUT. The same octets, in words and in halves of one. */
export interface Pollfds {
  readonly octets: Uint8Array;
  readonly words: Int32Array;
  readonly halves: Int16Array;
}

export function pollfds(descriptors: readonly number[], events = POLLIN): Pollfds {
  const buffer = new ArrayBuffer(descriptors.length * POLLFD_OCTETS);
  const words = new Int32Array(buffer);
  const halves = new Int16Array(buffer);
  descriptors.forEach((descriptor, i) => {
    words[i * 2] = descriptor;
    halves[i * 4 + POLLFD_EVENTS] = events;
  });
  return { octets: new Uint8Array(buffer), words, halves };
}
