/** What one worker runs, put together: from the sockets of clients to the connections of upstreams and back. */

import type { CacheTime } from "../cache/cache-time.ts";
import { keyedHash } from "../cache/store/hash.ts";
import { CacheStore } from "../cache/store/store.ts";
import { builtMs } from "../config/build-date.ts";
import type { Config } from "../config/config.ts";
import { defaults } from "../config/defaults.ts";
import { Listeners } from "../listener/listen.ts";
import { TcpClients } from "../listener/tcp-listener.ts";
import type { Log } from "../observe/log.ts";
import { AccessList, LOCAL_PREFIXES } from "../policy/access.ts";
import { TimeServerNames } from "../policy/wrong-clock.ts";
import { Arrivals } from "../resolver/arrivals.ts";
import { CachedAnswers } from "../resolver/cached-answers.ts";
import { Resolver } from "../resolver/resolver.ts";
import { UpstreamsByClock } from "../resolver/upstreams-by-clock.ts";
import type { Clock, Runtime, UdpEngine } from "../runtime/runtime.ts";
import { datesWaivedGroup, pinned } from "../upstream/dates-waived.ts";
import { bootstrapLookUp } from "../upstream/dial/bootstrap.ts";
import type { DotUpstreamParts } from "../upstream/dot/dot-upstream-parts.ts";
import { UpstreamGroup } from "../upstream/group/upstream-group.ts";
import type { SharedFigures } from "./figures.ts";
import { lifetimeLimits, limitsOf } from "./limits.ts";

export interface ServingParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly engine: UdpEngine;
  /** The roots to trust, PEM. */
  readonly roots: readonly string[];
  /** Where answers are kept; undefined: nowhere. */
  readonly memory: SharedArrayBuffer | undefined;
  readonly cacheTime: Pick<CacheTime, "at" | "msAt">;
  /** undefined: this is the only worker. */
  readonly share: WorkerShare | undefined;
}

/** Which of several workers this is, and what all count. */
export interface WorkerShare {
  /** From 0, the main thread. */
  readonly worker: number;
  readonly workers: number;
  readonly figures: SharedFigures;
}

export interface Serving {
  readonly resolver: Resolver;
  readonly upstreams: UpstreamGroup;
  readonly listeners: Listeners;
  readonly clients: TcpClients;
  readonly store: CacheStore | undefined;
  /** Connects to the upstreams; to be called once the listeners are open. */
  warm(): void;
  /** The way to the upstreams may have changed: connections are made anew, and failures of before say nothing. */
  renew(): void;
  /** Answers what is in flight within config.shutdownMs, closes the listeners, ends every connection. */
  stop(): Promise<void>;
}

/** Queries that had reached the host when the signal came are still read, and answered. */
const LAST_READS_MS = 20;

/** How long TCP clients have to take their last answers, once these are written. */
const LAST_WRITES_MS = 200;

/** Opens nothing yet: whoever calls opens the listeners. @throws Error if a root does not parse. */
export function makeServing(config: Config, parts: ServingParts): Serving {
  const { runtime, log, engine, roots, memory, cacheTime, share } = parts;
  const { clock, random } = runtime;
  const own = share?.figures.workers[share.worker];
  const limits = limitsOf(share?.workers ?? 1, config.maxInFlight);
  const server: Omit<DotUpstreamParts, "lookUp"> = {
    clock,
    random,
    log,
    trust: runtime.trustAnchors(roots),
    dialTls: runtime.dialTls,
    tlsHello: runtime.choosesHello ? config.tlsHello : "full",
    limits: limits.server,
  };
  const bootstrap = bootstrapLookUp(config.bootstrap, server, limits.set);
  const upstreams = new UpstreamGroup(
    config.upstreams,
    { ...server, lookUp: bootstrap.lookUp },
    { ...limits.set, strategy: config.strategy },
    own?.upstreams,
  );
  const upstreamsByClock = new UpstreamsByClock({
    clock,
    log,
    builtMs,
    strict: upstreams,
    timeServers: config.timeServers.length > 0 ? new TimeServerNames(config.timeServers) : undefined,
    datesWaived:
      pinned(config.upstreams).length === 0
        ? undefined
        : () => {
            const parts = { ...server, trust: runtime.trustAnchors(roots), lookUp: bootstrap.lookUp };
            return datesWaivedGroup(config.upstreams, parts, limits.set, builtMs);
          },
    onRight: () => resolver.forgetFailures(),
  });
  const store = memory && new CacheStore(memory, { random, worker: share?.worker ?? 0, isShared: share !== undefined });
  const resolver: Resolver = new Resolver({
    clock,
    upstreams: upstreamsByClock,
    access: new AccessList([...LOCAL_PREFIXES, ...config.allow]),
    answers:
      store &&
      new CachedAnswers({
        store,
        clock,
        time: cacheTime,
        lifetime: lifetimeLimits(config),
        staleSeconds: config.cacheStaleSeconds,
      }),
    queryTimeoutMs: config.queryTimeoutMs,
    staleAfterMs: defaults.staleAfterMs.value,
    maxInFlight: config.maxInFlight,
    maxWaiters: limits.maxWaiters,
    maxRefreshesSaved: limits.maxRefreshesSaved,
    failures: {
      firstMs: defaults.failureFirstMs.value,
      maxMs: defaults.failureMaxMs.value,
      recheckMs: defaults.failureRecheckMs.value,
    },
    maxUdpOctets: config.maxUdpOctets,
    ...(own && { counters: own.resolver }),
    ...(share && { waiting: share.figures.waitingOf(share.worker) }),
  });
  const arrivals = new Arrivals(resolver, store?.hash ?? keyedHash(random), store);
  const clients = new TcpClients({
    clock,
    limits: {
      idleMs: config.tcpIdleMs,
      maxConnections: config.tcpMaxConnections,
      maxPerClient: config.tcpMaxPerClient,
      maxPending: defaults.tcpMaxPending.value,
      maxUnsentOctets: defaults.tcpMaxUnsentOctets.value,
      maxUseless: defaults.tcpMaxUseless.value,
      ...limits.clients,
    },
    onQuery: arrivals.onQuery,
    onRefusing: (limit) => log.warn(`refusing TCP connections: ${limit} are open`),
    ...(own && { counters: own.tcp }),
    ...(share && { open: share.figures.openOf(share.worker) }),
  });
  const listeners = new Listeners({
    runtime,
    clock,
    log,
    engine,
    maxUdpOctets: config.maxUdpOctets,
    followMs: defaults.followMs.value,
    onBatch: arrivals.onBatch,
    clients,
    ...(own && { udpCounters: own.udp, shares: true }),
  });
  return {
    resolver,
    upstreams,
    listeners,
    clients,
    store,
    warm() {
      upstreamsByClock.look();
      upstreams.warm();
    },
    renew() {
      upstreams.renew();
      resolver.forgetFailures();
    },
    async stop() {
      await after(clock, LAST_READS_MS);
      resolver.stop();
      const clientsGone = clients.stop();
      // Nobody waits for refreshes.
      await upstreamsByClock.stop(resolver.waiting > 0 ? config.shutdownMs : 0);
      await bootstrap.stop();
      listeners.close();
      clock.after(LAST_WRITES_MS, () => clients.closeAll());
      await clientsGone;
    },
  };
}

function after(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
