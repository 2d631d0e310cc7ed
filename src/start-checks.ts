/**
 * What this host must have for fdns to start with a configuration: the one list that serve and check go by. What the
 * configuration contradicts by itself is found earlier, when it is read (config/load.ts).
 */

import { type Config, UsageError } from "./config/config.ts";
import { loadTrustedRoots } from "./config/trusted-roots.ts";
import { Listeners } from "./listener/listen.ts";
import { quoted } from "./observe/quoted.ts";
import { silentLog } from "./observe/silent-log.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { Roots } from "./runtime/tls/trust-store.ts";
import { refuseForeignCacheFile, refuseForeignSocket } from "./serving/own-paths.ts";

/** Rejects with what an operator can act on. Opens nothing, makes nothing. */
type StartCheck = (config: Config, runtime: Runtime) => Promise<unknown>;

const startChecks: readonly StartCheck[] = [
  (config, { files }) => refuseForeignCacheFile(config, files),
  (config) => refuseForeignSocket(config),
  async ({ cacheFile, cacheOctets }, runtime) => {
    if (cacheFile !== undefined && cacheOctets > 0) await requireFolder("--cache-file", cacheFile, runtime);
  },
  async ({ control }, runtime) => {
    if (control?.isNamed) await requireFolder("--control", control.path, runtime);
  },
];

/** Rejects with the first reason not to start, the roots aside, which whoever starts loads; before anything is opened. */
export async function requireStartable(config: Config, runtime: Runtime): Promise<void> {
  for (const check of startChecks) await check(config, runtime);
}

export interface StartVerdict {
  /** All the reasons not to start, in the order in which serve meets them. */
  readonly reasons: readonly unknown[];
  /** Handed on, as a pipe can be read only once; undefined if they cannot be had, which is then a reason. */
  readonly roots: Roots | undefined;
}

/** Whether fdns could start here. Each address is bound, and free again at once. */
export async function judgeStart(config: Config, runtime: Runtime): Promise<StartVerdict> {
  const reasons: unknown[] = [];
  const attempt = <T>(work: Promise<T>): Promise<T | undefined> =>
    work.catch((reason: unknown) => {
      reasons.push(reason);
      return undefined;
    });
  const roots = await attempt((async () => loadTrustedRoots(config.ca))());
  for (const check of startChecks) await attempt(check(config, runtime));
  await attempt(bindOnce(config, runtime));
  await attempt(bindAdminOnce(config.admin));
  return { reasons, roots };
}

async function bindOnce({ listen, udpEngine, maxUdpOctets }: Config, runtime: Runtime): Promise<void> {
  const { engine } = await runtime.udpEngine(udpEngine);
  const listeners = new Listeners({
    runtime,
    clock: runtime.clock,
    log: silentLog,
    engine,
    maxUdpOctets,
    // Longer than the sockets live.
    followMs: 60_000,
    onBatch: () => {},
    clients: { accept: () => undefined },
  });
  await listeners.open(listen);
  listeners.close();
}

async function bindAdminOnce(address: Config["admin"]): Promise<void> {
  if (address === undefined) return;
  const { listenHttp } = await import("./runtime/net/http-listen.ts");
  await (await listenHttp({ address, pages: {} })).close();
}

async function requireFolder(flag: string, path: string, { files }: Runtime): Promise<void> {
  const why = await files.whyNotWritable(path);
  if (why !== undefined) throw new UsageError(`${flag}: ${quoted(path)}: ${why}; expected a path in a writable folder`);
}
