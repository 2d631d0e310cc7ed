/** The rounds: row by row, in each all servers in turn, every round in another order. */

import type { Figures, Sample } from "./results.ts";
import type { Row } from "./rows.ts";
import type { ServerName } from "./servers.ts";
import type { Stage } from "./stage.ts";

export interface BenchOptions {
  readonly rows: readonly Row[];
  readonly servers: readonly ServerName[];
  readonly rounds: number;
  readonly onSample: (sample: Sample) => void;
}

export async function runBench(stage: Stage, { rows, servers, rounds, onSample }: BenchOptions): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const row of rows) {
    const present = row.servers.filter((name) => servers.includes(name));
    try {
      for (let round = 0; round < rounds && present.length > 0; round++) {
        await row.round(stage, rotated(present, round), (server, figures: Figures, error) => {
          const sample = { row: row.id, server, round, figures, ...(error === undefined ? {} : { error }) };
          samples.push(sample);
          onSample(sample);
        });
      }
    } finally {
      await row.close?.();
    }
  }
  return samples;
}

/** The same, beginning so many places later. */
export function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
