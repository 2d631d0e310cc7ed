/** The program behind scripts/bad-day. */

import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { executable, temporaryFolder } from "../support/toolchain.ts";
import { summarize } from "./records.ts";
import { runScenario } from "./scenario.ts";
import { badDay } from "./world.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    executable: { type: "string", default: executable },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isInteger(seed) || seed < 0) {
  console.error("scripts/bad-day: --minutes takes a number above 0, --seed a whole number from 0 on");
  process.exit(2);
}
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.on(signal, () => process.exit(code));
const folder = temporaryFolder();
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
// A build in the meantime must not change what is measured.
const program = join(folder, "fdns");
copyFileSync(values.executable, program);

const scenario = badDay(minutes, seed);
console.log(`${scenario.title}\nexpected: ${scenario.criterion}`);
const outcome = await runScenario(scenario, "fdns", join(folder, "run"), program);
for (const [segment, what] of ["new names", "names asked again", "names that reset connections"].entries()) {
  const { sent, answered, servfail, otherRcode, wrong, lost, p50Ms, p99Ms, worstMs } = summarize(outcome.records, {
    segments: [segment],
  });
  console.log(
    `${what}: ${sent} sent, ${answered} answered, ${servfail} SERVFAIL, ${otherRcode} other RCODE, ${wrong} wrong, ${lost} lost; ` +
      `p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(0)}, worst ${worstMs.toFixed(0)} ms`,
  );
}
const resident = outcome.residentOctets.map(({ octets }) => octets / 1024 / 1024);
console.log(
  `resident: ${resident[0]?.toFixed(0)} MiB at first, ${Math.max(...resident).toFixed(0)} at most, ${resident.at(-1)?.toFixed(0)} at the end`,
);
const handshakes = outcome.counters.map((one) => one.handshakes);
console.log(`handshakes with each upstream: ${handshakes.join(", ")}`);
const complaints = scenario.judge(outcome);
console.log(complaints.length === 0 ? "pass" : `FAIL: ${complaints.join("; ")}`);
process.exitCode = complaints.length === 0 ? 0 : 1;
