/** `fdns doctor`: every upstream examined, and what is wrong between it and this host, in words. */

import { loadConfig } from "../../config/load.ts";
import { serveOptions } from "../../config/options.ts";
import { escapeControls } from "../../observe/log.ts";
import { systemClock } from "../../runtime/clock.ts";
import { environment, writeError, writeOut } from "../../runtime/process.ts";
import { type Command, exitCodes } from "../command.ts";
import { progressLine, silentProgress } from "../progress.ts";
import { styles } from "../terminal.ts";
import { jsonReport, textReport } from "./report.ts";
import { findingsOf, isWell } from "./verdict.ts";

const { upstream, bootstrap, upstreamAllow, caFile, tlsHello } = serveOptions;

export const doctor: Command = {
  options: [
    upstream,
    bootstrap,
    upstreamAllow,
    caFile,
    tlsHello,
    { name: "deep", kind: "switch", description: "Also see how long each keeps an idle connection: up to 130 s" },
    { name: "json", kind: "switch", description: "Print one JSON object" },
  ],
  examples: [
    { line: "fdns doctor", meaning: "the upstreams that FDNS_UPSTREAM names, or the default ones" },
    { line: "fdns doctor --upstream 9.9.9.9 --deep", meaning: "all there is to know of Quad9, within 2 minutes or so" },
    { line: "fdns doctor --json | jq .findings", meaning: "for programs: what is wrong, each with a stable code" },
  ],
  notes: [
    "Each address of each upstream is examined by itself, all at once, within 15 s without --deep. No name of yours is sent: the root's own records are asked for, and random names under example.com, which are slow because nobody asked for them before. A note alone is nothing wrong.",
    "Run from source by Deno, the first time of connecting holds the loading of its TLS library, some 30 ms.",
  ],
  exitCodes: [
    { code: exitCodes.ok.code, meaning: "all is well" },
    {
      code: exitCodes.failure.code,
      meaning: "something is wrong: the last lines say what; or output cannot be written",
    },
    {
      code: exitCodes.usage.code,
      meaning: "a wrong flag, value or variable, or a file that cannot be read; nothing was sent",
    },
  ],
  async run(args) {
    const { config, warnings } = loadConfig(args.values, environment());
    for (const warning of warnings) writeError(`fdns: warning: ${escapeControls(warning)}\n`);
    const { examine } = await import("./examine.ts");
    const { stdout: hasColour, stderr: canRedraw } = styles();
    const progress = canRedraw ? progressLine(systemClock, writeError) : silentProgress;
    const facts = await examine(config, args.values.has("deep"), progress);
    const findings = findingsOf(facts);
    writeOut(args.values.has("json") ? jsonReport(facts, findings) : textReport(facts, findings, hasColour));
    return isWell(findings) ? exitCodes.ok.code : exitCodes.failure.code;
  },
};
