/** The whole of fdns, put together: configuration in, a running forwarder out. */

import type { AdminParts } from "./admin/admin.ts";
import { CacheTime } from "./cache/cache-time.ts";
import { keyedHash } from "./cache/hash.ts";
import { CacheStore, cacheMemory } from "./cache/store.ts";
import { builtMs } from "./config/build-date.ts";
import type { Config } from "./config/config.ts";
import { defaults } from "./config/defaults.ts";
import { loadTrustedRoots } from "./config/trusted-roots.ts";
import { bindAdvice } from "./listener/bind-advice.ts";
import { describe, Listeners } from "./listener/listen.ts";
import { TcpClients } from "./listener/tcp-listener.ts";
import type { Log } from "./observe/log.ts";
import { AccessList, LOCAL_PREFIXES } from "./policy/access.ts";
import { TimeServerNames } from "./policy/wrong-clock.ts";
import { CachedAnswers } from "./resolver/cached-answers.ts";
import { Resolver } from "./resolver/resolver.ts";
import { UpstreamsByClock } from "./resolver/upstreams-by-clock.ts";
import type { HttpListener } from "./runtime/http-listen.ts";
import { BindError, type Clock, type Runtime } from "./runtime/runtime.ts";
import { type BootstrapLimits, bootstrapLookUp } from "./upstream/bootstrap.ts";
import { datesWaivedSet, pinned } from "./upstream/dates-waived.ts";
import type { ServerLimits, ServerParts } from "./upstream/dot-server.ts";
import { PathWatch } from "./upstream/path-watch.ts";
import { UpstreamSet } from "./upstream/upstream-set.ts";

export interface AppParts {
  readonly runtime: Runtime;
  readonly log: Log;
  /** Of fdns, as its metrics name it. */
  readonly version: string;
}

export interface RunningApp {
  /** What is listened on, ports as the kernel chose them. */
  readonly listening: readonly { readonly host: string; readonly port: number }[];
  /** Stops listening, answers what is in flight within config.shutdownMs, ends every connection. */
  stop(): Promise<void>;
}

export const setLimits: BootstrapLimits = {
  strategy: "ordered",
  minAttemptMs: defaults.upstreamAttemptMinMs.value,
  attemptMs: defaults.upstreamAttemptMs.value,
  maxResends: defaults.upstreamResends.value,
  lookUpMs: defaults.queryTimeoutMs.value,
};

export const serverLimits: ServerLimits = {
  connection: {
    dialMs: defaults.upstreamConnectMs.value,
    maxTakenIds: defaults.upstreamInFlight.value,
    maxUnsentOctets: defaults.upstreamUnsentOctets.value,
    maxUnsolicited: defaults.upstreamUnsolicited.value,
  },
  maxConnections: defaults.upstreamConnections.value,
  health: {
    redialMs: defaults.upstreamRedialMs.value,
    minBackOffMs: defaults.upstreamBackoffFirstMs.value,
    maxBackOffMs: defaults.upstreamBackoffMaxMs.value,
  },
  idle: { idleMs: defaults.upstreamIdleMs.value, maxIdleMs: defaults.upstreamIdleMaxMs.value },
  maxWaiting: defaults.upstreamWaiting.value,
  minSilenceMs: defaults.upstreamSilenceMinMs.value,
  maxSilenceMs: defaults.upstreamAttemptMs.value,
};

/** Queries that had reached the host when the signal came are still read, and answered. */
const LAST_READS_MS = 20;

/** How long TCP clients have to take their last answers, once these are written. */
const LAST_WRITES_MS = 200;

/** Starts fdns. Rejects with UsageError or an Error that an operator can act on; nothing is left open then. */
export async function start(config: Config, { runtime, log, version }: AppParts): Promise<RunningApp> {
  const { clock, random } = runtime;
  const roots = loadTrustedRoots(config.ca);
  const server: Omit<ServerParts, "lookUp"> = {
    clock,
    random,
    log,
    trust: runtime.trustAnchors(roots.pem),
    dialTls: runtime.dialTls,
    limits: serverLimits,
  };
  const bootstrap = bootstrapLookUp(config.bootstrap, server, setLimits);
  const upstreams = new UpstreamSet(
    config.upstreams,
    { ...server, lookUp: bootstrap.lookUp },
    {
      ...setLimits,
      strategy: config.strategy,
    },
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
            const parts = { ...server, trust: runtime.trustAnchors(roots.pem), lookUp: bootstrap.lookUp };
            return datesWaivedSet(config.upstreams, parts, setLimits, builtMs);
          },
  });
  const memory = config.cacheOctets === 0 ? undefined : cacheMemory(config.cacheOctets);
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
        lifetime: {
          minSeconds: config.cacheMinTtlSeconds,
          maxSeconds: config.cacheMaxTtlSeconds,
          maxNegativeSeconds: config.cacheMaxNegativeTtlSeconds,
        },
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
  const { engine, whyNotBatched } = await runtime.udpEngine(config.udpEngine);
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
  let isReady = false;
  const admin = await openAdmin(config.admin, {
    isReady: () => isReady,
    observed: {
      version,
      runtime: runtime.description,
      udpEngine: engine.name,
      startedMs: clock.wallMs(),
      resolver,
      cache: store?.counters,
      listeners,
      clients,
      upstreams: {
        get inFlight() {
          return upstreams.inFlight;
        },
        servers: upstreams.servers,
      },
    },
  });
  try {
    await listeners.open(config.listen);
  } catch (error) {
    await admin?.close();
    throw error instanceof BindError ? new Error(bindAdvice(error)) : error;
  }
  isReady = true;
  upstreamsByClock.look();
  upstreams.warm();
  const pathWatch = new PathWatch(clock, defaults.pathWatchMs.value, runtime.networkPath, (what) => {
    log.info(`${what}: connecting to the upstreams anew`);
    upstreams.renew();
  });
  log.info(`listening on ${listeners.bound.map(describe).join(", ")}`, {
    upstreams: config.upstreams.map(({ text }) => text).join(", "),
    chosenBy: config.defaultUpstreams ? "default" : "configuration",
    roots: roots.origin,
    udpEngine: engine.name,
    udpEngineReason: whyNotBatched,
    udpReceiveBufferOctets: listeners.receiveBufferOctets || undefined,
    runtime: runtime.description,
    admin: admin && `http://${describe(admin.address)}`,
  });
  return {
    listening: listeners.bound,
    async stop() {
      await after(clock, LAST_READS_MS);
      resolver.stop();
      pathWatch.stop();
      const clientsGone = clients.stop();
      // Nobody waits for refreshes.
      await upstreamsByClock.stop(resolver.waiting > 0 ? config.shutdownMs : 0);
      cacheTime.stop();
      await bootstrap.stop();
      listeners.close();
      clock.after(LAST_WRITES_MS, () => clients.closeAll());
      await clientsGone;
      await admin?.close();
    },
  };
}

/** Serves the admin's pages if that was asked for; nothing of them is loaded otherwise. */
async function openAdmin(address: Config["admin"], parts: AdminParts): Promise<HttpListener | undefined> {
  if (address === undefined) return undefined;
  return (await import("./admin/admin.ts")).openAdmin(address, parts);
}

function after(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
