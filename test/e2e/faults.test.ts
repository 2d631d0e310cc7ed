/** The fault battery in short, fdns alone: every row of scripts/faults, with less of everything. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { type Result, runBattery } from "../faults/battery.ts";
import { SHORT } from "../faults/pace.ts";
import { rowsAt } from "../faults/rows.ts";
import { progressLine } from "../faults/table.ts";
import { executable, temporaryFolder } from "../support/toolchain.ts";

/** The rows wait more than they work; more at once would slow each other down on two cores. */
const PARALLEL = 5;
const GIVE_UP_MS = 120_000;

const scenarios = rowsAt(SHORT);
const folder = temporaryFolder();
const ends = new Map(scenarios.map(({ row }) => [row, Promise.withResolvers<Result>()]));
let all: Promise<unknown>;

beforeAll(() => {
  all = runBattery({
    scenarios,
    resolvers: ["fdns"],
    executable,
    folder,
    parallel: PARALLEL,
    onResult: (result) => ends.get(result.row)!.resolve(result),
  });
});

afterAll(async () => {
  await all;
  rmSync(folder, { recursive: true });
}, GIVE_UP_MS);

for (const { row, title } of scenarios) {
  test(
    `row ${row}: ${title}`,
    async () => {
      const result = await ends.get(row)!.promise;
      expect(result.complaints, progressLine(result)).toEqual([]);
    },
    GIVE_UP_MS,
  );
}
