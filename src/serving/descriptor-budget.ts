/** How many TCP clients there is room for, where this process may have fewer files and sockets open than they could take. */

import type { Config } from "../config/config.ts";
import { defaults } from "../config/defaults.ts";
import type { DescriptorLimit } from "../runtime/runtime.ts";

export interface Fitted {
  readonly config: Config;
  /** What was lowered to what and why, for the log; undefined: nothing. */
  readonly lowered: string | undefined;
}

/** UDP and TCP; a wildcard of a host with both families is two addresses. */
const SOCKETS_PER_ADDRESS = 4;
/** A connection of each upstream that is being made beside those it has, and one to the other address family. */
const DIALS_PER_UPSTREAM = 2;
/** Admin's page and the control socket, each with as many connections as it takes. */
const OTHER_LISTENERS = 2 * 17;

/** All that is not a TCP client keeps what it can need; of very few, clients get a quarter all the same. */
export function fitToDescriptors(config: Config, host: DescriptorLimit | undefined, workers: number): Fitted {
  const unchanged = { config, lowered: undefined };
  if (host === undefined) return unchanged;
  const upstreams = config.upstreams.length + config.bootstrap.length;
  const connections =
    upstreams * (Math.max(defaults.upstreamConnections.value, workers) + DIALS_PER_UPSTREAM * workers);
  const kept =
    defaults.sparedDescriptors.value * workers +
    config.listen.length * SOCKETS_PER_ADDRESS * workers +
    connections +
    OTHER_LISTENERS;
  const free = host.limit - host.inUse;
  const most = Math.max(1, Math.floor(free / 4), free - kept);
  if (most >= config.tcpMaxConnections) return unchanged;
  const lowered =
    `at most ${most} TCP clients at once instead of ${config.tcpMaxConnections}: this process may open ${host.limit} ` +
    "descriptors, some of which are kept for upstreams and files; ulimit -n or LimitNOFILE= gives more";
  return { config: { ...config, tcpMaxConnections: most }, lowered };
}
