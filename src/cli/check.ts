/**
 * `fdns check`: the configuration as it was understood, and whether serve could start with it on this host now. Leaves
 * nothing behind: each port is bound for a moment, no file is made, nobody is asked.
 */

import { builtMs } from "../config/build-date.ts";
import type { Config, UpstreamAddress } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { serveOptions } from "../config/options.ts";
import { formatAddressPrefix } from "../config/syntax/address-prefix.ts";
import { formatListenAddress } from "../config/syntax/listen-address.ts";
import { formatDuration, formatSeconds, formatSize } from "../config/syntax/values.ts";
import { escapeControls } from "../observe/log.ts";
import { environment, writeError, writeOut } from "../runtime/process.ts";
import type { Roots } from "../runtime/tls/trust-store.ts";
import { pinned } from "../upstream/dates-waived.ts";
import { type Command, exitCodes } from "./command.ts";
import { exitCodeOf, failureLine } from "./failure.ts";

export const check: Command = {
  options: Object.values(serveOptions),
  examples: [
    { line: "fdns check --upstream 9.9.9.9", meaning: "which name 9.9.9.9 must prove to be" },
    { line: "FDNS_LISTEN=:53 fdns check", meaning: "what the environment adds up to" },
  ],
  notes: [
    "Each address is bound for a moment, as serve would do: beside a running fdns on the same ports it says that they are in use, and as a user without the privilege that ports below 1024 are not permitted. Nobody is asked anything, and no file is made.",
  ],
  exitCodes: [
    { code: exitCodes.ok.code, meaning: "serve could start" },
    {
      code: exitCodes.failure.code,
      meaning: "this host does not let it: an address is in use, not permitted or not there",
    },
    { code: exitCodes.usage.code, meaning: exitCodes.usage.meaning },
  ],
  async run(args) {
    const { config, warnings } = loadConfig(args.values, environment());
    for (const warning of warnings) writeError(`fdns: warning: ${escapeControls(warning)}\n`);
    const [{ judgeStart }, { selectRuntime }] = await Promise.all([
      import("../start-checks.ts"),
      import("../runtime/select.ts"),
    ]);
    const { reasons, roots } = await judgeStart(config, selectRuntime());
    // What serve would end with: it meets them in this order.
    const exitCode = reasons.length === 0 ? exitCodes.ok.code : exitCodeOf(reasons[0]);
    if (roots !== undefined && exitCode !== exitCodes.usage.code)
      writeOut(configReport(config, roots, await workersLine(config)));
    for (const reason of reasons) writeError(failureLine(reason));
    return exitCode;
  },
};

/** One fact a line, each ended: what fdns would do with this configuration. */
function configReport(config: Config, roots: Pick<Roots, "origin" | "pem">, workers: string): string {
  const lines = [
    ...config.listen.map(listenLine),
    ...config.upstreams.map((upstream) => upstreamLine("upstream", upstream)),
    ...config.bootstrap.map((upstream) => upstreamLine("bootstrap", upstream)),
    ...(config.timeServers.length > 0 ? [timeServersLine(config)] : []),
    `roots: ${roots.pem.length} certificates from ${roots.origin}`,
    `allow: loopback, link-local and private addresses${config.allow.map((prefix) => `, ${formatAddressPrefix(prefix)}`).join("")}`,
    `UDP engine: ${config.udpEngine}; answers of at most ${config.maxUdpOctets} octets`,
    workers,
    `queries: ${config.maxInFlight} in flight, each at most ${formatDuration(config.queryTimeoutMs)}`,
    `TCP: ${config.tcpMaxConnections} connections, ${config.tcpMaxPerClient} a client, closed after ${formatDuration(config.tcpIdleMs)} idle`,
    cacheLine(config),
    `stop: within ${formatDuration(config.shutdownMs)}`,
    `control: ${config.control?.path ?? "off"}`,
    ...(config.admin === undefined ? [] : [`admin: http://${formatListenAddress(config.admin)}`]),
    `log: ${config.logFormat}, ${config.logLevel}`,
  ];
  return lines.map((line) => `${escapeControls(line)}\n`).join("");
}

function listenLine(address: Config["listen"][number]): string {
  const scope = address.host === "*" ? " (every local address)" : "";
  const skipped = address.optional ? " (skipped if the host lacks its family)" : "";
  return `listen: ${formatListenAddress(address)}${scope}${skipped}`;
}

/** What "auto" comes to is a fact of this host and its limits. */
async function workersLine({ workers }: Config): Promise<string> {
  if (workers !== "auto") return `workers: ${workers}`;
  return `workers: auto, ${await (await import("../runtime/host/cores.ts")).usableCores()} here`;
}

function timeServersLine({ timeServers, upstreams }: Config): string {
  const over = pinned(upstreams).map(({ text }) => text);
  const means = over.length > 0 ? `over ${over.join(", ")}` : "over nothing: no upstream has a pin";
  return `time servers: ${timeServers.join(", ")}; while the clock is before ${new Date(builtMs).toISOString().slice(0, 10)}, ${means}`;
}

function cacheLine(config: Config): string {
  if (config.cacheOctets === 0) return "cache: off";
  const [least, most] = [formatSeconds(config.cacheMinTtlSeconds), formatSeconds(config.cacheMaxTtlSeconds)];
  const negative = `negative ones at most ${formatSeconds(config.cacheMaxNegativeTtlSeconds)}`;
  const stale = config.cacheStaleSeconds === 0 ? "never stale" : `stale for ${formatSeconds(config.cacheStaleSeconds)}`;
  const file = config.cacheFile === undefined ? "" : `; kept in ${config.cacheFile}`;
  return `cache: ${formatSize(config.cacheOctets)}; answers for ${least} to ${most}, ${negative}, ${stale}${file}`;
}

function upstreamLine(role: string, upstream: UpstreamAddress): string {
  const { addresses, adn, hostName, port, spkiPins } = upstream;
  const place =
    hostName === undefined ? addresses.join(", ") : `the addresses of ${hostName}, resolved over --bootstrap`;
  const identity = adn === undefined ? "the address (IP SAN)" : `the name ${adn}`;
  const pins = spkiPins.length === 0 ? "" : ` and one of ${spkiPins.length} pinned keys`;
  return `${role}: ${upstream.text}: port ${port} at ${place}; its certificate must carry ${identity}${pins}`;
}
