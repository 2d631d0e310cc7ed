/** What the figures have to show, as ratios taken round by round: of the project's goals, met or missed. */

import type { Metric, Results } from "./results.ts";
import { isPeer } from "./servers.ts";
import { bestOf, differences, ratios, type Spread, spreadOf } from "./statistics.ts";

export interface Verdict {
  readonly what: string;
  /** "at least 1.15 (aim 1.25)" */
  readonly bound: string;
  /** Undefined where it was not measured. */
  readonly spread: Spread | undefined;
  readonly result: "pass" | "miss" | "not measured";
}

interface Bound {
  readonly least?: number;
  readonly most?: number;
  readonly below?: number;
  readonly aim?: number;
  readonly unit?: string;
}

/** fdns against the best of the peers that count, in each round. */
function againstPeers(results: Results, row: string, metric: Metric, best: "most" | "least") {
  const peers = results.servers(row).filter(isPeer);
  return [
    results.series(row, "fdns", metric),
    bestOf(
      peers.map((peer) => results.countedSeries(row, peer, metric)),
      best,
    ),
  ] as const;
}

export function verdictsOf(results: Results): Verdict[] {
  const verdicts: Verdict[] = [];
  const judge = (what: string, values: readonly (number | undefined)[], bound: Bound) => {
    verdicts.push(verdictOn(what, spreadOf(values), bound));
  };
  const versus = (row: string, metric: Metric, best: "most" | "least") =>
    ratios(...againstPeers(results, row, metric, best));
  const own = (row: string, metric: Metric, server = "fdns") => results.series(row, server, metric);

  judge("1. half a core: queries/s to the best peer's", versus("half-core", "queriesPerSecond", "most"), {
    ...{ least: 1.15, aim: 1.25 },
  });
  judge("1. half a core: lost with 1,000 outstanding, most of a round", [worst(own("half-core", "lost"))], { most: 0 });
  judge("1. half a core: CPU a query to the best peer's", versus("half-core", "cpuUs", "least"), {
    ...{ most: 0.87, aim: 0.8 },
  });
  judge(
    "1. half a core: CPU a query to the C echo's",
    ratios(own("half-core", "cpuUs"), own("half-core", "cpuUs", "echo")),
    { most: 1.25, aim: 1.1 },
  );
  judge("2. uncached: CPU a query to the best peer's", versus("uncached", "cpuUs", "least"), { most: 0.5 });
  judge("2. uncached: queries/s to the best peer's", versus("uncached", "queriesPerSecond", "most"), { least: 1.5 });
  judge("3. mixed, 20,000/s: p99 to the best peer's", versus("mixed", "sameP99Us", "least"), { most: 1 });
  const above = differences(...againstPeers(results, "mixed", "sameP999Us", "least"));
  judge(
    "3. mixed, 20,000/s: p99.9 above the best peer's",
    above.map((us) => (us === undefined ? undefined : us / 1000)),
    { below: 2, unit: "ms" },
  );
  judge("3. longest pause from garbage collection", [worst(own("pauses", "gcPauseMs"))], { most: 5, unit: "ms" });
  judge("4. 100 queries/s: share of a core", own("trickle", "sharePercent"), { most: 2, unit: "%" });
  judge(
    "4. 100 queries/s: p50 above the fallback engine's",
    differences(own("trickle", "sameP50Us"), own("trickle", "sameP50Us", "fdns-portable")).map((us) =>
      us === undefined ? undefined : us / 1000,
    ),
    { most: 0.2, unit: "ms" },
  );
  judge("4. at rest: share of a core", own("rest", "sharePercent"), { below: 0.3, unit: "%" });
  for (const row of ["cached", "uncached"]) {
    const two = ratios(own(row, "cpuUs", "fdns-2-workers"), own(row, "cpuUs"));
    judge(`5. ${row}: CPU a query with two workers to one`, two, { most: 1.1 });
  }
  judge(
    "5. CPU a query with a million cached names to a thousand",
    ratios(own("cached-million", "cpuUs"), own("cached", "cpuUs")),
    {
      most: 1.3,
    },
  );
  for (const row of ["cached", "uncached"]) {
    const deno = ratios(own(row, "cpuUs", "fdns-deno"), own(row, "cpuUs"));
    judge(`5. ${row}: CPU a query on Deno to Bun`, deno, { most: 1.25 });
  }
  return verdicts;
}

function worst(values: readonly (number | undefined)[]): number | undefined {
  const there = values.filter((value) => value !== undefined);
  return there.length === 0 ? undefined : Math.max(...there);
}

export function verdictOn(what: string, spread: Spread | undefined, bound: Bound): Verdict {
  const { least, most, below, aim, unit = "" } = bound;
  const words = [
    ...(least === undefined ? [] : [`at least ${least}`]),
    ...(most === undefined ? [] : [`at most ${most}`]),
    ...(below === undefined ? [] : [`under ${below}`]),
  ];
  const text = `${words.join(", ")}${unit && ` ${unit}`}${aim === undefined ? "" : ` (aim ${aim})`}`;
  if (spread === undefined) return { what, bound: text, spread, result: "not measured" };
  const { median } = spread;
  const met = median >= (least ?? -Infinity) && median <= (most ?? Infinity) && median < (below ?? Infinity);
  return { what, bound: text, spread, result: met ? "pass" : "miss" };
}
