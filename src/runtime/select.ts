/** Which runtime is underneath, put together from the parts that differ. */

import * as os from "node:os";
import { systemClock, systemRandom } from "./clock.ts";
import { files } from "./files.ts";
import { loadLibc } from "./libc.ts";
import { networkPath } from "./network-path.ts";
import type { LocalAddress, Runtime } from "./runtime.ts";
import { listenTcp } from "./streams.ts";
import { dialTls, trustAnchors } from "./tls-dial.ts";
import { batchedUdpEngine } from "./udp-batched.ts";
import { portableUdpEngine } from "./udp-portable.ts";
import { uptimeMs } from "./uptime.ts";

export function selectRuntime(): Runtime {
  return {
    description: description(),
    clock: systemClock,
    random: systemRandom,
    udpEngine: async (wanted) => {
      if (wanted === "portable") return { engine: portableUdpEngine(), whyNotBatched: undefined };
      try {
        return { engine: batchedUdpEngine(await loadLibc()), whyNotBatched: undefined };
      } catch (error) {
        if (wanted === "batched") throw error;
        return { engine: portableUdpEngine(), whyNotBatched: (error as Error).message };
      }
    },
    listenTcp,
    dialTls,
    trustAnchors,
    localAddresses,
    networkPath,
    uptimeMs,
    files,
  };
}

/** "bun 1.4.5" or "deno 2.9.6". Deno answers for Node's version too, so it is asked first. */
function description(): string {
  const { deno, bun, node } = process.versions;
  if (deno !== undefined) return `deno ${deno}`;
  return bun === undefined ? `node ${node}` : `bun ${bun}`;
}

function localAddresses(): LocalAddress[] {
  const found: LocalAddress[] = [];
  for (const [interfaceName, addresses] of Object.entries(os.networkInterfaces())) {
    for (const { address, family, ...rest } of addresses ?? []) {
      const scopeId = "scopeid" in rest ? (rest.scopeid ?? 0) : 0;
      found.push({ host: address, family: family === "IPv6" ? 6 : 4, scopeId, interfaceName });
    }
  }
  return found;
}
