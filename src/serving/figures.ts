/** Everything a worker counts, in its part of one shared memory; and all workers' together. */

import { TcpFigures, UdpFigures } from "../listener/counters.ts";
import { OpenFigures, SharedConnections } from "../listener/open-connections.ts";
import { Figures, Gauge, sumOfParts } from "../observe/figures.ts";
import { ResolverCounters } from "../resolver/counters.ts";
import { UpstreamCounters } from "../upstream/counters.ts";
import { GaugeFigures } from "../upstream/gauges.ts";

/** The order in which these are made is where they are in the memory. */
export class WorkerFigures {
  readonly resolver: ResolverCounters;
  readonly udp: UdpFigures;
  readonly tcp: TcpFigures;
  readonly upstreams: readonly UpstreamCounters[];
  /** One place: clients' queries that wait for upstreams. */
  readonly waiting: Float64Array;
  readonly open: OpenFigures;
  readonly gauges: readonly GaugeFigures[];
  /** One place: grows as long as the worker's event loop turns. */
  readonly beats: Float64Array;
  /** One place: how often another thread took its place; written by the main thread. */
  readonly replaced: Float64Array;
  /** One place each: lines of its log that it sent, and that the main thread has taken. */
  readonly linesSent: Float64Array;
  readonly linesTaken: Float64Array;

  constructor(upstreams: number, figures = new Figures()) {
    const each = Array.from({ length: upstreams });
    this.resolver = new ResolverCounters(figures);
    this.udp = new UdpFigures(figures);
    this.tcp = new TcpFigures(figures);
    this.upstreams = each.map(() => new UpstreamCounters(figures));
    this.waiting = figures.take(1);
    this.open = new OpenFigures(figures);
    this.gauges = each.map(() => new GaugeFigures(figures));
    this.beats = figures.take(1);
    this.replaced = figures.take(1);
    this.linesSent = figures.take(1);
    this.linesTaken = figures.take(1);
  }

  /** The worker is gone: what it counted stays, what it had at the time is over. */
  clear(): void {
    this.waiting.fill(0);
    this.linesTaken.set(this.linesSent);
    this.open.clear();
    for (const gauges of this.gauges) gauges.clear();
  }
}

/** What all workers count; each constructs it over the same memory. */
export class SharedFigures {
  readonly #memory: SharedArrayBuffer;
  readonly #upstreams: number;
  readonly workers: readonly WorkerFigures[];

  constructor(memory: SharedArrayBuffer, workers: number, upstreams: number) {
    this.#memory = memory;
    this.#upstreams = upstreams;
    const octets = memory.byteLength / workers;
    this.workers = Array.from(
      { length: workers },
      (_, i) => new WorkerFigures(upstreams, new Figures(memory, i * octets)),
    );
  }

  static memory(workers: number, upstreams: number): SharedArrayBuffer {
    const one = new Figures();
    new WorkerFigures(upstreams, one);
    return new SharedArrayBuffer(one.octets * workers);
  }

  /** As it is now; counters only, not what workers have at the time. */
  sum(): WorkerFigures {
    return new WorkerFigures(this.#upstreams, new Figures(sumOfParts(this.#memory, this.workers.length)));
  }

  /** The gauge that a worker adds its part to. */
  waitingOf(worker: number): Gauge {
    const all = this.workers.map(({ waiting }) => waiting);
    return new Gauge(
      all[worker],
      all.filter((_, i) => i !== worker),
    );
  }

  openOf(worker: number): SharedConnections {
    const all = this.workers.map(({ open }) => open);
    return new SharedConnections(all[worker]!, all);
  }
}
