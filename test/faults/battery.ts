/** Runs rows against resolvers, some side by side, and keeps what came out. */

import { join } from "node:path";
import { edeCounts, NO_EDE, type Selection, type Summary, summarize } from "./records.ts";
import type { ResolverName } from "./resolvers.ts";
import type { UpstreamCounters } from "./rig.ts";
import { type Outcome, runScenario, type Scenario } from "./scenario.ts";

export interface Result extends Summary {
  readonly row: string;
  readonly title: string;
  readonly criterion: string;
  readonly resolver: ResolverName;
  readonly handshakes: number;
  readonly handshakesResumed: number;
  readonly upstreamQueries: number;
  /** SERVFAILs by Extended DNS Error: "22: 10, none: 2". */
  readonly servfailEde: string;
  /** What is against the criterion; for peers, it is only shown. */
  readonly complaints: readonly string[];
}

export interface BatteryOptions {
  readonly scenarios: readonly Scenario[];
  readonly resolvers: readonly ResolverName[];
  readonly executable: string;
  /** For the files of all runs. */
  readonly folder: string;
  /** Runs at the same time. */
  readonly parallel: number;
  readonly onStart?: (row: string, resolver: ResolverName) => void;
  readonly onResult?: (result: Result, results: readonly Result[]) => void;
}

/** Results in the order of rows, then of resolvers. A run that cannot be made is a result with a complaint. */
export async function runBattery(options: BatteryOptions): Promise<Result[]> {
  const runs = options.scenarios.flatMap((scenario) =>
    options.resolvers
      .filter((resolver) => resolver === "fdns" || scenario.peers)
      .map((resolver) => ({ scenario, resolver })),
  );
  const results: (Result | undefined)[] = runs.map(() => undefined);
  const indices = [...runs.keys()];
  const together = indices.filter((i) => runs[i]!.scenario.alone !== true);
  const alone = indices.filter((i) => runs[i]!.scenario.alone === true);
  const work = async (queue: number[]): Promise<void> => {
    for (let i = queue.shift(); i !== undefined; i = queue.shift()) {
      const { scenario, resolver } = runs[i]!;
      options.onStart?.(scenario.row, resolver);
      results[i] = await runOne(
        scenario,
        resolver,
        join(options.folder, `${scenario.row}-${resolver}`),
        options.executable,
      );
      options.onResult?.(
        results[i]!,
        results.filter((result) => result !== undefined),
      );
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, () => work(together)));
  await work(alone);
  return results as Result[];
}

async function runOne(scenario: Scenario, resolver: ResolverName, folder: string, executable: string): Promise<Result> {
  const { row, title, criterion } = scenario;
  try {
    const outcome = await runScenario(scenario, resolver, folder, executable);
    return {
      row,
      title,
      criterion,
      resolver,
      ...measured(outcome, scenario.counted),
      complaints: scenario.judge(outcome),
    };
  } catch (error) {
    return { row, title, criterion, resolver, ...NOTHING_MEASURED, complaints: [(error as Error).message] };
  }
}

function measured(outcome: Outcome, counted?: Selection) {
  const sum = (of: (counters: UpstreamCounters) => number) =>
    outcome.counters.reduce((total, counters) => total + of(counters), 0);
  return {
    ...summarize(outcome.records, counted),
    handshakes: sum(({ handshakes }) => handshakes),
    handshakesResumed: sum(({ handshakesResumed }) => handshakesResumed),
    upstreamQueries: sum(({ queries }) => queries),
    servfailEde: [...edeCounts(outcome.records, "SERVFAIL", counted)]
      .map(([code, count]) => `${code === NO_EDE ? "none" : code}: ${count}`)
      .join(", "),
  };
}

const NOTHING_MEASURED = {
  sent: 0,
  answered: 0,
  servfail: 0,
  otherRcode: 0,
  wrong: 0,
  lost: 0,
  p50Ms: Number.NaN,
  p99Ms: Number.NaN,
  worstMs: Number.NaN,
  handshakes: 0,
  handshakesResumed: 0,
  upstreamQueries: 0,
  servfailEde: "",
};

/** Rows where a peer left fewer queries without their answer than fdns did, one line each. */
export function outdone(results: readonly Result[]): string[] {
  const failures = ({ servfail, lost }: Result) => servfail + lost;
  return results.flatMap((peer) => {
    const own = results.find(({ row, resolver }) => row === peer.row && resolver === "fdns");
    const better = own && peer.sent > 0 && (peer.servfail < own.servfail || peer.lost < own.lost);
    return better
      ? [`row ${peer.row}: ${peer.resolver} ${failures(peer)} SERVFAIL or lost, fdns ${failures(own)}`]
      : [];
  });
}
