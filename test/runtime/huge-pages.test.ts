import { expect, test } from "bun:test";
import { adviseHugePages } from "../../src/runtime/host/huge-pages.ts";
import { MADV_HUGEPAGE } from "../../src/runtime/libc.ts";

const PAGE = 2n ** 16n;

/** What is asked for memory of so many octets from `start` on. */
function askedFor(start: bigint, octets: number): unknown[] {
  const asked: unknown[] = [];
  const libc = { addressOf: () => start, madvise: (...what: unknown[]) => asked.push(...what) };
  adviseHugePages(libc, new SharedArrayBuffer(octets));
  return asked;
}

test("whole pages are asked for, and none that holds anything else", () => {
  expect(askedFor(4n * PAGE, 3 * Number(PAGE))).toEqual([4n * PAGE, 3n * PAGE, MADV_HUGEPAGE]);
  expect(askedFor(4n * PAGE + 16n, 3 * Number(PAGE))).toEqual([5n * PAGE, 2n * PAGE, MADV_HUGEPAGE]);
  expect(askedFor(4n * PAGE - 16n, 3 * Number(PAGE))).toEqual([4n * PAGE, 2n * PAGE, MADV_HUGEPAGE]);
});

test("where no whole page is, nothing is asked for", () => {
  expect(askedFor(4n * PAGE + 1n, Number(PAGE))).toEqual([]);
  expect(askedFor(4n * PAGE + 1n, 2 * Number(PAGE) - 2)).toEqual([]);
});
