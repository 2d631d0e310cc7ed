/** Rows under load: as much as a server answers, then half of that, then the same for all. */

import { residentMiBOf } from "./cpu-time.ts";
import { type DnsperfOptions, runDnsperf } from "./dnsperf.ts";
import { FEW, MANY } from "./names.ts";
import type { Figures } from "./results.ts";
import { type Column, inTurns, type Part, type Row, type Turns } from "./rows.ts";
import { PEERS, type RunningServer, type ServerName, workersOf } from "./servers.ts";
import { type Stage, WARM_SECONDS } from "./stage.ts";
import { spreadOf } from "./statistics.ts";

/** Queries a second that every server carries, for latencies that can be compared. */
export const SAME_RATE = 20_000;
/**
 * What is compared is a server that has run for a while. Where the load becomes another, as here, fdns compiles code anew
 * for some 15 seconds, a tenth of the core in the first five, and then next to nothing. For each window one lead-in; the
 * later ones keep the start of the load, the server's and the generator's, out of the figures. The same for every server.
 */
const LEAD_IN_SECONDS = [12, 3];
const HALF_LEAD_IN_SECONDS = 1;
/** A slowest hundredth is 200 queries a second here, and one moment in which the host stands still is as many. */
const SAME_TIMES = 2;
const MOST_WINDOWS = 2;
/** In the row that is about how one server compares with another, and has no latencies. */
const HALF_CORE_WINDOWS = 4;
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

/** Sockets are spread over workers by chance: many of them spread evenly. The same for every server. */
const LOAD: Pick<DnsperfOptions, "clients"> = { clients: 16 };

/** With the load that is measured afterwards: another one is compiled for anew. */
async function warm(stage: Stage, server: RunningServer, { file, once }: Names): Promise<void> {
  const seconds = WARM_SECONDS * workersOf(server.name);
  await stage.most(server, { file: file(stage, "warm", seconds), once, seconds, ...LOAD });
}

async function most(stage: Stage, server: RunningServer, names: Names, window: number) {
  const file = names.file(stage, `most${window}`, stage.parts.seconds);
  const before = await stage.parts.upstream.counters();
  const figures = await stage.most(server, { file, once: names.once, ...LOAD });
  const handshakesPerMillion = await stage.handshakesSince(before);
  return { ...figures, residentMiB: residentMiBOf(server.pid), handshakesPerMillion };
}

/** A load with what a server needs before it is measured. */
export interface WarmedLoad {
  warm(stage: Stage, server: RunningServer): Promise<unknown>;
  /** As many queries as the server answers; each window has names of its own where they are to be new. */
  most(stage: Stage, server: RunningServer, window: number): Promise<Figures & { cpuUs: number }>;
}

/** Of a server that is held to a part of a core. */
export const CACHED_LOAD: WarmedLoad = {
  warm: (stage, server) => stage.most(server, { file: stage.parts.names.few(), seconds: WARM_SECONDS }),
  most: (stage, server) => stage.most(server, { file: stage.parts.names.few() }),
};

export const FORWARDED_LOAD: WarmedLoad = {
  warm: (stage, server) => warm(stage, server, NEW_NAMES),
  most: (stage, server, window) => most(stage, server, NEW_NAMES, window),
};

/** @throws Error where the host lets us make no quota. */
export function startWithinQuota(stage: Stage, name: ServerName): Promise<RunningServer> {
  if (!stage.parts.quota) throw new Error("no cgroup could be made for the quota; it takes root");
  return stage.start(name, { within: stage.parts.quota.within });
}

/** So many queries a second, and before any is counted for so long. */
interface Pace {
  readonly load: string;
  readonly rate: number;
  readonly leadInSeconds: number;
  readonly seconds: number;
}

function paced(stage: Stage, server: RunningServer, names: Names, pace: Pace) {
  const { load, rate, leadInSeconds, seconds } = pace;
  const file = names.file(stage, load, leadInSeconds + seconds);
  return stage.paced(server, { file, leadIn: rate * leadInSeconds, queries: rate * seconds, rate });
}

/** As much as each answers, half of that, and the same for all. */
function partsOf(names: Names, { pacedSeconds }: Stage["parts"]): Part[] {
  const rates = new Map<RunningServer, number[]>();
  const loads: Part[] = [
    {
      windows: MOST_WINDOWS,
      async measure(stage, server, window) {
        const figures = await most(stage, server, names, window);
        rates.set(server, [...(rates.get(server) ?? []), figures.queriesPerSecond]);
        return figures;
      },
    },
    {
      windows: 1,
      async measure(stage, server) {
        const rate = Math.max(1000, Math.round(spreadOf(rates.get(server)!)!.median / 2));
        const pace = { load: "half", rate, leadInSeconds: HALF_LEAD_IN_SECONDS, seconds: pacedSeconds };
        const half = await paced(stage, server, names, pace);
        return { halfP50Us: half.p50Us, halfP99Us: half.p99Us, halfP999Us: half.p999Us };
      },
    },
    {
      windows: LEAD_IN_SECONDS.length,
      async measure(stage, server, window) {
        const leadInSeconds = LEAD_IN_SECONDS[window]!;
        const pace = { load: `same${window}`, rate: SAME_RATE, leadInSeconds, seconds: SAME_TIMES * pacedSeconds };
        const same = await paced(stage, server, names, pace);
        return {
          sameP50Us: same.p50Us,
          sameP99Us: same.p99Us,
          sameP999Us: same.p999Us,
          sameFailedPercent: (100 * (same.lost + same.failed)) / same.sent,
        };
      },
    },
  ];
  return pacedSeconds === 0 ? loads.slice(0, 1) : loads;
}

function loadedRow(names: Names, more: Partial<Turns> = {}) {
  return inTurns({
    start: (stage, name) => stage.start(name),
    prepare: (stage, server) => warm(stage, server, names),
    parts: (stage) => partsOf(names, stage.parts),
    ...more,
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
    ...inTurns({
      start: async (stage, name) => startWithinQuota(stage, name),
      prepare: CACHED_LOAD.warm,
      parts: () => [{ windows: HALF_CORE_WINDOWS, measure: CACHED_LOAD.most }],
    }),
  },
  {
    id: "cached",
    title: `Cached, ${FEW} names`,
    servers: [...CACHING, "fdns-deno", "fdns-2-workers", "echo", "echo-2-threads"],
    columns: [...RATE_COLUMNS, MEMORY_COLUMN, ...LATENCY_COLUMNS],
    plotted: ["queriesPerSecond", "cpuUs"],
    ...loadedRow(FEW_NAMES),
  },
  {
    id: "cached-million",
    title: `Cached, ${MANY} names, drawn by Zipf's law`,
    servers: CACHING,
    columns: [...RATE_COLUMNS, MEMORY_COLUMN, ...LATENCY_COLUMNS],
    plotted: ["queriesPerSecond", "cpuUs", "residentMiB"],
    ...loadedRow(ZIPF_NAMES, {
      async prepare(stage, server) {
        await fill(stage, server);
        await warm(stage, server, ZIPF_NAMES);
      },
      keep: true,
    }),
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
    ...loadedRow(NEW_NAMES),
  },
  {
    id: "mixed",
    title: `Mixed: nine of ten among ${FEW} cached names, one new`,
    servers: CACHING,
    columns: [...RATE_COLUMNS, MEMORY_COLUMN, ...LATENCY_COLUMNS],
    plotted: ["queriesPerSecond", "sameP99Us"],
    ...loadedRow(MIXED_NAMES),
  },
];
