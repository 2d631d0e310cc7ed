/** Rows under load: as much as a server answers, then half of that, then the same for all. */

import { residentMiBOf } from "./cpu-time.ts";
import { type DnsperfOptions, runDnsperf } from "./dnsperf.ts";
import { FEW, MANY } from "./names.ts";
import type { Figures } from "./results.ts";
import { type Column, eachAlone, kept, type Row, using } from "./rows.ts";
import { PEERS, type RunningServer, type ServerName, workersOf } from "./servers.ts";
import { type Stage, WARM_SECONDS } from "./stage.ts";

/** Queries a second that every server carries, for latencies that can be compared. */
export const SAME_RATE = 20_000;
/**
 * What is compared is a server that has run for a while. Where the load becomes another, as here, fdns compiles code anew
 * for some 15 seconds, a tenth of the core in the first five, and then next to nothing. The same for every server.
 */
const WARM_SAME_SECONDS = 15;
/** A slowest hundredth is 200 queries a second here, and one moment in which the host stands still is as many. */
const SAME_TIMES = 4;
/** A core's share in the row whose limit can only be the server. */
export const QUOTA = 0.5;

const RATE_COLUMNS: readonly Column[] = [
  { metric: "queriesPerSecond", heading: "queries/s", digits: 0 },
  { metric: "lost", heading: "lost", digits: 0 },
  { metric: "cpuUs", heading: "CPU µs a query", digits: 2 },
  { metric: "userUs", heading: "user µs", digits: 2 },
  { metric: "systemUs", heading: "system µs", digits: 2 },
];
const MEMORY_COLUMN: Column = { metric: "residentMiB", heading: "resident MiB", digits: 0 };
const LATENCY_COLUMNS: readonly Column[] = [
  { metric: "halfP50Us", heading: "p50 µs at half", digits: 0 },
  { metric: "halfP99Us", heading: "p99 at half", digits: 0 },
  { metric: "halfP999Us", heading: "p99.9 at half", digits: 0 },
  { metric: "sameP50Us", heading: "p50 µs at 20,000/s", digits: 0 },
  { metric: "sameP99Us", heading: "p99 at 20,000/s", digits: 0 },
  { metric: "sameP999Us", heading: "p99.9 at 20,000/s", digits: 0 },
];

/** The names of one server's life; new ones are new in each. */
interface Names {
  file(stage: Stage, load: string, seconds: number): string;
  /** Names are asked once. */
  readonly once: boolean;
}

const FEW_NAMES: Names = { file: ({ parts }) => parts.names.few(), once: false };
const ZIPF_NAMES: Names = { file: ({ parts }) => parts.names.zipf(), once: false };
const NEW_NAMES: Names = { file: ({ parts }, load, seconds) => parts.names.new(load, seconds), once: true };
const MIXED_NAMES: Names = { file: ({ parts }, load, seconds) => parts.names.mixed(load, seconds), once: true };

type Load = Pick<DnsperfOptions, "clients">;

/** Sockets are spread over workers by chance: many of them spread evenly. The same for every server. */
const LOAD: Load = { clients: 16 };

/** With the load that is measured afterwards: another one is compiled for anew. */
async function warm(stage: Stage, server: RunningServer, { file, once }: Names, load: Load = {}): Promise<void> {
  const seconds = WARM_SECONDS * workersOf(server.name);
  await stage.most(server, { file: file(stage, "warm", seconds), once, seconds, ...load });
}

async function loaded(stage: Stage, server: RunningServer, names: Names): Promise<Figures> {
  const { seconds, pacedSeconds } = stage.parts;
  const { file, once } = names;
  await warm(stage, server, names, LOAD);
  const most = await stage.most(server, { file: file(stage, "most", seconds), once, ...LOAD });
  const memory = { residentMiB: residentMiBOf(server.pid) };
  if (pacedSeconds === 0) return { ...most, ...memory };
  const rate = Math.max(1000, Math.round(most.queriesPerSecond / 2));
  const half = await paced(stage, server, names, { load: "half", rate, warmSeconds: 1, seconds: pacedSeconds });
  const same = await paced(stage, server, names, {
    ...{ load: "same", rate: SAME_RATE, warmSeconds: WARM_SAME_SECONDS, seconds: SAME_TIMES * pacedSeconds },
  });
  return {
    ...most,
    ...memory,
    halfP50Us: half.p50Us,
    halfP99Us: half.p99Us,
    halfP999Us: half.p999Us,
    sameP50Us: same.p50Us,
    sameP99Us: same.p99Us,
    sameP999Us: same.p999Us,
    sameFailedPercent: (100 * (same.lost + same.failed)) / same.sent,
    sameCpuUs: (same.userUs + same.systemUs) / same.sent,
  };
}

interface Pace {
  readonly load: string;
  readonly rate: number;
  /** So long queries come at that rate before any is counted, and then so long. */
  readonly warmSeconds: number;
  readonly seconds: number;
}

async function paced(stage: Stage, server: RunningServer, { file }: Names, pace: Pace) {
  const { load, rate, warmSeconds, seconds } = pace;
  await stage.paced(server, file(stage, `${load}-warm`, warmSeconds), rate * warmSeconds, rate);
  return stage.paced(server, file(stage, load, seconds), rate * seconds, rate);
}

function loadedRow(names: Names): Row["round"] {
  return eachAlone(async (stage, name) => {
    const before = await stage.parts.upstream.counters();
    return using(stage.start(name), async (server) => {
      const figures = await loaded(stage, server, names);
      return { ...figures, handshakesPerMillion: await stage.handshakesSince(before) };
    });
  });
}

/** Longer than asking a million new names takes any of the servers on a quiet machine. */
const FILL_SECONDS = 180;
/** Fewer outstanding than elsewhere, so that none is lost. */
const FILL_OUTSTANDING = 500;
const FILLED = 0.99;

/** Asks for every name once. */
async function fill(stage: Stage, server: RunningServer): Promise<void> {
  stage.parts.say(`filling ${server.name} with ${MANY} names`);
  const { parts } = stage;
  const load = { core: parts.cores.load, port: server.port, file: parts.names.many(), once: true };
  const { answered } = await runDnsperf({ ...load, outstanding: FILL_OUTSTANDING, seconds: FILL_SECONDS });
  if (answered < FILLED * MANY) throw new Error(`only ${answered} of ${MANY} names after ${FILL_SECONDS} s`);
}

const CACHING: readonly ServerName[] = ["fdns", ...PEERS.filter((name) => name !== "stubby")];

export const LOAD_ROWS: readonly Row[] = [
  {
    id: "half-core",
    title: `Cached, ${FEW} names, each server held to half a core by a cgroup quota`,
    servers: [...CACHING, "echo"],
    columns: RATE_COLUMNS,
    plotted: ["queriesPerSecond", "cpuUs"],
    round: eachAlone((stage, name) => {
      if (!stage.parts.quota) throw new Error("no cgroup could be made for the quota; it takes root");
      return using(stage.start(name, { within: stage.parts.quota.within }), async (server) => {
        await warm(stage, server, FEW_NAMES);
        return stage.most(server, { file: FEW_NAMES.file(stage, "most", 0) });
      });
    }),
  },
  {
    id: "cached",
    title: `Cached, ${FEW} names`,
    servers: [...CACHING, "fdns-deno", "fdns-2-workers", "echo", "echo-2-threads"],
    columns: [...RATE_COLUMNS, MEMORY_COLUMN, ...LATENCY_COLUMNS],
    plotted: ["queriesPerSecond", "cpuUs"],
    round: loadedRow(FEW_NAMES),
  },
  {
    id: "cached-million",
    title: `Cached, ${MANY} names, drawn by Zipf's law`,
    servers: CACHING,
    columns: [...RATE_COLUMNS, MEMORY_COLUMN, ...LATENCY_COLUMNS],
    plotted: ["queriesPerSecond", "cpuUs", "residentMiB"],
    ...kept(fill, (stage, server) => loaded(stage, server, ZIPF_NAMES)),
  },
  {
    id: "uncached",
    title: "Uncached, all names new",
    servers: ["fdns", ...PEERS, "fdns-deno", "fdns-2-workers"],
    columns: [
      ...RATE_COLUMNS,
      MEMORY_COLUMN,
      ...LATENCY_COLUMNS,
      { metric: "handshakesPerMillion", heading: "TLS handshakes a million", digits: 0 },
    ],
    plotted: ["queriesPerSecond", "cpuUs"],
    round: loadedRow(NEW_NAMES),
  },
  {
    id: "mixed",
    title: `Mixed: nine of ten among ${FEW} cached names, one new`,
    servers: CACHING,
    columns: [...RATE_COLUMNS, MEMORY_COLUMN, ...LATENCY_COLUMNS],
    plotted: ["queriesPerSecond", "sameP99Us"],
    round: loadedRow(MIXED_NAMES),
  },
];
