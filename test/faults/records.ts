/** What became of each query of a run, in flat arrays, and the numbers that follow from it. */

export const OUTCOMES = [
  "not asked",
  "waiting",
  "answered",
  "SERVFAIL",
  "other RCODE",
  "wrong answer",
  "lost",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const OUTCOME = Object.fromEntries(OUTCOMES.map((outcome, code) => [outcome, code])) as Record<Outcome, number>;

/** No Extended DNS Error in the answer. */
export const NO_EDE = 0xffff;

/** Index: the number of the query, in the order of sending. */
export interface Records {
  readonly count: number;
  /** On the run's clock, 0 is when the load began. */
  readonly sentMs: Float64Array;
  /** Until the answer. Of a lost query: until it was given up. */
  readonly latencyMs: Float32Array;
  readonly outcome: Uint8Array;
  /** INFO-CODE of the answer's Extended DNS Error (RFC 8914), or NO_EDE. */
  readonly ede: Uint16Array;
  /** Which of the load's segments it belongs to. */
  readonly segment: Uint8Array;
}

export function newRecords(capacity: number): Records & { count: number } {
  return {
    count: 0,
    sentMs: new Float64Array(capacity),
    latencyMs: new Float32Array(capacity),
    outcome: new Uint8Array(capacity),
    ede: new Uint16Array(capacity).fill(NO_EDE),
    segment: new Uint8Array(capacity),
  };
}

export interface Summary {
  readonly sent: number;
  readonly answered: number;
  readonly servfail: number;
  readonly otherRcode: number;
  readonly wrong: number;
  readonly lost: number;
  /** Of queries that got an answer with any RCODE, in milliseconds; NaN without one. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/** Which queries are counted. */
export interface Selection {
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly segments?: readonly number[];
}

export function selected(records: Records, { fromMs = 0, toMs = Infinity, segments }: Selection = {}): number[] {
  const chosen: number[] = [];
  for (let i = 0; i < records.count; i++) {
    const at = records.sentMs[i]!;
    if (at >= fromMs && at < toMs && (segments === undefined || segments.includes(records.segment[i]!))) chosen.push(i);
  }
  return chosen;
}

export function summarize(records: Records, selection: Selection = {}): Summary {
  const chosen = selected(records, selection);
  const counts = OUTCOMES.map(() => 0);
  const latencies: number[] = [];
  for (const i of chosen) {
    const outcome = records.outcome[i]!;
    counts[outcome]!++;
    if (outcome !== OUTCOME.lost && outcome !== OUTCOME.waiting) latencies.push(records.latencyMs[i]!);
  }
  latencies.sort((a, b) => a - b);
  return {
    sent: chosen.length,
    answered: counts[OUTCOME.answered]!,
    servfail: counts[OUTCOME.SERVFAIL]!,
    otherRcode: counts[OUTCOME["other RCODE"]]!,
    wrong: counts[OUTCOME["wrong answer"]]!,
    lost: counts[OUTCOME.lost]! + counts[OUTCOME.waiting]!,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    worstMs: latencies.at(-1) ?? Number.NaN,
  };
}

/** How many of the chosen queries ended so with this Extended DNS Error; NO_EDE: without one. */
export function edeCounts(records: Records, outcome: Outcome, selection: Selection = {}): Map<number, number> {
  const counts = new Map<number, number>();
  for (const i of selected(records, selection)) {
    if (records.outcome[i] !== OUTCOME[outcome]) continue;
    const code = records.ede[i]!;
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return counts;
}

/** When the last query was sent that was not answered right within `withinMs`; -Infinity if all were. */
export function lastBadMs(records: Records, withinMs: number, selection: Selection = {}): number {
  let last = Number.NEGATIVE_INFINITY;
  for (const i of selected(records, selection)) {
    const good = records.outcome[i] === OUTCOME.answered && records.latencyMs[i]! <= withinMs;
    if (!good) last = Math.max(last, records.sentMs[i]!);
  }
  return last;
}

function quantile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}
