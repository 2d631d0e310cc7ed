/** The rounds: in each all servers of a row in turn, every round in another order. */

import type { Figures, Sample } from "./results.ts";
import type { Row } from "./rows.ts";
import type { ServerName } from "./servers.ts";
import type { Stage } from "./stage.ts";

export interface BenchOptions {
  readonly rows: readonly Row[];
  readonly servers: readonly ServerName[];
  readonly rounds: number;
  /** All rows in each round, for ratios between rows; else all rounds of a row, then the next row. */
  readonly interleaved: boolean;
  readonly onSample: (sample: Sample) => void;
}

export async function runBench(stage: Stage, options: BenchOptions): Promise<Sample[]> {
  const { rows, servers, rounds, onSample } = options;
  const samples: Sample[] = [];
  try {
    for (const { row, round } of turns(rows, rounds, options.interleaved)) {
      const present = row.servers.filter((name) => servers.includes(name));
      await row.round(stage, rotated(present, round), (server, figures: Figures, error) => {
        const sample = { row: row.id, server, round, figures, ...(error === undefined ? {} : { error }) };
        samples.push(sample);
        onSample(sample);
      });
      if (round === rounds - 1) await row.close?.();
    }
  } finally {
    for (const row of rows) await row.close?.();
  }
  return samples;
}

export function turns<Item>(
  rows: readonly Item[],
  rounds: number,
  interleaved: boolean,
): { row: Item; round: number }[] {
  const each = rows.flatMap((row) => Array.from({ length: rounds }, (_, round) => ({ row, round })));
  return interleaved ? each.sort((a, b) => a.round - b.round) : each;
}

/** The same, beginning so many places later. */
export function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
