/**
 * Starts dist/fdns many times in front of the scripted upstream and prints the median time from starting the process
 * to its first answer, then its memory at rest and its size. Called by scripts/measure-start. Loopback only.
 *
 * The clock runs from just before the process is spawned to the arrival of an answer that came over a new TLS
 * connection. The question is sent again every millisecond until then, since nobody tells when the port opens.
 */

import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { addressQuery, firstAnswer, freeUdpPort, rcodeOf } from "../test/support/first-answer.ts";
import { startScriptedUpstream } from "../test/support/scripted-upstream.ts";
import { bareEnvironment, executable, temporaryFolder } from "../test/support/toolchain.ts";

const REST_MS = 5000;
const GIVE_UP_MS = 5000;
const GOAL_MS = 60;

const runs = Number(process.argv[2] ?? 20);
if (!Number.isInteger(runs) || runs < 1) throw new Error(`RUNS is "${process.argv[2]}"; a number from 1 is allowed`);

const folder = temporaryFolder();
// A copy, so that the upstream's process shares no page with the one whose memory is counted.
const upstreamProgram = join(folder, "upstream");
copyFileSync(executable, upstreamProgram);
const upstream = await startScriptedUpstream(folder, [], upstreamProgram);
try {
  const starts: number[] = [];
  for (let run = 0; run < runs; run++) starts.push(await startToFirstAnswer(() => {}));
  starts.sort((a, b) => a - b);
  const median = ((starts[(runs - 1) >> 1] as number) + (starts[runs >> 1] as number)) / 2;
  console.log(
    `start to first answer: median ${median.toFixed(1)} ms of ${runs} (from ${starts[0]?.toFixed(1)} to ${starts.at(-1)?.toFixed(1)}; goal ${GOAL_MS})`,
  );

  await startToFirstAnswer(async (fdns) => {
    await Bun.sleep(REST_MS);
    const rollup = readFileSync(`/proc/${fdns.pid}/smaps_rollup`, "utf8");
    const [resident, own, clean] = [["Rss"], ["Private_Dirty", "Shared_Dirty"], ["Private_Clean", "Shared_Clean"]].map(
      (fields) => fields.reduce((sum, field) => sum + mebibytes(rollup, field), 0).toFixed(1),
    );
    console.log(
      `memory ${REST_MS / 1000} s after one answer: ${resident} MiB resident: ${own} of its own, and ${clean} of clean pages ` +
        "of the executable and libraries, which the kernel can drop and shares between processes",
    );
  });

  const program = readFileSync(executable);
  console.log(
    `executable: ${program.length} octets (${(program.length / 1e6).toFixed(0)} MB), ${gzipSync(program, { level: 9 }).length} after gzip`,
  );
} finally {
  await upstream.stop();
  rmSync(folder, { recursive: true });
}

/** Starts fdns, waits for its first answer, lets `then` look at the process, ends it. Resolves to milliseconds. */
async function startToFirstAnswer(then: (fdns: Bun.Subprocess) => unknown): Promise<number> {
  const port = await freeUdpPort();
  const began = performance.now();
  const fdns = Bun.spawn(
    [executable, "--listen", `127.0.0.1:${port}`, "--upstream", upstream.address, "--ca-file", upstream.caFile],
    { cwd: folder, env: bareEnvironment(), stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  try {
    const response = await firstAnswer(port, addressQuery("first.test"), 1, GIVE_UP_MS);
    const tookMs = performance.now() - began;
    if (rcodeOf(response) !== 0) throw new Error(`the first answer has RCODE ${rcodeOf(response)}`);
    await then(fdns);
    return tookMs;
  } finally {
    fdns.kill("SIGTERM");
    await fdns.exited;
  }
}

/** A line of smaps_rollup in MiB. */
function mebibytes(rollup: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1];
  return Number(kibibytes) / 1024;
}
