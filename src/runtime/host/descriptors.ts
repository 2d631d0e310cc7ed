/** How many files and sockets this process may have open (getrlimit(2), RLIMIT_NOFILE), and whether one more can be had. */

import { readFileSync } from "node:fs";
import * as c from "../libc.ts";
import type { DescriptorLimit } from "../runtime.ts";
import { AF_INET } from "../sockaddr.ts";

/**
 * The limit, which Bun and Deno raise to the hard one when they start, and how many are in use, about: the kernel gives
 * the lowest number that is free. Undefined where neither the C library nor /proc can be asked.
 */
export async function descriptorLimit(): Promise<DescriptorLimit | undefined> {
  const libc = await c.loadLibc().catch(() => undefined);
  const limit = libc === undefined ? limitFromProc() : limitOf(libc);
  if (limit === undefined) return undefined;
  const next = libc === undefined ? undefined : nextDescriptor(libc);
  return { limit, inUse: next ?? USUALLY_IN_USE };
}

/** What Bun and Deno have open before fdns opens anything: 12 and 26. */
const USUALLY_IN_USE = 32;

/** Undefined where the kernel does not say, or there is none. */
export function limitOf(libc: Pick<c.Libc, "getrlimit">): number | undefined {
  const limits = new BigUint64Array(new ArrayBuffer(16));
  if (libc.getrlimit(c.RLIMIT_NOFILE, new Uint8Array(limits.buffer)) !== 0) return undefined;
  return finite(Number(limits[0]));
}

/** The number the next descriptor will have; undefined if there is none, of this process' or of the host's. */
export function nextDescriptor(libc: Pick<c.Libc, "socket" | "close" | "errno">): number | undefined {
  // A socket, as a file would have to be there.
  const descriptor = libc.socket(AF_INET, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
  if (descriptor < 0) return [c.EMFILE, c.ENFILE].includes(libc.errno()) ? undefined : 0;
  libc.close(descriptor);
  return descriptor;
}

/** proc_pid_limits(5): "Max open files  SOFT  HARD  files". */
function limitFromProc(): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? undefined : finite(Number(soft));
  } catch {
    return undefined;
  }
}

function finite(limit: number): number | undefined {
  return limit < 2 ** 53 ? limit : undefined;
}
