/** The shorter form: fdns alone, as ratios to the C floor, beside those of a stored run. */

import type { Metric, Results } from "./results.ts";
import type { Row } from "./rows.ts";
import { LOAD_ROWS } from "./rows-load.ts";
import { ratios, type Spread, spreadOf } from "./statistics.ts";

export const QUICK_ROUNDS = 3;
export const QUICK_SECONDS = 2;

const ROW_SERVERS = { "half-core": ["fdns", "echo"], uncached: ["fdns"] } as const;

export const QUICK_ROWS: readonly Row[] = LOAD_ROWS.filter(({ id }) => id in ROW_SERVERS).map((row) => ({
  ...row,
  servers: ROW_SERVERS[row.id as keyof typeof ROW_SERVERS],
}));

interface Measure {
  readonly what: string;
  readonly better: "more" | "less";
  readonly row: keyof typeof ROW_SERVERS;
  readonly metric: Metric;
  /** Divided by the echo's; else as it is. */
  readonly toFloor: boolean;
}

const MEASURES: readonly Measure[] = [
  {
    what: "cached, half a core: queries/s",
    better: "more",
    row: "half-core",
    metric: "queriesPerSecond",
    toFloor: true,
  },
  { what: "cached, half a core: CPU a query", better: "less", row: "half-core", metric: "cpuUs", toFloor: true },
  { what: "uncached: queries/s", better: "more", row: "uncached", metric: "queriesPerSecond", toFloor: true },
  { what: "uncached: CPU a query", better: "less", row: "uncached", metric: "cpuUs", toFloor: true },
  { what: "uncached: resident MiB", better: "less", row: "uncached", metric: "residentMiB", toFloor: false },
];

export interface Baseline {
  readonly at: string;
  readonly cpu: string;
  readonly kernel: string;
  readonly versions: readonly string[];
  readonly measures: Readonly<Record<string, Spread>>;
}

/** Median and range of each measure that was taken. */
export function measuresOf(results: Results): Record<string, Spread> {
  const found: Record<string, Spread> = {};
  for (const { what, row, metric, toFloor } of MEASURES) {
    const own = results.series(row, "fdns", metric);
    const spread = spreadOf(toFloor ? ratios(own, results.series("half-core", "echo", metric)) : own);
    if (spread) found[what] = spread;
  }
  return found;
}

export interface Comparison {
  readonly what: string;
  readonly now: Spread;
  readonly before: Spread | undefined;
  /** Of the median. */
  readonly changePercent: number;
  /** Changes up to this may be chance. */
  readonly noisePercent: number;
  readonly result: "better" | "worse" | "same" | "new";
}

/** No machine repeats itself more exactly than this. */
const LEAST_NOISE = 0.02;

const halfRange = ({ median, low, high }: Spread) => (high - low) / 2 / median;

export function compare(now: Readonly<Record<string, Spread>>, before: Readonly<Record<string, Spread>>): Comparison[] {
  return MEASURES.filter(({ what }) => now[what]).map(({ what, better }) => {
    const [current, stored] = [now[what]!, before[what]];
    if (!stored) return { what, now: current, before: stored, changePercent: 0, noisePercent: 0, result: "new" };
    const change = current.median / stored.median - 1;
    const noise = Math.max(LEAST_NOISE, halfRange(current), halfRange(stored));
    const gain = better === "more" ? change : -change;
    const result = Math.abs(change) <= noise ? "same" : gain > 0 ? "better" : "worse";
    return { what, now: current, before: stored, changePercent: 100 * change, noisePercent: 100 * noise, result };
  });
}

export function comparisonTable(comparisons: readonly Comparison[]): string {
  const text = (spread: Spread | undefined) =>
    spread ? `${spread.median.toFixed(2)} (${spread.low.toFixed(2)} to ${spread.high.toFixed(2)})` : "-";
  return [
    "| fdns, to the C echo unless a unit is named | now | baseline | change | noise | |",
    "| --- | ---: | ---: | ---: | ---: | --- |",
    ...comparisons.map(
      ({ what, now, before, changePercent, noisePercent, result }) =>
        `| ${what} | ${text(now)} | ${text(before)} | ${changePercent.toFixed(1)} % | ±${noisePercent.toFixed(1)} % | ${result} |`,
    ),
    "",
  ].join("\n");
}
