/** The C library's calls bound through Deno's FFI (--allow-ffi). Loaded under Deno only. */

import type { NewFile } from "./files/new-file.ts";
import type { Libc } from "./libc.ts";

/** What is used of Deno's FFI, declared here because the project is checked against Bun's and Node's types. */
declare const Deno: {
  dlopen(
    name: string,
    symbols: Record<string, { name?: string; parameters: string[]; result: string; nonblocking?: true }>,
  ): { symbols: Calls };
  UnsafePointer: { of(octets: Uint8Array): object | null; value(pointer: object | null): bigint };
  UnsafePointerView: new (pointer: object) => { getInt32(): number };
  stderr: { write(octets: Uint8Array): Promise<number> };
  open(path: string, options: { write: true; createNew: true; mode: number }): Promise<DenoFile>;
};

interface DenoFile {
  write(octets: Uint8Array): Promise<number>;
  sync(): Promise<void>;
  close(): void;
}

type Calls = Pick<
  Libc,
  | "socket"
  | "bind"
  | "connect"
  | "getsockname"
  | "setsockopt"
  | "getsockopt"
  | "fcntl"
  | "open"
  | "close"
  | "getrlimit"
  | "flock"
  | "signal"
  | "sendmmsg"
  | "usleep"
  | "madvise"
> & {
  recvmmsg(descriptor: number, headers: Uint8Array, count: number, flags: number, waitAtMost: null): number;
  read(descriptor: number, into: Uint8Array, room: bigint): number;
  write(descriptor: number, octets: Uint8Array, length: bigint): number;
  send(descriptor: number, octets: Uint8Array, length: bigint, flags: number): number;
  poll(descriptors: Uint8Array, count: bigint, waitAtMostMs: number): number;
  usleepAside(microseconds: number): Promise<number>;
  pollAside(descriptors: Uint8Array, count: bigint, waitAtMostMs: number): Promise<number>;
  __errno_location(): object | null;
};

/** @throws Error when the library or one of the calls is not there, or without the permission. */
export function openLibc(libraryName: string): Libc {
  const { symbols } = Deno.dlopen(libraryName, {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
    getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
    fcntl: { parameters: ["i32", "i32", "u64"], result: "i32" },
    open: { parameters: ["buffer", "i32"], result: "i32" },
    // A long in C, as in bun.ts.
    read: { parameters: ["i32", "buffer", "u64"], result: "i32" },
    write: { parameters: ["i32", "buffer", "u64"], result: "i32" },
    send: { parameters: ["i32", "buffer", "u64", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
    flock: { parameters: ["i32", "i32"], result: "i32" },
    signal: { parameters: ["i32", "u64"], result: "u64" },
    recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
    sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
    usleep: { parameters: ["u32"], result: "i32" },
    madvise: { parameters: ["u64", "u64", "i32"], result: "i32" },
    poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
    usleepAside: { name: "usleep", parameters: ["u32"], result: "i32", nonblocking: true },
    pollAside: { name: "poll", parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
    __errno_location: { parameters: [], result: "pointer" },
  });
  // Asked for once, as in bun.ts.
  const errnoAddress = symbols.__errno_location();
  if (errnoAddress === null) throw new Error(`${libraryName} has no errno`);
  const errno = new Deno.UnsafePointerView(errnoAddress);
  return {
    libraryName,
    socket: symbols.socket,
    bind: symbols.bind,
    connect: symbols.connect,
    getsockname: symbols.getsockname,
    setsockopt: symbols.setsockopt,
    getsockopt: symbols.getsockopt,
    fcntl: symbols.fcntl,
    open: symbols.open,
    read: (descriptor, into, room) => symbols.read(descriptor, into, BigInt(room)),
    write: (descriptor, octets, length) => symbols.write(descriptor, octets, BigInt(length)),
    send: (descriptor, octets, length, flags) => symbols.send(descriptor, octets, BigInt(length), flags),
    close: symbols.close,
    getrlimit: symbols.getrlimit,
    flock: symbols.flock,
    signal: symbols.signal,
    recvmmsg: (descriptor, headers, count, flags) => symbols.recvmmsg(descriptor, headers, count, flags, null),
    sendmmsg: symbols.sendmmsg,
    usleep: symbols.usleep,
    madvise: symbols.madvise,
    poll: (descriptors, count, waitAtMostMs) => symbols.poll(descriptors, BigInt(count), waitAtMostMs),
    aside: {
      usleep: symbols.usleepAside,
      poll: (descriptors, count, waitAtMostMs) => symbols.pollAside(descriptors, BigInt(count), waitAtMostMs),
    },
    errno: () => errno.getInt32(),
    addressOf: (octets) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(octets)),
  };
}

/** By a thread of Deno's pool. Resolves to how many octets were written. */
export function writeStderr(octets: Uint8Array): Promise<number> {
  return Deno.stderr.write(octets);
}

/** As open(2) with O_CREAT and O_EXCL, to be written by a thread of Deno's pool. */
export async function createFile(path: string, mode: number): Promise<NewFile> {
  const file = await Deno.open(path, { write: true, createNew: true, mode });
  return {
    async write(octets) {
      for (let at = 0; at < octets.length; ) at += await file.write(octets.subarray(at));
    },
    sync: () => file.sync(),
    close: async () => file.close(),
  };
}
