/** What one worker runs, put together: from the sockets of clients to the connections of upstreams and back. */

import { CacheTime } from "../cache/cache-time.ts";
import { keyedHash } from "../cache/hash.ts";
import { CacheStore } from "../cache/store.ts";
import { builtMs } from "../config/build-date.ts";
import type { Config } from "../config/config.ts";
import { defaults } from "../config/defaults.ts";
import { Listeners } from "../listener/listen.ts";
import { TcpClients } from "../listener/tcp-listener.ts";
import type { Log } from "../observe/log.ts";
import { AccessList, LOCAL_PREFIXES } from "../policy/access.ts";
import { TimeServerNames } from "../policy/wrong-clock.ts";
import { CachedAnswers } from "../resolver/cached-answers.ts";
import { Resolver } from "../resolver/resolver.ts";
import { UpstreamsByClock } from "../resolver/upstreams-by-clock.ts";
import type { Clock, Runtime, UdpEngine } from "../runtime/runtime.ts";
import { bootstrapLookUp } from "../upstream/bootstrap.ts";
import { datesWaivedSet, pinned } from "../upstream/dates-waived.ts";
import type { ServerParts } from "../upstream/dot-server.ts";
import { UpstreamSet } from "../upstream/upstream-set.ts";
import { lifetimeLimits, serverLimits, setLimits } from "./limits.ts";

export interface ServingParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly engine: UdpEngine;
  /** The roots to trust, PEM. */
  readonly roots: readonly string[];
  /** Where answers are kept; undefined: nowhere. */
  readonly memory: SharedArrayBuffer | undefined;
}

export interface Serving {
  readonly resolver: Resolver;
  readonly upstreams: UpstreamSet;
  readonly listeners: Listeners;
  readonly clients: TcpClients;
  readonly store: CacheStore | undefined;
  readonly cacheTime: CacheTime;
  /** Connects to the upstreams; to be called once the listeners are open. */
  warm(): void;
  /** Answers what is in flight within config.shutdownMs, closes the listeners, ends every connection. */
  stop(): Promise<void>;
}

/** Queries that had reached the host when the signal came are still read, and answered. */
const LAST_READS_MS = 20;

/** How long TCP clients have to take their last answers, once these are written. */
const LAST_WRITES_MS = 200;

/** Opens nothing yet: whoever calls opens the listeners. @throws Error if a root does not parse. */
export function makeServing(config: Config, { runtime, log, engine, roots, memory }: ServingParts): Serving {
  const { clock, random } = runtime;
  const server: Omit<ServerParts, "lookUp"> = {
    clock,
    random,
    log,
    trust: runtime.trustAnchors(roots),
    dialTls: runtime.dialTls,
    limits: serverLimits,
  };
  const bootstrap = bootstrapLookUp(config.bootstrap, server, setLimits);
  const upstreams = new UpstreamSet(
    config.upstreams,
    { ...server, lookUp: bootstrap.lookUp },
    { ...setLimits, strategy: config.strategy },
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
            return datesWaivedSet(config.upstreams, parts, setLimits, builtMs);
          },
  });
  const store = memory && new CacheStore(memory, { random });
  const cacheTime = new CacheTime({ clock, uptimeMs: runtime.uptimeMs });
  const resolver = new Resolver({
    clock,
    upstreams: upstreamsByClock,
    access: new AccessList([...LOCAL_PREFIXES, ...config.allow]),
    hash: store === undefined ? keyedHash(random) : (question, octets, flags) => store.hash(question, octets, flags),
    answers:
      store &&
      new CachedAnswers({
        store,
        time: cacheTime,
        lifetime: lifetimeLimits(config),
        staleSeconds: config.cacheStaleSeconds,
      }),
    queryTimeoutMs: config.queryTimeoutMs,
    staleAfterMs: defaults.staleAfterMs.value,
    maxInFlight: config.maxInFlight,
    maxWaiters: defaults.maxWaiters.value,
    failures: {
      firstMs: defaults.failureFirstMs.value,
      maxMs: defaults.failureMaxMs.value,
      recheckMs: defaults.failureRecheckMs.value,
    },
    maxUdpOctets: config.maxUdpOctets,
  });
  const clients = new TcpClients({
    clock,
    limits: {
      idleMs: config.tcpIdleMs,
      maxConnections: config.tcpMaxConnections,
      maxPerClient: config.tcpMaxPerClient,
      maxPending: defaults.tcpMaxPending.value,
      maxUnsentOctets: defaults.tcpMaxUnsentOctets.value,
    },
    onQuery: resolver.handle,
    onRefusing: (limit) => log.warn(`refusing TCP connections: ${limit} are open`),
  });
  const listeners = new Listeners({
    runtime,
    clock,
    log,
    engine,
    maxUdpOctets: config.maxUdpOctets,
    followMs: defaults.followMs.value,
    onQuery: resolver.handle,
    clients,
  });
  return {
    resolver,
    upstreams,
    listeners,
    clients,
    store,
    cacheTime,
    warm() {
      upstreamsByClock.look();
      upstreams.warm();
    },
    async stop() {
      await after(clock, LAST_READS_MS);
      resolver.stop();
      const clientsGone = clients.stop();
      // Nobody waits for refreshes.
      await upstreamsByClock.stop(resolver.waiting > 0 ? config.shutdownMs : 0);
      cacheTime.stop();
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
