/** The battery's results as Markdown. */

import { outdone, type Result } from "./battery.ts";

const HEADINGS = [
  "row",
  "server",
  "sent",
  "answered",
  "SERVFAIL",
  "lost",
  "p50 ms",
  "p99 ms",
  "worst ms",
  "handshakes",
  "result",
];

function ms(value: number): string {
  return Number.isNaN(value) ? "-" : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function cells(result: Result): string[] {
  const { row, resolver, complaints } = result;
  const other = [
    ...(result.otherRcode > 0 ? [`${result.otherRcode} other RCODE`] : []),
    ...(result.wrong > 0 ? [`${result.wrong} wrong`] : []),
  ];
  const verdict =
    resolver !== "fdns" ? other.join(", ") : complaints.length === 0 ? "pass" : `FAIL: ${complaints.join("; ")}`;
  return [
    row,
    resolver,
    `${result.sent}`,
    `${result.answered}`,
    `${result.servfail}`,
    `${result.lost}`,
    ms(result.p50Ms),
    ms(result.p99Ms),
    ms(result.worstMs),
    `${result.handshakes} (${result.handshakesResumed} resumed)`,
    verdict.replaceAll("\n", " ").replaceAll("|", "\\|"),
  ];
}

/** Whose numbers these are and how they came about. */
export interface Circumstances {
  readonly command: string;
  /** "unbound 1.17.1-2". */
  readonly versions: readonly string[];
  /** How packets are delayed and lost. */
  readonly impairedBy: string;
}

/** One table, what the rows are, and whether a peer did better anywhere. */
export function markdown(results: readonly Result[], { command, versions, impairedBy }: Circumstances): string {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  const rows = new Map(results.map((result) => [result.row, result]));
  const peers = results.some(({ resolver }) => resolver !== "fdns");
  const better = outdone(results);
  return [
    line(HEADINGS),
    line(HEADINGS.map((_, i) => (i < 2 || i === HEADINGS.length - 1 ? "---" : "---:"))),
    ...results.map((result) => line(cells(result))),
    "",
    `Made by \`${command}\`, with ${versions.join(", ")}. All names new, two upstreams 10 and 14 ms away unless a row says`,
    `otherwise; a query without an answer for 5 s is lost. Delay and loss of packets: ${impairedBy}.`,
    "",
    ...[...rows.values()].map(({ row, title, criterion }) => `- Row ${row}: ${title}. fdns passes with: ${criterion}.`),
    "",
    ...(!peers ? [] : better.length === 0 ? ["No peer had fewer SERVFAIL or lost in any row."] : better),
    "",
  ].join("\n");
}

/** What a run's end looks like while others go on. */
export function progressLine(result: Result): string {
  const { row, resolver, sent, answered, servfail, lost, complaints } = result;
  const verdict = complaints.length === 0 ? "pass" : complaints.join("; ");
  return `row ${row}, ${resolver}: ${sent} sent, ${answered} answered, ${servfail} SERVFAIL${result.servfailEde && ` (EDE ${result.servfailEde})`}, ${lost} lost, worst ${ms(result.worstMs)} ms; ${verdict}`;
}
