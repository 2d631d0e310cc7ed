/** What was measured: one sample for each row, server and round. */

/** Names of figures; a row fills in those it measures. Units are in the names. */
export type Metric =
  | "queriesPerSecond"
  | "lost"
  | "failedPercent"
  | "cpuUs"
  | "userUs"
  | "systemUs"
  | "residentMiB"
  | "loadCorePercent"
  | "ownCorePercent"
  | "halfP50Us"
  | "halfP99Us"
  | "halfP999Us"
  | "sameP50Us"
  | "sameP99Us"
  | "sameP999Us"
  | "sameFailedPercent"
  | "answeredPercent"
  | "worstUs"
  | "sharePercent"
  | "laterSharePercent"
  | "startMs"
  | "gcPauseMs"
  | "unpipelinedPerSecond"
  | "unpipelinedCpuUs"
  | "handshakesPerMillion";

export type Figures = Readonly<Partial<Record<Metric, number>>>;

export interface Sample {
  readonly row: string;
  readonly server: string;
  /** From 0. */
  readonly round: number;
  readonly figures: Figures;
  /** Why there are no figures. */
  readonly error?: string;
}

/** A peer that fails more of its queries does not count in that row and round. */
export const MAX_FAILED_PERCENT = 2;

export class Results {
  readonly samples: readonly Sample[];
  readonly rounds: number;

  constructor(samples: readonly Sample[]) {
    this.samples = samples;
    this.rounds = Math.max(0, ...samples.map(({ round }) => round + 1));
  }

  /** One figure by round; undefined in rounds without it. */
  series(row: string, server: string, metric: Metric): (number | undefined)[] {
    const series: (number | undefined)[] = Array.from({ length: this.rounds }, () => undefined);
    for (const sample of this.samples) {
      if (sample.row === row && sample.server === server) series[sample.round] = sample.figures[metric];
    }
    return series;
  }

  /** The same, without rounds in which the server failed too many queries of the load that the figure is about. */
  countedSeries(row: string, server: string, metric: Metric): (number | undefined)[] {
    const failed = this.series(row, server, metric.startsWith("same") ? "sameFailedPercent" : "failedPercent");
    return this.series(row, server, metric).map((value, round) =>
      (failed[round] ?? 0) > MAX_FAILED_PERCENT ? undefined : value,
    );
  }

  servers(row: string): string[] {
    return [...new Set(this.samples.filter((sample) => sample.row === row).map(({ server }) => server))];
  }
}
