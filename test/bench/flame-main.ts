/** The program behind scripts/flame-graph. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { addressQuery, firstAnswer } from "../support/first-answer.ts";
import { projectRoot } from "../support/sources.ts";
import { killTiedChildren, spawnTied } from "../support/tied-children.ts";
import { bareEnvironment, bun, temporaryFolder } from "../support/toolchain.ts";
import { runDnsperf } from "./dnsperf.ts";
import { flameGraph, framesOf, ownShares } from "./flame.ts";
import { freePort } from "./free-port.ts";
import { chooseCores } from "./machine.ts";
import { NameFiles } from "./names.ts";
import { compilePrograms } from "./programs.ts";
import { startUpstream, UPSTREAM_NAME } from "./upstream.ts";

/** Until code is compiled; what runs then is not shown. */
const WARM_SECONDS = 6;
/** The end of the profile is the shut-down. */
const LEFT_OUT_MS = 1000;
const START_MS = 10_000;
const SHOWN = 12;

const { values } = parseArgs({
  options: {
    load: { type: "string", default: "cached" },
    seconds: { type: "string", default: "6" },
    source: { type: "string", default: projectRoot },
    out: { type: "string", default: join(projectRoot, "dist/bench") },
  },
});
const { load, source } = values;
if (load !== "cached" && load !== "uncached") throw new Error(`--load "${load}": allowed: cached, uncached`);
if (!/^[1-9][0-9]?$/.test(values.seconds)) throw new Error(`--seconds "${values.seconds}": allowed: 1 to 99`);
const seconds = Number(values.seconds);

const cores = chooseCores();
const folder = temporaryFolder();
process.on("exit", () => {
  killTiedChildren();
  rmSync(folder, { recursive: true, force: true });
});
const programs = await compilePrograms(folder);
const upstream = await startUpstream(programs.upstream, folder, cores.upstream);
const port = await freePort();
const flags = [
  ...["--listen", `127.0.0.1:${port}`, "--upstream", `127.0.0.1:${upstream.port}#${UPSTREAM_NAME}`],
  ...["--ca-file", upstream.caFile, "--log-level", "warn", "--control", "off"],
];
const profiling = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
const fdns = spawnTied(["taskset", "-c", `${cores.server}`, bun, ...profiling, join(source, "src/main.ts"), ...flags], {
  env: { ...bareEnvironment(), PATH: process.env.PATH ?? "" },
  stdin: "ignore",
  stdout: "ignore",
  stderr: "inherit",
});
await firstAnswer(port, addressQuery("ready.bench.example.net"), 10, START_MS);
const names = new NameFiles(folder);
const file = load === "cached" ? names.few() : names.new("flame", WARM_SECONDS + seconds);
const loaded = { core: cores.load, port, file, once: load === "uncached", seconds: WARM_SECONDS + seconds };
const { queriesPerSecond } = await runDnsperf(loaded);
fdns.kill("SIGTERM");
await fdns.exited;
await upstream.stop();

const profile = readdirSync(folder).find((name) => name.endsWith(".cpuprofile"));
if (profile === undefined) throw new Error("the runtime wrote no profile");
const frames = framesOf(JSON.parse(readFileSync(join(folder, profile), "utf8")), seconds * 1e6, LEFT_OUT_MS * 1000);
const out = join(values.out, `flame-${load}.svg`);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, flameGraph(frames, `fdns, ${load} queries, ${Math.round(queriesPerSecond)} a second`));
console.log(`${out}: what ran itself, in percent, at ${Math.round(queriesPerSecond)} queries a second`);
for (const { name, percent } of ownShares(frames).slice(0, SHOWN))
  console.log(`${percent.toFixed(1).padStart(6)}  ${name}`);
