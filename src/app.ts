/** The whole of fdns, put together: configuration in, a running forwarder out. */

import type { AdminParts } from "./admin/admin.ts";
import { CacheTime } from "./cache/cache-time.ts";
import { CacheFile } from "./cache/file/cache-file.ts";
import { cacheMemory } from "./cache/store/store.ts";
import type { Config } from "./config/config.ts";
import { defaults } from "./config/defaults.ts";
import { loadTrustedRoots } from "./config/trusted-roots.ts";
import type { CacheParts } from "./control/cache-orders.ts";
import type { Log } from "./observe/log.ts";
import type { HttpListener } from "./runtime/net/http-listen.ts";
import type { UnixListener } from "./runtime/net/unix-listen.ts";
import type { Clock, Runtime, UdpEngine } from "./runtime/runtime.ts";
import { formatSocketAddress } from "./runtime/sockaddr.ts";
import { fitToDescriptors } from "./serving/descriptor-budget.ts";
import { lifetimeLimits } from "./serving/limits.ts";
import { observe } from "./serving/observe.ts";
import { makeServing, type Serving } from "./serving/serving.ts";
import type { Workers } from "./serving/workers.ts";
import { requireStartable } from "./start-checks.ts";
import { PathWatch } from "./upstream/path-watch.ts";

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

/** Starts fdns. Rejects with UsageError or an Error that an operator can act on; nothing is left open then. */
export async function start(wanted: Config, { runtime, log: processLog, version }: AppParts): Promise<RunningApp> {
  const { clock } = runtime;
  const roots = loadTrustedRoots(wanted.ca);
  await requireStartable(wanted, runtime);
  const memory = wanted.cacheOctets === 0 ? undefined : cacheMemory(wanted.cacheOctets);
  if (memory !== undefined) await runtime.adviseHugePages(memory);
  const { engine, whyNotBatched } = await runtime.udpEngine(wanted.udpEngine);
  const workers = await prepareWorkers(wanted, engine, clock, processLog);
  const log = workers?.ownLog ?? processLog;
  const { config, lowered } = fitToDescriptors(wanted, await runtime.descriptorLimit(), workers?.count ?? 1);
  const cacheTime = new CacheTime({ clock, uptimeMs: runtime.uptimeMs, ...(workers && { shift: workers.shift }) });
  const common = { roots: roots.pem, memory };
  const serving = makeServing(config, { ...common, runtime, log, engine, cacheTime, share: workers?.ownShare });
  const { upstreams, listeners, store } = serving;
  let isReady = false;
  const startedMs = clock.wallMs();
  const identity = { version, runtime: runtime.description, udpEngine: engine.name, startedMs };
  const admin = await openAdmin(config.admin, {
    isReady: () => isReady,
    observed: () => ({ ...identity, ...observe(serving, workers?.figures) }),
  });
  try {
    await listeners.open(config.listen);
  } catch (error) {
    await admin?.close();
    throw error;
  }
  isReady = true;
  serving.warm();
  workers?.start({ ...common, config, sockets: listeners.shared }, store);
  const endEasing = runtime.easeBackgroundThreads();
  const endBounding = await runtime.boundGarbage();
  const cacheFile = openCacheFile(config, serving, cacheTime, runtime, log);
  const onFlush = () => {
    serving.resolver.forgetFailures();
    workers?.tell("forget");
    cacheFile?.flushed();
  };
  const cache = store && {
    store,
    time: cacheTime,
    staleSeconds: config.cacheStaleSeconds,
    figures: () => observe(serving, workers?.figures).resolver.counters.ofCache,
    onFlush,
  };
  const control = await openControl(config.control, cache, runtime, log);
  // Of other workers' connections nothing is known here.
  const isAtStake = () => workers !== undefined || !upstreams.isAtRest;
  const networkPath = await runtime.openNetworkPath();
  const pathWatch = new PathWatch(clock, isAtStake, networkPath.now, (what) => {
    log.info(`${what}: connecting to the upstreams anew`);
    serving.renew();
    workers?.tell("renew");
  });
  if (lowered !== undefined) log.warn(lowered);
  if (networkPath.whyNotListed !== undefined) {
    const reason = networkPath.whyNotListed;
    log.info("this host does not list its addresses (AF_NETLINK may be forbidden): they are read from /proc", {
      reason,
    });
  }
  log.info(`listening on ${listeners.bound.map(formatSocketAddress).join(", ")}`, {
    upstreams: config.upstreams.map(({ text }) => text).join(", "),
    chosenBy: config.defaultUpstreams ? "default" : "configuration",
    roots: roots.origin,
    udpEngine: engine.name,
    udpEngineReason: whyNotBatched,
    udpReceiveBufferOctets: listeners.receiveBufferOctets || undefined,
    workers: workers?.count,
    runtime: runtime.description,
    admin: admin && `http://${formatSocketAddress(admin.address)}`,
  });
  return {
    listening: listeners.bound,
    async stop() {
      pathWatch.stop();
      networkPath.close();
      endEasing();
      endBounding();
      await control?.close();
      await Promise.all([serving.stop(), workers?.stop()]);
      await cacheFile?.stop();
      cacheTime.stop();
      await admin?.close();
    },
  };
}

/** Restores the cache while queries are answered, and keeps it from then on, if that was asked for. */
function openCacheFile(
  config: Config,
  { store }: Serving,
  cacheTime: CacheTime,
  { files, clock }: Runtime,
  log: Log,
): CacheFile | undefined {
  const { cacheFile: path, cacheStaleSeconds: staleSeconds } = config;
  if (path === undefined || store === undefined) return undefined;
  const file = new CacheFile({
    path,
    everyMs: defaults.cacheFileEveryMs.value,
    files,
    clock,
    log,
    store,
    time: cacheTime,
    staleSeconds,
    limits: lifetimeLimits(config),
  });
  void file.start();
  return file;
}

/** Takes orders from `fdns cache`, where there can be a socket for them. */
async function openControl(
  address: Config["control"],
  cache: CacheParts | undefined,
  { clock }: Runtime,
  log: Log,
): Promise<UnixListener | undefined> {
  if (address === undefined) return undefined;
  const [control, { cacheOrders }] = await Promise.all([
    import("./control/control.ts"),
    import("./control/cache-orders.ts"),
  ]);
  return control.openControl(address, { clock, log, onOrder: cacheOrders(cache, clock) });
}

/** What several workers share; undefined for one, for which nothing of it is loaded. */
async function prepareWorkers(config: Config, engine: UdpEngine, clock: Clock, log: Log): Promise<Workers | undefined> {
  if (config.workers === 1) return undefined;
  const count =
    config.workers === "auto" ? await (await import("./runtime/host/cores.ts")).usableCores() : config.workers;
  if (count === 1) return undefined;
  if (!engine.shares) {
    log.warn(`one worker instead of ${count}: sockets of the ${engine.name} UDP engine cannot share a port`);
    return undefined;
  }
  const [{ Workers }, { startThread }, { relayReadiness }] = await Promise.all([
    import("./serving/workers.ts"),
    import("./runtime/threads.ts"),
    import("./runtime/udp/readiness-relay.ts"),
  ]);
  return new Workers(count, config, { clock, log, startThread, relayTo: await relayReadiness() });
}

/** Serves the admin's pages if that was asked for; nothing of them is loaded otherwise. */
async function openAdmin(address: Config["admin"], parts: AdminParts): Promise<HttpListener | undefined> {
  if (address === undefined) return undefined;
  return (await import("./admin/admin.ts")).openAdmin(address, parts);
}
