/** The program behind scripts/faults. */

import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";
import { outdone, type Result, runBattery } from "./battery.ts";
import { FULL, SHORT } from "./pace.ts";
import { missingPackages, RESOLVERS, type ResolverName } from "./resolvers.ts";
import { hasNetem } from "./rig.ts";
import { rowsAt } from "./rows.ts";
import { type Circumstances, markdown, progressLine } from "./table.ts";

function fail(message: string): never {
  console.error(`scripts/faults: ${message}`);
  process.exit(2);
}

function chosen<Choice extends string>(text: string | undefined, all: readonly Choice[], flag: string): Choice[] {
  if (text === undefined) return [...all];
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const wrong = words.find((word) => !(all as readonly string[]).includes(word));
  if (wrong !== undefined) fail(`--${flag} "${wrong}": allowed: ${all.join(", ")}`);
  return all.filter((choice) => words.includes(choice));
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        rows: { type: "string" },
        servers: { type: "string" },
        short: { type: "boolean", default: false },
        rate: { type: "string" },
        parallel: { type: "string" },
        json: { type: "string" },
        table: { type: "string" },
        executable: { type: "string", default: executable },
      },
    }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

function wholeNumber(text: string | undefined, otherwise: number, flag: string): number {
  if (text === undefined) return otherwise;
  return /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : fail(`--${flag} "${text}": allowed: a whole number from 1 on`);
}

/** What the table says of itself. */
async function describe(): Promise<Circumstances> {
  const own = (await runToEnd([program, "version"])).stdout.split("\n")[0]!.trim();
  const peers = resolvers.filter((name) => name !== "fdns");
  const packaged = peers.length === 0 ? "" : (await runToEnd(["dpkg-query", "-W", ...peers])).stdout;
  return {
    command: ["scripts/faults", ...process.argv.slice(2)].join(" "),
    versions: [own, ...packaged.replaceAll("\t", " ").split("\n")].filter((version) => version !== ""),
    impairedBy: (await hasNetem()) ? "netem(8)" : "a program between two TUN devices, as this kernel has no netem(8)",
  };
}

const flags = readArguments();
const base = flags.short ? SHORT : FULL;
const pace = { ...base, rate: wholeNumber(flags.rate, base.rate, "rate") };
const all = rowsAt(pace);
const rows = chosen(
  flags.rows,
  all.map(({ row }) => row),
  "rows",
);
const resolvers = chosen<ResolverName>(flags.servers, flags.short ? ["fdns"] : RESOLVERS, "servers");
const missing = missingPackages(resolvers);
if (missing.length > 0) fail(`missing Debian packages: ${missing.join(", ")}; scripts/faults --install installs them`);
if (process.getuid?.() !== 0) fail("it makes network namespaces, which takes root");

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.on(signal, () => process.exit(code));
const folder = temporaryFolder();
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
// A build in the meantime must not change what is measured.
const program = join(folder, "fdns");
copyFileSync(flags.executable, program);

const startedMs = performance.now();
const clock = () => `${((performance.now() - startedMs) / 1000).toFixed(0).padStart(4)} s`;
const circumstances = await describe();
const keep = (results: readonly Result[]) => {
  if (flags.table !== undefined) writeFileSync(flags.table, markdown(results, circumstances));
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(results, undefined, 2)}\n`);
};
const results = await runBattery({
  scenarios: all.filter(({ row }) => rows.includes(row)),
  resolvers,
  executable: program,
  folder,
  parallel: wholeNumber(flags.parallel, 1, "parallel"),
  onStart: (row, resolver) => console.error(`${clock()}  row ${row}, ${resolver} ...`),
  onResult(result, sofar) {
    console.error(`${clock()}  ${progressLine(result)}`);
    keep(sofar);
  },
});
keep(results);
console.log(markdown(results, circumstances));
const failed = results.filter(({ resolver, complaints }) => resolver === "fdns" && complaints.length > 0);
if (failed.length > 0 || outdone(results).length > 0) process.exitCode = 1;
