/** `fdns query`: one question to an upstream itself, and everything the connection showed. */

import { loadConfig } from "../../config/load.ts";
import { serveOptions } from "../../config/options.ts";
import { escapeControls } from "../../observe/log.ts";
import { bounded } from "../../observe/quoted.ts";
import { environment, writeError, writeOut } from "../../runtime/process.ts";
import type { ParsedArguments } from "../arguments.ts";
import { type Command, exitCodes } from "../command.ts";
import { styles } from "../terminal.ts";
import type { Asked } from "./ask.ts";
import { readQuestion } from "./question.ts";
import { type Failure, jsonReport, shortReport, textReport } from "./report.ts";

const { upstream, bootstrap, upstreamAllow, caFile, tlsHello, queryTimeout } = serveOptions;

/** Beside those of every command. A RCODE's own number where it is free. */
const codes = {
  nxdomain: 3,
  servfail: 4,
  refused: 5,
  otherRcode: 6,
  authentication: 7,
  noAnswer: 8,
} as const;

export const query: Command = {
  positionals: [
    { name: "NAME", description: "The name to ask for, as in a zone file: \\DDD is an octet", required: false },
    { name: "TYPE", description: "Its type, as MX or TYPE65280 (default: A)", required: false },
  ],
  options: [
    { name: "reverse", kind: "value", valueName: "ADDRESS", description: "Ask for the name of an address (PTR)" },
    { name: "short", kind: "switch", description: "Print the RDATA of the answer alone, one record a line" },
    { name: "json", kind: "switch", description: "Print one JSON object" },
    { name: "do", kind: "switch", description: "Ask for DNSSEC records (DO)" },
    { name: "cd", kind: "switch", description: "Ask the upstream not to validate (CD)" },
    { name: "resume", kind: "switch", description: "Connect and ask a second time, with the session of the first" },
    upstream,
    bootstrap,
    upstreamAllow,
    caFile,
    tlsHello,
    { ...queryTimeout, description: "How long the answer may take, once connected" },
  ],
  examples: [
    { line: "fdns query example.com", meaning: "the address, from an upstream fdns would ask" },
    { line: "fdns query example.com MX --upstream 9.9.9.9", meaning: "from Quad9, authenticated by its name" },
    { line: "fdns query -x 192.0.2.1 --short", meaning: "the name of an address, and nothing else" },
    { line: "fdns query example.com --resume --json", meaning: "for programs, with the times of a resumed session" },
  ],
  notes: [
    "Of several upstreams the first that answers is shown; each that failed before it is told on standard error.",
    "What hands know from dig works: @ADDRESS for --upstream, +short, +json, +dnssec for --do, +cd.",
    "Run from source by Deno, the first time of connecting holds the loading of its TLS library, some 30 ms.",
  ],
  exitCodes: [
    { code: exitCodes.ok.code, meaning: "NOERROR, with records or without" },
    { code: exitCodes.failure.code, meaning: "a fault of fdns or of this host; output cannot be written" },
    {
      code: exitCodes.usage.code,
      meaning: "a wrong flag, value, name or type, or a file that cannot be read; nothing was sent",
    },
    { code: codes.nxdomain, meaning: "NXDOMAIN: there is no such name" },
    { code: codes.servfail, meaning: "SERVFAIL" },
    { code: codes.refused, meaning: "REFUSED" },
    { code: codes.otherRcode, meaning: "any other RCODE" },
    {
      code: codes.authentication,
      meaning: "no upstream answered, and one could not be authenticated: it was sent nothing",
    },
    { code: codes.noAnswer, meaning: "no upstream answered: unreachable, no answer in time, or none that can be read" },
  ],
  async run(args) {
    const { question, values } = readQuestion(args);
    const { config, warnings } = loadConfig(values, environment());
    for (const warning of warnings) warn(`warning: ${warning}`);
    const { askUpstreams } = await import("./ask.ts");
    const failures: Failure[] = [];
    const asked = await askUpstreams(config, question, values.has("resume"), ({ text }, { code, message }) => {
      failures.push({ upstream: text, code, message });
      warn(`upstream ${bounded(text)}: ${message}`);
    });
    if (asked === undefined) {
      if (values.has("json")) writeOut(jsonReport(question, failures));
      return failures.some(({ code }) => code === "authentication") ? codes.authentication : codes.noAnswer;
    }
    writeOut(reportOf(values, asked));
    return exitCodeOf(asked.response.rcode);
  },
};

function reportOf(values: ParsedArguments["values"], asked: Asked): string {
  if (values.has("json")) return jsonReport(asked.question, asked);
  if (values.has("short")) return shortReport(asked);
  return textReport(asked, styles().stdout);
}

function exitCodeOf(rcode: number): number {
  const byRcode: Readonly<Record<number, number>> = {
    0: exitCodes.ok.code,
    2: codes.servfail,
    3: codes.nxdomain,
    5: codes.refused,
  };
  return byRcode[rcode] ?? codes.otherRcode;
}

function warn(line: string): void {
  writeError(`fdns: ${escapeControls(line)}\n`);
}
