/** Texts the kernel offers below /proc and /sys. Through the C library, as Deno reads nothing there unless it may do everything. */

import { type Libc, O_CLOEXEC, O_RDONLY } from "../libc.ts";

const PIECE_OCTETS = 16 * 1024;

/** The whole text; undefined where there is none that can be read. */
export function readHostText(libc: Libc, path: string): string | undefined {
  const terminated = new Uint8Array(new ArrayBuffer(path.length + 1));
  new TextEncoder().encodeInto(path, terminated);
  const descriptor = libc.open(terminated, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return undefined;
  const piece = new Uint8Array(new ArrayBuffer(PIECE_OCTETS));
  const decoder = new TextDecoder();
  let text = "";
  let length = libc.read(descriptor, piece, piece.length);
  while (length > 0) {
    text += decoder.decode(piece.subarray(0, length), { stream: true });
    length = libc.read(descriptor, piece, piece.length);
  }
  libc.close(descriptor);
  return length === 0 ? text : undefined;
}
