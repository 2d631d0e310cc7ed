/** The whole of fdns, put together: configuration in, a running forwarder out. */

import type { AdminParts } from "./admin/admin.ts";
import { CacheFile } from "./cache/cache-file.ts";
import { cacheMemory } from "./cache/store.ts";
import type { Config } from "./config/config.ts";
import { defaults } from "./config/defaults.ts";
import { loadTrustedRoots } from "./config/trusted-roots.ts";
import { bindAdvice } from "./listener/bind-advice.ts";
import { describe } from "./listener/listen.ts";
import type { Log } from "./observe/log.ts";
import type { HttpListener } from "./runtime/http-listen.ts";
import { BindError, type Runtime } from "./runtime/runtime.ts";
import type { UnixListener } from "./runtime/unix-listen.ts";
import { lifetimeLimits } from "./serving/limits.ts";
import { makeServing, type Serving } from "./serving/serving.ts";
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
export async function start(config: Config, { runtime, log, version }: AppParts): Promise<RunningApp> {
  const { clock } = runtime;
  const roots = loadTrustedRoots(config.ca);
  const memory = config.cacheOctets === 0 ? undefined : cacheMemory(config.cacheOctets);
  const { engine, whyNotBatched } = await runtime.udpEngine(config.udpEngine);
  const serving = makeServing(config, { runtime, log, engine, roots: roots.pem, memory });
  const { resolver, upstreams, listeners, clients, store } = serving;
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
  serving.warm();
  const cacheFile = openCacheFile(config, serving, runtime, log);
  const control = await openControl(config.control, serving, cacheFile, runtime, log, config.cacheStaleSeconds);
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
      pathWatch.stop();
      await control?.close();
      await serving.stop();
      await cacheFile?.stop();
      await admin?.close();
    },
  };
}

/** Restores the cache while queries are answered, and keeps it from then on, if that was asked for. */
function openCacheFile(
  config: Config,
  { store, cacheTime }: Serving,
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
  { store, cacheTime, resolver }: Serving,
  cacheFile: CacheFile | undefined,
  { clock }: Runtime,
  log: Log,
  staleSeconds: number,
): Promise<UnixListener | undefined> {
  if (address === undefined) return undefined;
  const [control, { cacheOrders }] = await Promise.all([
    import("./control/control.ts"),
    import("./control/cache-orders.ts"),
  ]);
  const cache = store && {
    store,
    time: cacheTime,
    staleSeconds,
    figures: () => resolver.counters.ofCache,
    onFlush: () => {
      resolver.forgetFailures();
      cacheFile?.flushed();
    },
  };
  return control.openControl(address, { clock, log, onOrder: cacheOrders(cache, clock) });
}

/** Serves the admin's pages if that was asked for; nothing of them is loaded otherwise. */
async function openAdmin(address: Config["admin"], parts: AdminParts): Promise<HttpListener | undefined> {
  if (address === undefined) return undefined;
  return (await import("./admin/admin.ts")).openAdmin(address, parts);
}
