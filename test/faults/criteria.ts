/** Judgements that rows have in common; each returns what is against it, if anything. */

import { lastBadMs, OUTCOME, type Selection, selected, summarize } from "./records.ts";
import type { Outcome } from "./scenario.ts";

/** Every query that was sent then got its right answer. */
export function allAnswered({ records }: Outcome, selection: Selection = {}): string[] {
  const { sent, servfail, otherRcode, wrong, lost } = summarize(records, selection);
  const complaints: string[] = [];
  if (sent === 0) complaints.push("nothing was asked");
  if (servfail > 0) complaints.push(`${servfail} SERVFAIL`);
  if (otherRcode > 0) complaints.push(`${otherRcode} with another RCODE`);
  if (wrong > 0) complaints.push(`${wrong} wrong answers`);
  if (lost > 0) complaints.push(`${lost} lost`);
  return complaints;
}

export function worstBelow({ records }: Outcome, limitMs: number, selection: Selection = {}): string[] {
  const { worstMs } = summarize(records, selection);
  return worstMs <= limitMs ? [] : [`worst answer after ${worstMs.toFixed(0)} ms, more than ${limitMs}`];
}

export function p99Below({ records }: Outcome, limitMs: number, selection: Selection = {}): string[] {
  const { p99Ms } = summarize(records, selection);
  return p99Ms <= limitMs ? [] : [`p99 ${p99Ms.toFixed(0)} ms${when(selection)}, more than ${limitMs}`];
}

/** Latencies then are as they were before the fault: p99 within 20 %, and the machine's own jitter. */
export function asBefore(outcome: Outcome, jitterMs: number, before: Selection, then: Selection): string[] {
  const usual = summarize(outcome.records, before).p99Ms;
  return p99Below(outcome, Math.ceil(usual * 1.2 + jitterMs), then);
}

/** From then on every query is answered, and fast. */
export function recoveredBy({ records }: Outcome, atMs: number, withinMs: number, selection: Selection): string[] {
  const last = lastBadMs(records, withinMs, selection);
  return last < atMs
    ? []
    : [`still failing or slow ${((last - atMs) / 1000).toFixed(1)} s after it should have recovered`];
}

/** No query was answered later than its client waits for, if only with SERVFAIL; and none was answered wrong. */
export function noneSilent({ records }: Outcome, selection: Selection = {}): string[] {
  const { lost, wrong } = summarize(records, selection);
  return [...(lost > 0 ? [`${lost} lost`] : []), ...(wrong > 0 ? [`${wrong} wrong answers`] : [])];
}

/** Every SERVFAIL says why, with one of these codes. */
export function servfailsExplained(
  { records }: Outcome,
  codes: readonly number[],
  selection: Selection = {},
): string[] {
  let unexplained = 0;
  for (const i of selected(records, selection)) {
    if (records.outcome[i] === OUTCOME.SERVFAIL && !codes.includes(records.ede[i]!)) unexplained++;
  }
  return unexplained === 0 ? [] : [`${unexplained} SERVFAIL without EDE ${codes.join(" or ")}`];
}

function when({ fromMs, toMs }: Selection): string {
  if (fromMs === undefined && toMs === undefined) return "";
  const seconds = (ms: number | undefined) => (ms === undefined || ms === Infinity ? "" : `${(ms / 1000).toFixed(1)}`);
  return ` from ${seconds(fromMs)} to ${seconds(toMs)} s`;
}
