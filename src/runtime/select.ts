/** Which runtime is underneath, put together from the parts that differ. */

import { systemClock, systemRandom } from "./clock.ts";
import { files } from "./files/files.ts";
import { easeBackgroundThreads } from "./host/background-threads.ts";
import { descriptorLimit } from "./host/descriptors.ts";
import { boundGarbage } from "./host/garbage.ts";
import { adviseHugePages } from "./host/huge-pages.ts";
import { hostInterfaces } from "./host/interfaces.ts";
import { openNetworkPath } from "./host/network-path.ts";
import { uptimeMs } from "./host/uptime.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { listenTcp } from "./net/streams.ts";
import type { Clock, LocalAddress, Runtime } from "./runtime.ts";
import { choosesHello, dialTls, trustAnchors } from "./tls/dial.ts";
import { batchedUdpEngine } from "./udp/batched.ts";
import { Doze } from "./udp/doze.ts";
import { checkCalls } from "./udp/needed-calls.ts";
import { portableUdpEngine } from "./udp/portable.ts";

export function selectRuntime(): Runtime {
  return {
    description: description(),
    clock: systemClock,
    random: systemRandom,
    udpEngine: async (wanted) => {
      if (wanted === "portable") return { engine: portableUdpEngine(), whyNotBatched: undefined };
      try {
        const libc = await loadLibc();
        checkCalls(libc);
        return { engine: batchedUdpEngine(libc, await openDoze(libc)), whyNotBatched: undefined };
      } catch (error) {
        if (wanted === "batched") throw error;
        return { engine: portableUdpEngine(), whyNotBatched: (error as Error).message };
      }
    },
    listenTcp,
    dialTls,
    choosesHello,
    trustAnchors,
    localAddresses,
    descriptorLimit,
    openNetworkPath: async () => openNetworkPath(await loadLibc().catch(() => undefined)),
    uptimeMs,
    files,
    adviseHugePages: async (memory) => {
      const libc = await loadLibc().catch(() => undefined);
      if (libc !== undefined) adviseHugePages(libc, memory);
    },
    easeBackgroundThreads: easing,
    boundGarbage: bounding,
  };
}

/** Only Bun has such threads that nobody waits for: Deno collects garbage on those on which it compiles. */
function easing(): () => void {
  if (process.versions.bun === undefined) return () => {};
  return easeBackgroundThreads(systemClock, async () => {
    const [{ libraryName }, { openScheduling }] = await Promise.all([loadLibc(), import("./bun.ts")]);
    return openScheduling(libraryName);
  });
}

/** Deno's event loop has no descriptor that is known. */
async function openDoze(libc: Libc): Promise<Doze | undefined> {
  if (process.versions.bun === undefined) return undefined;
  const loop = await (await import("./bun.ts")).loopDescriptor();
  return loop === undefined ? undefined : new Doze(libc, loop, systemClock.nowMs);
}

/** Deno's V8 collects young objects after every few MiB of them. */
async function bounding(): Promise<() => void> {
  if (process.versions.bun === undefined) return () => {};
  return boundGarbage(systemClock, (await import("./bun.ts")).ownHeap);
}

/**
 * What a further worker's thread runs on: it tells the time of the main thread's clock, and its sockets wait in `places`
 * for a wakeAll(), which the main thread asks for. @throws Error (as a rejection) where the C library cannot be called
 */
export async function threadRuntime(
  clock: Clock,
  places: Int32Array,
): Promise<{ runtime: Runtime; wakeAll: () => void }> {
  const [libc, { relayedReadiness }] = await Promise.all([loadLibc(), import("./udp/readiness-relay.ts")]);
  const { readiness, wakeAll } = relayedReadiness(libc, places);
  const engine = batchedUdpEngine(libc, await openDoze(libc), readiness);
  const udpEngine = async () => ({ engine, whyNotBatched: undefined });
  return { runtime: { ...selectRuntime(), clock, udpEngine }, wakeAll };
}

/** "bun 1.4.5" or "deno 2.9.6". Deno answers for Node's version too, so it is asked first. */
function description(): string {
  const { deno, bun, node } = process.versions;
  if (deno !== undefined) return `deno ${deno}`;
  return bun === undefined ? `node ${node}` : `bun ${bun}`;
}

function localAddresses(): LocalAddress[] {
  const found: LocalAddress[] = [];
  for (const [interfaceName, addresses] of Object.entries(hostInterfaces().interfaces)) {
    for (const { address, family, ...rest } of addresses ?? []) {
      const scopeId = "scopeid" in rest ? (rest.scopeid ?? 0) : 0;
      found.push({ host: address, family: family === "IPv6" ? 6 : 4, scopeId, interfaceName });
    }
  }
  return found;
}
