/** The one table of what can be configured: each a flag and an environment variable, with one parser. */

import { quoted } from "../observe/quoted.ts";
import { type CaSource, type Config, strategies, UsageError } from "./config.ts";
import type { Tunable } from "./defaults/tunable.ts";
import { defaults } from "./defaults.ts";
import { defaultUpstreamNames } from "./known-resolvers.ts";
import { parseAddressPrefix } from "./syntax/address-prefix.ts";
import { parseAdminAddress } from "./syntax/admin-address.ts";
import { DEFAULT_CONTROL_PATH, parseControlPath } from "./syntax/control-path.ts";
import { parseHostName } from "./syntax/host-and-port.ts";
import { parseListenAddress } from "./syntax/listen-address.ts";
import { parseUpstreamAddress, UPSTREAM_SYNTAX } from "./syntax/upstream-address.ts";
import { parseAllowedUpstream } from "./syntax/upstream-allow.ts";
import {
  autoOr,
  countOf,
  durationOf,
  formatDuration,
  formatSeconds,
  formatSize,
  oneOf,
  secondsOf,
  sizeOf,
} from "./syntax/values.ts";

/** One option of `fdns serve`; the shape the command line reads and prints (cli/arguments.ts). */
export interface ServeOption<Value> {
  /** The flag without its dashes. Never "port": Kubernetes sets FDNS_PORT for a Service called fdns. */
  readonly name: string;
  readonly kind: "value" | "list";
  readonly valueName: string;
  readonly description: string;
  readonly defaultText: string;
  /** Reads one value (of a list: one item). @throws UsageError that names the value and what is allowed. */
  readonly parse: (text: string) => Value;
}

function list<Value>(option: Omit<ServeOption<Value>, "kind">): ServeOption<Value> & { kind: "list" } {
  return { ...option, kind: "list" };
}

function single<Value>(option: Omit<ServeOption<Value>, "kind">): ServeOption<Value> & { kind: "value" } {
  return { ...option, kind: "value" };
}

function duration(name: string, description: string, tunable: Tunable) {
  const defaultText = formatDuration(tunable.value);
  return single({ name, valueName: "DURATION", description, defaultText, parse: durationOf(tunable) });
}

function seconds(name: string, description: string, tunable: Tunable) {
  const defaultText = formatSeconds(tunable.value);
  return single({ name, valueName: "DURATION", description, defaultText, parse: secondsOf(tunable) });
}

function count(name: string, valueName: string, description: string, tunable: Tunable) {
  return single({ name, valueName, description, defaultText: String(tunable.value), parse: countOf(tunable) });
}

export const serveOptions = {
  listen: list({
    name: "listen",
    valueName: "ADDRESS",
    description: "Where to listen, UDP and TCP; :53 is every local address",
    defaultText: "127.0.0.1:53 and [::1]:53",
    parse: parseListenAddress,
  }),
  upstream: list({
    name: "upstream",
    valueName: "UPSTREAM",
    description: `Whom to ask: ${UPSTREAM_SYNTAX}`,
    defaultText: defaultUpstreamNames.join(" and "),
    parse: parseUpstreamAddress,
  }),
  strategy: single({
    name: "strategy",
    valueName: "STRATEGY",
    description: "Which is asked: fastest, ordered (the first), balanced (the least busy) or sticky (one a site)",
    defaultText: "fastest",
    parse: oneOf(...strategies),
  }),
  bootstrap: list({
    name: "bootstrap",
    valueName: "UPSTREAM",
    description: "Whom to ask, over TLS too, for the addresses of upstreams given by name",
    defaultText: "none",
    parse: parseUpstreamAddress,
  }),
  upstreamAllow: list({
    name: "upstream-allow",
    valueName: "ADDRESS|NAME",
    description: "The only upstreams and bootstrap servers permitted, however they are given",
    defaultText: "all",
    parse: parseAllowedUpstream,
  }),
  timeServer: list({
    name: "time-server",
    valueName: "NAME",
    description: "Names to resolve even with a clock that is behind, over pinned upstreams",
    defaultText: "none",
    parse: parseTimeServer,
  }),
  caFile: single({
    name: "ca-file",
    valueName: "PATH|system|bundled",
    description: "The roots to trust: a PEM file, the host's store, or the built-in ones",
    defaultText: "the host's store, else the built-in ones",
    parse: parseCaSource,
  }),
  tlsHello: single({
    name: "tls-hello",
    valueName: "auto|small|full",
    description: "The size of TLS's first message; auto: small where the one with a post-quantum key share fails",
    defaultText: "auto",
    parse: oneOf<Config["tlsHello"]>("auto", "small", "full"),
  }),
  allow: list({
    name: "allow",
    valueName: "PREFIX",
    description: "Who may ask besides loopback, link-local and private addresses",
    defaultText: "nobody else",
    parse: parseAddressPrefix,
  }),
  udpEngine: single({
    name: "udp-engine",
    valueName: "auto|batched|portable",
    description: "How UDP is spoken: recvmmsg(2) and sendmmsg(2), or the runtime's own sockets",
    defaultText: "auto: batched where it can be had",
    parse: oneOf<Config["udpEngine"]>("auto", "batched", "portable"),
  }),
  workers: single({
    name: "workers",
    valueName: "COUNT|auto",
    description: "How many threads answer, on one port and one cache; auto: one a core, within a container's limit",
    defaultText: String(defaults.workers.value),
    parse: autoOr(countOf(defaults.workers)),
  }),
  maxUdpSize: count(
    "max-udp-size",
    "OCTETS",
    "The longest answer over UDP; TC is set on longer ones",
    defaults.maxUdpOctets,
  ),
  queryTimeout: duration("query-timeout", "How long a query may take before SERVFAIL", defaults.queryTimeoutMs),
  maxInFlight: count("max-in-flight", "COUNT", "How many queries may wait for upstreams at once", defaults.maxInFlight),
  tcpIdle: duration("tcp-idle", "How long a client's connection may stay idle", defaults.tcpIdleMs),
  tcpConnections: count("tcp-connections", "COUNT", "How many clients' connections in all", defaults.tcpMaxConnections),
  tcpConnectionsPerClient: count(
    "tcp-connections-per-client",
    "COUNT",
    "How many connections one client address may have",
    defaults.tcpMaxPerClient,
  ),
  shutdownTimeout: duration("shutdown-timeout", "How long to finish what is in flight on SIGTERM", defaults.shutdownMs),
  cacheSize: single({
    name: "cache-size",
    valueName: "OCTETS",
    description: "How much memory the cache may take, as 64MiB or 1GiB; 0 turns it off",
    defaultText: formatSize(defaults.cacheOctets.value),
    parse: sizeOf(defaults.cacheOctets),
  }),
  cacheMinTtl: seconds(
    "cache-min-ttl",
    "Keep answers for at least so long, whatever their TTL",
    defaults.cacheMinTtlSeconds,
  ),
  cacheMaxTtl: seconds("cache-max-ttl", "Keep answers no longer, whatever their TTL", defaults.cacheMaxTtlSeconds),
  cacheMaxNegativeTtl: seconds(
    "cache-max-negative-ttl",
    "Keep it no longer that a name or type does not exist",
    defaults.cacheMaxNegativeTtlSeconds,
  ),
  cacheStale: seconds(
    "cache-stale",
    "How long past its end an answer may be used when no upstream answers; 0 turns it off",
    defaults.cacheStaleSeconds,
  ),
  cacheFile: single({
    name: "cache-file",
    valueName: "PATH",
    description: "Keep the cache in this file while fdns does not run",
    defaultText: "none: it starts empty",
    parse: parseCacheFile,
  }),
  control: single({
    name: "control",
    valueName: "PATH|off",
    description: "The Unix socket over which fdns cache reaches the running fdns",
    defaultText: `${DEFAULT_CONTROL_PATH}, or control in RUNTIME_DIRECTORY`,
    parse: parseControlPath,
  }),
  admin: single({
    name: "admin",
    valueName: "ADDRESS:PORT",
    description: "Where to serve /metrics, /health and /ready over HTTP, on loopback only",
    defaultText: "nowhere",
    parse: parseAdminAddress,
  }),
  logFormat: single({
    name: "log-format",
    valueName: "auto|pretty|json",
    description: "How the log is written on standard error",
    defaultText: "auto: pretty at a terminal, else one JSON object a line",
    parse: oneOf<Config["logFormat"]>("auto", "pretty", "json"),
  }),
  logLevel: single({
    name: "log-level",
    valueName: "error|warn|info|debug",
    description: "The least severe lines to write",
    defaultText: "info",
    parse: oneOf<Config["logLevel"]>("error", "warn", "info", "debug"),
  }),
} as const satisfies Record<string, ServeOption<unknown>>;

/** The environment variable of a flag: "ca-file" is FDNS_CA_FILE. */
export function variableOf(name: string): string {
  return `FDNS_${name.toUpperCase().replaceAll("-", "_")}`;
}

function parseTimeServer(text: string): string {
  const name = parseHostName(text);
  if (name !== undefined) return name;
  throw new UsageError(`${quoted(text)} is not a host name; the name of a time server is allowed, as 0.pool.ntp.org`);
}

function parseCacheFile(text: string): string {
  if (text !== "" && !text.includes("\0")) return text;
  throw new UsageError(`${quoted(text)} is not a path; expected a file in a writable folder`);
}

function parseCaSource(text: string): CaSource {
  const kind = (["system", "bundled"] as const).find((word) => word === text.toLowerCase());
  if (kind !== undefined) return { kind };
  if (text === "" || text.includes("\0"))
    throw new UsageError(`${quoted(text)} is not a path; a file, system or bundled is allowed`);
  return { kind: "file", path: text };
}
