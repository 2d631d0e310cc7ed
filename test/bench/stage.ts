/** What all rows of a run share: the cores, the upstream, the names, and how a server is started and measured. */

import { busyPercent, type CpuTime, coreTime, cpuTimeOf } from "./cpu-time.ts";
import { type DnsperfOptions, runDnsperf } from "./dnsperf.ts";
import type { Cores } from "./machine.ts";
import type { NameFiles } from "./names.ts";
import { type PacedOptions, type PacedReport, runPaced } from "./paced.ts";
import type { Programs } from "./programs.ts";
import type { Quota } from "./quota.ts";
import type { Figures } from "./results.ts";
import { type RunningServer, type ServerName, type StartOptions, startServer } from "./servers.ts";
import type { BenchUpstream } from "./upstream.ts";

export interface StageParts {
  readonly cores: Cores;
  readonly programs: Programs;
  readonly upstream: BenchUpstream;
  readonly names: NameFiles;
  /** The executable that is measured. */
  readonly fdns: string;
  readonly help: string;
  /** Half a core; absent where the host lets us make none. */
  readonly quota?: Quota;
  /** How long as many queries are asked as are answered. */
  readonly seconds: number;
  /** How long queries are asked at an even rate; 0: not at all. */
  readonly pacedSeconds: number;
  /** A line about what goes on. */
  readonly say: (text: string) => void;
}

/**
 * Before anything is counted: connections are made, and code is compiled. On a core that is full, fdns compiles for 12
 * seconds, a tenth of the core, as what compiles gives way to what answers; two workers on it take twice as long, since
 * each has code of its own. The same for every server, for each of its workers.
 */
export const WARM_SECONDS = 12;

export class Stage {
  readonly parts: StageParts;

  constructor(parts: StageParts) {
    this.parts = parts;
  }

  start(name: ServerName, more: Pick<StartOptions, "within" | "env"> = {}): Promise<RunningServer> {
    const { cores, upstream, fdns, help, programs } = this.parts;
    return startServer({ name, core: cores.server, upstream, fdns, help, echo: programs.echo, ...more });
  }

  /** As many queries as the server answers. */
  async most(
    server: RunningServer,
    options: Pick<DnsperfOptions, "file" | "once" | "clients" | "outstanding" | "transport"> & { seconds?: number },
  ): Promise<Figures & { queriesPerSecond: number; cpuUs: number }> {
    const { cores, seconds } = this.parts;
    const loadCore = coreTime(cores.load);
    const ownCore = coreTime(cores.server);
    const { cost, result: report } = await costing(server, () =>
      runDnsperf({ core: cores.load, port: server.port, seconds, ...options }),
    );
    const { sent, answered, lost, refused, queriesPerSecond } = report;
    const aQuery = (us: number) => us / Math.max(1, answered);
    return {
      queriesPerSecond,
      lost,
      failedPercent: (100 * (lost + refused)) / Math.max(1, sent),
      cpuUs: aQuery(cost.userUs + cost.systemUs),
      userUs: aQuery(cost.userUs),
      systemUs: aQuery(cost.systemUs),
      loadCorePercent: busyPercent(loadCore, cores.load),
      ownCorePercent: busyPercent(ownCore, cores.server),
    };
  }

  /** Queries at an even rate, and the server's CPU meanwhile. Infinity: all at once. */
  async paced(
    server: RunningServer,
    load: Pick<PacedOptions, "file" | "leadIn" | "queries" | "rate">,
  ): Promise<PacedReport & CpuTime> {
    const { cores, programs } = this.parts;
    const options = { program: programs.paced, core: cores.load, port: server.port, ...load };
    const { cost, result } = await costing(server, () => runPaced(options));
    return { ...result, ...cost };
  }

  /** What connections cost since `before` was counted: TLS handshakes for each million queries at the upstream. */
  async handshakesSince(before: { handshakes: number; queries: number }): Promise<number> {
    const now = await this.parts.upstream.counters();
    return (1e6 * (now.handshakes - before.handshakes)) / Math.max(1, now.queries - before.queries);
  }
}

/** What the server's processes used while something was done. */
async function costing<Result>(server: RunningServer, work: () => Promise<Result>) {
  const before = cpuTimeOf(server.pid);
  const result = await work();
  const after = cpuTimeOf(server.pid);
  return {
    result,
    cost: { userUs: after.userUs - before.userUs, systemUs: after.systemUs - before.systemUs },
  };
}
