/** The program behind scripts/bench. */

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { killTiedChildren } from "../support/tied-children.ts";
import { deno, runToEnd, temporaryFolder } from "../support/toolchain.ts";
import { againstTable, DUELS, fight, type Verdict } from "./against.ts";
import { runBench } from "./bench.ts";
import { chooseCores, describeMachine, type Machine } from "./machine.ts";
import { NameFiles } from "./names.ts";
import { ALL_ROWS, BASELINE_FILE, type Options, readOptions } from "./options.ts";
import { barChart, panelsOf } from "./plot.ts";
import { compilePrograms } from "./programs.ts";
import { type Baseline, compare, comparisonTable, measuresOf } from "./quick.ts";
import { makeQuota, type Quota } from "./quota.ts";
import { Results, type Sample } from "./results.ts";
import { QUOTA } from "./rows-load.ts";
import type { ServerName } from "./servers.ts";
import { Stage } from "./stage.ts";
import { circumstances, rowTable, verdictTable } from "./table.ts";
import { startUpstream } from "./upstream.ts";
import { verdictsOf } from "./verdicts.ts";

function fail(message: string): never {
  console.error(`scripts/bench: ${message}`);
  process.exit(2);
}

function attempt<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    return fail((error as Error).message);
  }
}

const startedMs = performance.now();
function say(text: string): void {
  console.error(`${((performance.now() - startedMs) / 1000).toFixed(0).padStart(5)} s  ${text}`);
}

function progressLine({ row, server, round, figures, error }: Sample): string {
  const shown = Object.entries(figures).map(([metric, value]) => `${metric} ${Number(value.toPrecision(4))}`);
  return `${row}, round ${round + 1}, ${server}: ${error?.split("\n")[0] ?? shown.join(", ")}`;
}

function quotaIfAllowed(): Quota | undefined {
  try {
    return makeQuota(QUOTA);
  } catch (error) {
    say(`no row with half a core: ${(error as Error).message}`);
    return undefined;
  }
}

/** Those that this executable and this host can be. */
function available(servers: readonly ServerName[], help: string): ServerName[] {
  return servers.filter((name) => {
    if (name === "fdns-2-workers") return help.includes("--workers");
    return name !== "fdns-deno" || existsSync(deno);
  });
}

function report(options: Options, machine: Machine, samples: readonly Sample[]): void {
  const results = new Results(samples);
  const rows = ALL_ROWS.filter(({ id }) => results.servers(id).length > 0);
  const verdicts = verdictsOf(results);
  const command = ["scripts/bench", ...process.argv.slice(2)].join(" ");
  const text = [
    circumstances(machine, command, options.rounds),
    verdictTable(verdicts),
    ...rows.map((row) => rowTable(results, row)),
  ].join("\n");
  mkdirSync(options.out, { recursive: true });
  writeFileSync(join(options.out, "bench.md"), text);
  writeFileSync(join(options.out, "bench.json"), `${JSON.stringify({ machine, verdicts, samples }, undefined, 2)}\n`);
  writeFileSync(join(options.out, "bench.svg"), barChart(panelsOf(results, rows)));
  console.log(text);
}

/** Beside the stored run, or in its place. @returns whether anything became worse */
function reportQuick(options: Options, machine: Machine, samples: readonly Sample[]): boolean {
  const { at, cpu, kernel, versions } = machine;
  const measures = measuresOf(new Results(samples));
  if (options.writeBaseline) {
    const baseline: Baseline = { at, cpu, kernel, versions, measures };
    writeFileSync(BASELINE_FILE, `${JSON.stringify(baseline, undefined, 2)}\n`);
  }
  const stored: Baseline | undefined = existsSync(BASELINE_FILE)
    ? JSON.parse(readFileSync(BASELINE_FILE, "utf8"))
    : undefined;
  if (stored && stored.cpu !== cpu) console.log(`The baseline was made on another machine (${stored.cpu}).\n`);
  const comparisons = compare(measures, stored?.measures ?? {});
  console.log(comparisonTable(comparisons));
  return comparisons.some(({ result }) => result === "worse");
}

const options = attempt(() => readOptions(process.argv.slice(2)));
const cores = attempt(chooseCores);
// This program and all it starts; servers and the upstream are moved to cores of their own.
Bun.spawnSync(["taskset", "-apc", `${cores.load}`, `${process.pid}`]);
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.on(signal, () => process.exit(code));
const folder = temporaryFolder();
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
// A build in the meantime must not change what is measured.
const fdns = join(folder, "fdns");
attempt(() => copyFileSync(options.executable, fdns));
const other = options.against === undefined ? undefined : join(folder, "fdns-before");
if (other !== undefined) attempt(() => copyFileSync(options.against!, other));

const machine = await describeMachine();
const help = (await runToEnd([fdns, "serve", "--help"])).stdout;
if (!help.includes("--cache-size")) say("this fdns has no cache: cached rows show it forwarding");
const programs = await compilePrograms(folder);
const upstream = await startUpstream(programs.upstream, folder, cores.upstream);
const quota = quotaIfAllowed();
process.on("exit", () => {
  killTiedChildren();
  quota?.remove();
});
const { seconds, pacedSeconds } = options;
const parts = {
  ...{ cores, programs, upstream, names: new NameFiles(folder), fdns, help, seconds, pacedSeconds, say },
  ...(quota ? { quota } : {}),
};
const stage = new Stage(parts);
say(`load on core ${cores.load}, server on ${cores.server}, upstream on ${cores.upstream}`);
if (other !== undefined) {
  const verdicts: Verdict[] = [];
  const sides = { before: new Stage({ ...parts, fdns: other }), now: stage };
  for (const duel of DUELS) verdicts.push(await fight(duel, sides, say));
  console.log(againstTable(verdicts));
  if (verdicts.some(({ result }) => result === "MISSED")) process.exitCode = 1;
} else {
  const samples = await runBench(stage, {
    rows: options.rows,
    servers: available(options.servers, help),
    rounds: options.rounds,
    interleaved: options.quick,
    onSample: (sample) => say(progressLine(sample)),
  });
  if (!options.quick) report(options, machine, samples);
  else if (reportQuick(options, machine, samples)) process.exitCode = 1;
}
await upstream.stop();
say("done");
