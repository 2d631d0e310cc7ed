/** `fdns demo`: an upstream with a small zone and fdns in front of it, both here and on loopback. Needs no network. */

import { type Answer, decode, encode, RECURSION_DESIRED } from "@leichtgewicht/dns-packet";
import type { RunningApp } from "../app.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import type { Log } from "../observe/log.ts";
import { uncaughtReporter } from "../observe/uncaught.ts";
import { systemClock, systemRandom } from "../runtime/clock.ts";
import { outputTakesLines } from "../runtime/files/unread-output.ts";
import { askOverLoopback, withTemporaryFile } from "../runtime/net/loopback.ts";
import { onUncaught, writeOut } from "../runtime/process.ts";
import { startTestUpstream, type TestUpstream } from "../testupstream/start.ts";
import { type Command, exitCodes } from "./command.ts";
import { endsWithin, firstStopSignal } from "./lifetime.ts";
import { openProcessLog } from "./process-log.ts";
import { programVersion } from "./version.ts";

const UPSTREAM_NAME = "dot.demo.test";

/** Names of RFC 6761, addresses of RFC 5737 and RFC 3849: none of them means anything outside. */
const ZONE = `$ORIGIN demo.test.
$TTL 300
@     SOA   ns hostmaster 1 3600 600 86400 60
@     NS    ns
@     MX    10 mail
@     TXT   "answered over TLS by fdns demo"
ns    A     192.0.2.53
mail  A     192.0.2.25
www   A     192.0.2.80
www   AAAA  2001:db8::80
`;

const QUESTIONS = [
  { name: "www.demo.test", type: "A" },
  { name: "www.demo.test", type: "AAAA" },
  { name: "demo.test", type: "TXT" },
] as const;

const QUESTION_BOUND_MS = 5000;

export const demo: Command = {
  options: [{ name: "once", kind: "switch", description: "End after the first answers" }],
  examples: [
    { line: "fdns demo", meaning: "serve the demo zone until Ctrl-C" },
    { line: "fdns demo --once", meaning: "see three answers and end; exit code 0 means it works here" },
  ],
  async run(args) {
    const stopSignal = firstStopSignal();
    const upstream = await startTestUpstream({ names: [UPSTREAM_NAME], zoneText: ZONE, zoneSource: "demo zone" });
    try {
      await serveDemo(upstream, args.values.has("once"), stopSignal);
    } finally {
      await upstream.close();
    }
    return exitCodes.ok.code;
  },
};

/** Starts fdns before the upstream, shows what it answers, and goes on until `end` unless that is all. */
async function serveDemo(upstream: TestUpstream, isAll: boolean, end: Promise<unknown>): Promise<void> {
  // What nobody reads holds up neither the answers nor the end.
  const say = async (text: string) => {
    if (await outputTakesLines(end)) writeOut(text);
  };
  const upstreamText = `127.0.0.1:${upstream.port}#${UPSTREAM_NAME}?pin=${upstream.spkiPin}`;
  const { log, flush } = openProcessLog({ logFormat: "auto", logLevel: "warn" });
  // The roots are read at the start, so their file need not live longer.
  const { app, config } = await withTemporaryFile(upstream.caPem, (caFile) =>
    startWith({ listen: "127.0.0.1:0", upstream: upstreamText, "ca-file": caFile }, log),
  );
  try {
    onUncaught(uncaughtReporter(log));
    const port = app.listening[0]!.port;
    await say(`An upstream with the zone demo.test speaks DNS over TLS on 127.0.0.1:${upstream.port}.\n`);
    await say(`fdns answers on 127.0.0.1:${port}, asking it alone:\n  --upstream '${upstreamText}'\n\n`);
    for (const question of QUESTIONS) await say(await answerLines(port, question));
    if (isAll) return;
    await say(`\nTry it:  dig @127.0.0.1 -p ${port} www.demo.test\nCtrl-C ends it.\n`);
    await end;
  } finally {
    await endsWithin(config.shutdownMs, app.stop());
    await flush();
  }
}

/** Starts fdns with these flags and no environment. */
async function startWith(flags: Record<string, string>, log: Log): Promise<{ app: RunningApp; config: Config }> {
  const { config } = loadConfig(new Map(Object.entries(flags).map(([name, value]) => [name, [value]])), {});
  const [{ start }, { selectRuntime }] = await Promise.all([import("../app.ts"), import("../runtime/select.ts")]);
  return { app: await start(config, { runtime: selectRuntime(), log, version: programVersion }), config };
}

/** Asks as a stub would. @returns the answer section as lines. @throws Error (as a rejection) if there is none. */
async function answerLines(port: number, question: (typeof QUESTIONS)[number]): Promise<string> {
  const idOctets = new Uint8Array(2);
  systemRandom.fill(idOctets);
  const id = (idOctets[0]! << 8) | idOctets[1]!;
  const query = encode({ type: "query", id, flags: RECURSION_DESIRED, questions: [question] });
  const askedMs = systemClock.nowMs();
  const response = decode(await askOverLoopback(port, query, QUESTION_BOUND_MS));
  const tookMs = systemClock.nowMs() - askedMs;
  const answers = response.answers ?? [];
  if (response.id !== id || answers.length === 0) {
    throw new Error(`${question.name} ${question.type} got no answer but ${response.rcode}`);
  }
  return answers.map((record) => `  ${textOf(record).padEnd(64)} ${tookMs.toFixed(1).padStart(6)} ms\n`).join("");
}

/** The records of the demo zone as dig shows them. */
function textOf(record: Answer): string {
  const isText = record.type === "TXT";
  const text = isText ? `"${new TextDecoder().decode((record.data as Uint8Array[])[0])}"` : String(record.data);
  return `${record.name.padEnd(14)} ${String(record.ttl).padEnd(4)} ${record.type.padEnd(5)} ${text}`;
}
