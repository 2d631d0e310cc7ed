/** Rows about everything but the most a server answers over UDP. */

import { cpuTimeOf } from "./cpu-time.ts";
import { type Column, eachAlone, type Row, together, using } from "./rows.ts";
import { SAME_RATE } from "./rows-load.ts";
import { PEERS, type ServerName } from "./servers.ts";
import { WARM_SECONDS } from "./stage.ts";
import { spreadOf } from "./statistics.ts";

const FDNS_AND_PEERS: readonly ServerName[] = ["fdns", ...PEERS];

const BURST_QUERIES = 5000;
const BURSTS = 3;

const TRICKLE_RATE = 100;
/** The kernel tells CPU time in steps of 10 ms, which are 0.1 % of a core then. */
const TRICKLE_SECONDS = 10;

const SETTLE_SECONDS = 3;
/** Bun looks for garbage each second until it has found as much 30 times, and each half minute from then on. */
const LATER_SECONDS = 40;
const REST_SECONDS = 20;

const STARTS = 5;

const TCP_CONNECTIONS = 20;

const GC_SECONDS = 4;

const LATENCIES: readonly Column[] = [
  { metric: "sameP50Us", heading: "p50 µs", digits: 0 },
  { metric: "sameP99Us", heading: "p99 µs", digits: 0 },
];

export const OTHER_ROWS: readonly Row[] = [
  {
    id: "burst",
    title: `A burst: ${BURST_QUERIES} queries for new names at once, ${BURSTS} times`,
    servers: [...FDNS_AND_PEERS, "fdns-portable", "echo"],
    columns: [
      { metric: "lost", heading: "lost or failed", digits: 0 },
      { metric: "answeredPercent", heading: "answered %", digits: 1 },
      { metric: "worstUs", heading: "last answer after µs", digits: 0 },
    ],
    plotted: ["lost"],
    round: eachAlone((stage, name) =>
      using(stage.start(name), async (server) => {
        let answered = 0;
        let worstUs = 0;
        for (let i = 0; i < BURSTS; i++) {
          const file = stage.parts.names.new(`burst${i}`, BURST_QUERIES / 300_000);
          const report = await stage.paced(server, { file, queries: BURST_QUERIES, rate: Infinity });
          answered += report.answered;
          worstUs = Math.max(worstUs, report.worstUs);
        }
        const asked = BURSTS * BURST_QUERIES;
        return { lost: asked - answered, answeredPercent: (100 * answered) / asked, worstUs };
      }),
    ),
  },
  {
    id: "trickle",
    title: `${TRICKLE_RATE} queries a second, cached names`,
    servers: ["fdns", "fdns-portable", ...PEERS, "echo"],
    columns: [{ metric: "sharePercent", heading: "% of a core", digits: 2 }, ...LATENCIES],
    plotted: ["sharePercent", "sameP50Us"],
    round: eachAlone((stage, name) =>
      using(stage.start(name), async (server) => {
        const file = stage.parts.names.few();
        await stage.most(server, { file, seconds: WARM_SECONDS, outstanding: 100 });
        await Bun.sleep(500);
        const report = await stage.paced(server, { file, queries: TRICKLE_RATE * TRICKLE_SECONDS, rate: TRICKLE_RATE });
        return {
          sharePercent: (report.userUs + report.systemUs) / report.seconds / 1e4,
          sameP50Us: report.p50Us,
          sameP99Us: report.p99Us,
        };
      }),
    ),
  },
  {
    id: "rest",
    title: `At rest, over ${REST_SECONDS} s`,
    servers: ["fdns", "fdns-portable", ...PEERS],
    columns: [
      { metric: "sharePercent", heading: `% of a core, from ${SETTLE_SECONDS} s after the start`, digits: 3 },
      { metric: "laterSharePercent", heading: `from ${LATER_SECONDS} s`, digits: 3 },
    ],
    plotted: ["sharePercent"],
    // What each process uses is counted by itself, so they can rest at the same time.
    round: together(async (_stage, servers, note) => {
      const shares = async () => {
        const before = servers.map(({ pid }) => cpuTimeOf(pid));
        await Bun.sleep(REST_SECONDS * 1000);
        return servers.map(({ pid }, i) => {
          const { userUs, systemUs } = cpuTimeOf(pid);
          return (userUs + systemUs - before[i]!.userUs - before[i]!.systemUs) / REST_SECONDS / 1e4;
        });
      };
      await Bun.sleep(SETTLE_SECONDS * 1000);
      const soon = await shares();
      await Bun.sleep((LATER_SECONDS - SETTLE_SECONDS - REST_SECONDS) * 1000);
      const later = await shares();
      for (const [i, { name }] of servers.entries()) {
        note(name, { sharePercent: soon[i]!, laterSharePercent: later[i]! });
      }
    }),
  },
  {
    id: "start",
    title: `From start to first answer over a new TLS connection, median of ${STARTS} a round`,
    servers: [...FDNS_AND_PEERS, "fdns-deno"],
    columns: [{ metric: "startMs", heading: "ms", digits: 0 }],
    plotted: ["startMs"],
    round: eachAlone(async (stage, name) => {
      const starts: number[] = [];
      for (let i = 0; i < STARTS; i++) starts.push(await using(stage.start(name), async ({ startMs }) => startMs));
      return { startMs: spreadOf(starts)!.median };
    }),
  },
  {
    id: "tcp",
    title: `TCP, cached names, ${TCP_CONNECTIONS} connections: one query at a time on each, and pipelined with 1000 outstanding`,
    servers: FDNS_AND_PEERS,
    columns: [
      { metric: "unpipelinedPerSecond", heading: "queries/s, one at a time", digits: 0 },
      { metric: "unpipelinedCpuUs", heading: "CPU µs a query, one at a time", digits: 2 },
      { metric: "queriesPerSecond", heading: "queries/s, pipelined", digits: 0 },
      { metric: "cpuUs", heading: "CPU µs a query, pipelined", digits: 2 },
      { metric: "lost", heading: "lost, pipelined", digits: 0 },
    ],
    plotted: ["queriesPerSecond"],
    round: eachAlone((stage, name) =>
      using(stage.start(name), async (server) => {
        const load = { file: stage.parts.names.few(), transport: "tcp", clients: TCP_CONNECTIONS } as const;
        await stage.most(server, { ...load, seconds: 1 });
        const single = await stage.most(server, { ...load, outstanding: TCP_CONNECTIONS });
        const pipelined = await stage.most(server, load);
        return {
          ...pipelined,
          unpipelinedPerSecond: single.queriesPerSecond,
          unpipelinedCpuUs: single.cpuUs,
        };
      }),
    ),
  },
  {
    id: "pauses",
    title: `Pauses from garbage collection, mixed, ${SAME_RATE} queries a second (the runtime's own trace)`,
    servers: ["fdns"],
    columns: [{ metric: "gcPauseMs", heading: "longest pause ms", digits: 2 }],
    plotted: [],
    round: eachAlone((stage, name) =>
      using(stage.start(name, { env: { BUN_JSC_logGC: "1" } }), async (server) => {
        const { names } = stage.parts;
        await stage.paced(server, { file: names.mixed("warm", 1), queries: SAME_RATE, rate: SAME_RATE });
        const warmTrace = server.log().length;
        const queries = SAME_RATE * GC_SECONDS;
        await stage.paced(server, { file: names.mixed("most", GC_SECONDS), queries, rate: SAME_RATE });
        return { gcPauseMs: longestPauseMs(server.log().slice(warmTrace)) };
      }),
    ),
  },
];

/** Of JavaScriptCore's trace of its collections: "p=2.099170ms" is the time that JavaScript stood still. */
export function longestPauseMs(trace: string): number {
  return Math.max(0, ...[...trace.matchAll(/\bp=([0-9.]+)ms/g)].map((match) => Number(match[1])));
}
