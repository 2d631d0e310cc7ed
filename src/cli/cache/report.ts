/** What `fdns cache` prints for people. */

import type { CacheReport } from "../../control/protocol.ts";
import type { CacheOrder } from "./order.ts";

/** One number a line, with what it means; lines are ended. */
export function cacheReportText(report: CacheReport): string {
  const { hits, misses, entries, octetsUsed, capacityOctets } = report;
  const rows: readonly (readonly [name: string, figure: string, meaning: string])[] = [
    ["hits", count(hits), `answered from the cache: ${share(hits, hits + misses)} of look-ups`],
    ["misses", count(misses), "looked up, and nothing good was found"],
    ["stale", count(report.stale), "answered with what was past its end, as no upstream answered"],
    ["coalesced", count(report.coalesced), "misses that waited for an answer already on its way"],
    ["prefetches", count(report.prefetches), "answers asked for again before they ended"],
    ["entries", count(entries), `answers kept, ${count(report.denials)} of them denials of a name and all under it`],
    ["used", size(octetsUsed), `of ${size(capacityOctets)}: ${share(octetsUsed, capacityOctets)}`],
    ["stores", count(report.stores), `answers taken in, ${count(report.replaced)} of them in place of an older one`],
    ["evictions", count(report.evictions), "answers dropped to make room"],
    ["refused", count(report.refused), "answers not taken in: too large, or the cache was busy"],
  ];
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const figureWidth = Math.max(...rows.map(([, figure]) => figure.length));
  return rows
    .map(([name, figure, meaning]) => `${name.padEnd(nameWidth)}  ${figure.padStart(figureWidth)}  ${meaning}\n`)
    .join("");
}

/** One line, ended. */
export function flushedText({ name, isSubtree }: CacheOrder, forgotten: number): string {
  const what = forgotten === 1 ? "1 answer" : `${count(forgotten)} answers`;
  if (name === undefined) return `forgot ${what}: everything\n`;
  return `forgot ${what} for ${name}${isSubtree ? " and all names under it" : ""}\n`;
}

/** 12,345 */
function count(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

function share(part: number, whole: number): string {
  return whole === 0 ? "none" : `${((100 * part) / whole).toFixed(1)} %`;
}

/** Octets, in the largest unit of which there is one whole. */
function size(octets: number): string {
  const units = ["octets", "KiB", "MiB", "GiB"];
  let amount = octets;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}
