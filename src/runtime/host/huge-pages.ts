/**
 * A cache is read and written all over, and the processor remembers where only so many pages are: of those of 4 KiB,
 * fewer than a cache has. Of huge ones (2 MiB on x64) it remembers all. The kernel gives them to who asks, where its
 * administrator lets it (/sys/kernel/mm/transparent_hugepage/enabled).
 */

import { type Libc, MADV_HUGEPAGE } from "../libc.ts";

/** The kernel refuses an address that is no page's beginning; its pages have 4 KiB, on some arm64 64 KiB. */
const LARGEST_PAGE_OCTETS = 2n ** 16n;

/** To be called before anything is written there. Where the kernel says no, the memory stays as it is. */
export function adviseHugePages(libc: Pick<Libc, "addressOf" | "madvise">, memory: SharedArrayBuffer): void {
  const start = libc.addressOf(new Uint8Array(memory));
  const first = (start + LARGEST_PAGE_OCTETS - 1n) & -LARGEST_PAGE_OCTETS;
  const end = (start + BigInt(memory.byteLength)) & -LARGEST_PAGE_OCTETS;
  if (first < end) libc.madvise(first, end - first, MADV_HUGEPAGE);
}
