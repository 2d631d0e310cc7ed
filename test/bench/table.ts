/** The results as Markdown. */

import type { Machine } from "./machine.ts";
import { MAX_FAILED_PERCENT, type Results, type Sample } from "./results.ts";
import type { Column, Row } from "./rows.ts";
import { isPeer } from "./servers.ts";
import { type Spread, spreadOf } from "./statistics.ts";
import type { Verdict } from "./verdicts.ts";

/** From so much on, a core has nothing left to give. */
const BUSY_PERCENT = 95;

const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

function numberText(value: number, digits: number): string {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** "91,000 (88,000 to 92,500)" */
export function spreadText(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return "-";
  const [median, low, high] = [spread.median, spread.low, spread.high].map((value) => numberText(value, digits));
  return low === high ? median! : `${median} (${low} to ${high})`;
}

/** What the reader has to know of this server's figures in this row. */
export function notesOn(results: Results, row: string, server: string): string {
  const median = (metric: "failedPercent" | "loadCorePercent" | "ownCorePercent") =>
    spreadOf(results.series(row, server, metric))?.median;
  const notes: string[] = [];
  for (const [metric, when] of [
    ["failedPercent", ""],
    ["sameFailedPercent", " at 20,000 a second"],
  ] as const) {
    const failed = Math.max(0, ...results.series(row, server, metric).map((percent) => percent ?? 0));
    if (failed <= MAX_FAILED_PERCENT) continue;
    notes.push(`failed ${failed.toFixed(1)} % of its queries${when}${isPeer(server) ? ", not counted" : ""}`);
  }
  if ((median("loadCorePercent") ?? 0) > BUSY_PERCENT) {
    const both = (median("ownCorePercent") ?? 0) > BUSY_PERCENT;
    notes.push(both ? "dnsperf's core was full too" : "dnsperf was the limit");
  }
  const error = results.samples.find((one: Sample) => one.row === row && one.server === server && one.error)?.error;
  if (error) notes.push(error.split("\n")[0]!.replaceAll("|", "\\|"));
  return notes.join("; ");
}

export function rowTable(results: Results, row: Row): string {
  const present = row.servers.filter((server) => results.servers(row.id).includes(server));
  const cell = (server: string, { metric, digits }: Column) =>
    spreadText(spreadOf(results.series(row.id, server, metric)), digits);
  return [
    `### ${row.title}`,
    "",
    line(["server", ...row.columns.map(({ heading }) => heading), "notes"]),
    line(["---", ...row.columns.map(() => "---:"), "---"]),
    ...present.map((server) =>
      line([server, ...row.columns.map((column) => cell(server, column)), notesOn(results, row.id, server)]),
    ),
    "",
  ].join("\n");
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return [
    "### What must be shown",
    "",
    line(["what", "median (range)", "bound", "result"]),
    line(["---", "---:", "---", "---"]),
    ...verdicts.map(({ what, spread, bound, result }) => line([what, spreadText(spread, 2), bound, result])),
    "",
  ].join("\n");
}

export function circumstances(machine: Machine, command: string, rounds: number): string {
  const { cpu, cores, memoryGiB, kernel, system, versions, at } = machine;
  return [
    `Made by \`${command}\` on ${at.slice(0, 10)}: ${rounds} rounds, medians and, in parentheses, ranges. ${cpu}, ${cores} cores,`,
    `${memoryGiB} GiB, ${system}, ${kernel}; ${versions.join(", ")}. The server under test has one core, dnsperf the other;`,
    "dnsperf keeps 1,000 queries outstanding. Latencies are at an even rate, up to the kernel's time stamp of the response.",
    `A peer that fails over ${MAX_FAILED_PERCENT} % of its queries does not count in that row.`,
    "",
  ].join("\n");
}
