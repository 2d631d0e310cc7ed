/** The C library's calls bound through Bun's FFI, and the heap as JavaScriptCore tells of it. Loaded under Bun only. */
import { dlopen, ptr, read } from "bun:ffi";
import { edenGC } from "bun:jsc";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { SetScheduling } from "./host/background-threads.ts";
import type { Heap } from "./host/garbage.ts";
import type { Libc } from "./libc.ts";
import type { ReadSendQueue } from "./net/send-queue.ts";

/** @throws Error when the library or one of the calls is not there. */
export function openLibc(libraryName: string): Libc {
  const { symbols } = dlopen(libraryName, {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "u64"], returns: "i32" },
    open: { args: ["ptr", "i32"], returns: "i32" },
    // A long in C; the lower half says all there is to say about reads far below 2 GiB.
    read: { args: ["i32", "ptr", "u64"], returns: "i32" },
    write: { args: ["i32", "ptr", "u64"], returns: "i32" },
    send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    getrlimit: { args: ["i32", "ptr"], returns: "i32" },
    flock: { args: ["i32", "i32"], returns: "i32" },
    signal: { args: ["i32", "u64"], returns: "u64" },
    recvmmsg: { args: ["i32", "ptr", "u32", "i32", "ptr"], returns: "i32" },
    sendmmsg: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
    usleep: { args: ["u32"], returns: "i32" },
    madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  // One place a thread, and the engine lives on one thread: asked for once, so that no call stands between a
  // failure and the reading of its reason.
  const errnoAddress = symbols.__errno_location();
  if (errnoAddress === null) throw new Error(`${libraryName} has no errno`);
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
    read: symbols.read,
    write: symbols.write,
    send: symbols.send,
    close: symbols.close,
    getrlimit: symbols.getrlimit,
    flock: symbols.flock,
    signal: symbols.signal,
    recvmmsg: (descriptor, headers, count, flags) => symbols.recvmmsg(descriptor, headers, count, flags, null),
    sendmmsg: symbols.sendmmsg,
    usleep: symbols.usleep,
    madvise: symbols.madvise,
    poll: symbols.poll,
    errno: () => read.i32(errnoAddress, 0),
    addressOf: (octets) => BigInt(ptr(octets)),
  };
}

/** The C library has no name for the call before glibc 2.41, so it is called by its number. */
const SCHED_SETATTR = process.arch === "arm64" ? 274n : 314n;

/** @throws Error when the library is not there */
export function openScheduling(libraryName: string): SetScheduling {
  const { symbols } = dlopen(libraryName, { syscall: { args: ["i64", "i64", "ptr", "i64"], returns: "i64" } });
  return (thread, attributes) => Number(symbols.syscall(SCHED_SETATTR, BigInt(thread), attributes, 0n));
}

/** ioctl(2): octets that a TCP socket holds to be sent or acknowledged (tcp(7), SIOCOUTQ). */
const SIOCOUTQ = 0x5411;

export function openSendQueue(libraryName: string): ReadSendQueue {
  const { symbols } = dlopen(libraryName, { ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" } });
  const octets = new Int32Array(new ArrayBuffer(4));
  return (descriptor) => (symbols.ioctl(descriptor, SIOCOUTQ, octets) < 0 ? -1 : octets[0]!);
}
let heapOctets = 0;

/** In Bun heapTotal is what the heap's blocks take, without buffers; what heapUsed says is as of the last collection. */
export const ownHeap: Heap = {
  octets() {
    try {
      heapOctets = process.memoryUsage().heapTotal;
    } catch {
      // Bun reads a file in /proc for it, which needs a descriptor to be free; until then it is what it was.
    }
    return heapOctets;
  },
  collect: edenGC,
};

/**
 * The descriptor of the event loop (epoll_create(2)) of the thread that asks. It is found by a socket that the loop
 * watches, as proc_pid_fdinfo(5) tells. Undefined where that does not tell, or no socket can be had.
 */
export async function loopDescriptor(): Promise<number | undefined> {
  const watched = createServer();
  try {
    await once(watched.listen(0, "127.0.0.1"), "listening");
    // Bun's own, which Node's types do not know.
    const { _handle } = watched as { _handle?: { fd?: number } };
    const line = new RegExp(`^tfd: +${_handle?.fd} `, "m");
    const found = readdirSync("/proc/self/fdinfo").find((name) => line.test(fdinfo(name)));
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  } finally {
    watched.close();
  }
}

/** Empty if it has been closed since it was listed. */
function fdinfo(descriptor: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
  } catch {
    return "";
  }
}
