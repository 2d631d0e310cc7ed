/** From flags and environment to the one checked Config. Reads no file and opens no socket. */

import { bounded, quoted } from "../observe/quoted.ts";
import { type Config, type ControlAddress, type ListenAddress, type UpstreamAddress, UsageError } from "./config.ts";
import { refuseContradictions } from "./contradictions.ts";
import { defaults } from "./defaults.ts";
import { defaultUpstreamNames } from "./known-resolvers.ts";
import { type ServeOption, serveOptions, variableOf } from "./options.ts";
import { defaultControlPath } from "./syntax/control-path.ts";
import { defaultListenAddresses, formatListenAddress } from "./syntax/listen-address.ts";
import { nearest } from "./syntax/nearest.ts";
import { checkAllowed } from "./syntax/upstream-allow.ts";
import { formatSeconds, listItems } from "./syntax/values.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadedConfig {
  readonly config: Config;
  /** One line each, for the log: nothing that keeps fdns from serving as asked. */
  readonly warnings: readonly string[];
}

/** What was given for one option, and by what: `--listen`, `FDNS_LISTEN`, `DNSSERVER`. */
interface Given {
  readonly source: string;
  readonly texts: readonly string[];
}

/** Values of flags by name, without dashes, in the order given. */
export type FlagValues = ReadonlyMap<string, readonly string[]>;

/**
 * Flags win over FDNS_… variables, and those over DNSSERVER, which names upstreams only.
 * @throws UsageError for the first wrong value, naming where it came from.
 */
export function loadConfig(flags: FlagValues, environment: Environment): LoadedConfig {
  refuseDisabledVerification(environment);
  const warnings = unknownVariables(environment);
  const sources: Sources = { flags, environment, warnings };
  const upstreams = loadUpstreams(sources);
  const config: Config = {
    ...upstreams,
    timeServers: timeServersOf(sources, upstreams.upstreams),
    listen: listenOf(sources),
    strategy: singleOf(sources, serveOptions.strategy) ?? "fastest",
    tlsHello: singleOf(sources, serveOptions.tlsHello) ?? "auto",
    ca: singleOf(sources, serveOptions.caFile) ?? { kind: "default" },
    allow: listOf(sources, serveOptions.allow) ?? [],
    udpEngine: singleOf(sources, serveOptions.udpEngine) ?? "auto",
    workers: singleOf(sources, serveOptions.workers) ?? defaults.workers.value,
    maxUdpOctets: singleOf(sources, serveOptions.maxUdpSize) ?? defaults.maxUdpOctets.value,
    queryTimeoutMs: singleOf(sources, serveOptions.queryTimeout) ?? defaults.queryTimeoutMs.value,
    maxInFlight: singleOf(sources, serveOptions.maxInFlight) ?? defaults.maxInFlight.value,
    tcpIdleMs: singleOf(sources, serveOptions.tcpIdle) ?? defaults.tcpIdleMs.value,
    tcpMaxConnections: singleOf(sources, serveOptions.tcpConnections) ?? defaults.tcpMaxConnections.value,
    tcpMaxPerClient: singleOf(sources, serveOptions.tcpConnectionsPerClient) ?? defaults.tcpMaxPerClient.value,
    shutdownMs: singleOf(sources, serveOptions.shutdownTimeout) ?? defaults.shutdownMs.value,
    ...cacheOf(sources),
    control: controlOf(sources),
    admin: singleOf(sources, serveOptions.admin),
    logFormat: singleOf(sources, serveOptions.logFormat) ?? "auto",
    logLevel: singleOf(sources, serveOptions.logLevel) ?? "info",
  };
  refuseContradictions(config);
  return { config, warnings };
}

/**
 * Where a server with these flags and this environment listens; nothing else of them is read.
 * @throws UsageError
 */
export function loadListen(flags: FlagValues, environment: Environment): ListenAddress[] {
  return listenOf({ flags, environment, warnings: [] });
}

/**
 * Where a server with these flags and this environment takes orders; nothing else of them is read.
 * @throws UsageError
 */
export function loadControl(flags: FlagValues, environment: Environment): ControlAddress | undefined {
  return controlOf({ flags, environment, warnings: [] });
}

interface Sources {
  readonly flags: FlagValues;
  readonly environment: Environment;
  readonly warnings: string[];
}

function listenOf(sources: Sources): ListenAddress[] {
  return distinct(listOf(sources, serveOptions.listen) ?? defaultListenAddresses, formatListenAddress);
}

function controlOf(sources: Sources): ControlAddress | undefined {
  const path = singleOf(sources, serveOptions.control);
  if (path === "off") return undefined;
  return { path: path ?? defaultControlPath(sources.environment.RUNTIME_DIRECTORY), isNamed: path !== undefined };
}

type CacheConfig = Pick<Config, { [Name in keyof Config]: Name extends `cache${string}` ? Name : never }[keyof Config]>;

function cacheOf(sources: Sources): CacheConfig {
  const cacheOctets = singleOf(sources, serveOptions.cacheSize) ?? defaults.cacheOctets.value;
  const cacheMinTtlSeconds = singleOf(sources, serveOptions.cacheMinTtl) ?? defaults.cacheMinTtlSeconds.value;
  const cacheMaxTtlSeconds = singleOf(sources, serveOptions.cacheMaxTtl) ?? defaults.cacheMaxTtlSeconds.value;
  const cacheFile = singleOf(sources, serveOptions.cacheFile);
  if (cacheMinTtlSeconds > cacheMaxTtlSeconds) {
    throw new UsageError(
      `--cache-min-ttl ${formatSeconds(cacheMinTtlSeconds)} is above --cache-max-ttl ${formatSeconds(cacheMaxTtlSeconds)}; at most that is allowed`,
    );
  }
  if (cacheOctets === 0 && cacheFile !== undefined) {
    sources.warnings.push("--cache-file has no effect while --cache-size is 0");
  }
  return {
    cacheOctets,
    cacheMinTtlSeconds,
    cacheMaxTtlSeconds,
    cacheMaxNegativeTtlSeconds:
      singleOf(sources, serveOptions.cacheMaxNegativeTtl) ?? defaults.cacheMaxNegativeTtlSeconds.value,
    cacheStaleSeconds: singleOf(sources, serveOptions.cacheStale) ?? defaults.cacheStaleSeconds.value,
    cacheFile,
  };
}

function loadUpstreams(sources: Sources): Pick<Config, "upstreams" | "defaultUpstreams" | "bootstrap"> {
  const { upstream, bootstrap, upstreamAllow } = serveOptions;
  const allowed = listOf(sources, upstreamAllow) ?? [];
  const given = givenFor(sources, upstream) ?? givenAsDnsServer(sources);
  const asked = given ?? { source: "the default upstream", texts: defaultUpstreamNames };
  const resolvers = givenFor(sources, bootstrap) ?? { source: "--bootstrap", texts: [] };
  const read = (from: Given): UpstreamAddress[] => {
    const addresses = distinct(parseItems(from, upstream), (address) => address.text);
    for (const address of addresses) named(from.source, () => checkAllowed(address, allowed));
    return addresses;
  };
  const [upstreams, bootstraps] = [read(asked), read(resolvers)];
  const unresolvable = bootstraps.find((address) => address.hostName !== undefined);
  if (unresolvable !== undefined) {
    throw new UsageError(
      `${resolvers.source}: ${quoted(unresolvable.text)} would itself have to be resolved; an address, or a name fdns knows the addresses of, is allowed`,
    );
  }
  const nameless = upstreams.find((address) => address.hostName !== undefined);
  if (nameless !== undefined && bootstraps.length === 0) {
    throw new UsageError(
      `${asked.source}: ${quoted(nameless.text)} is a name fdns knows no address of; give --bootstrap to resolve it over, as --bootstrap 1.1.1.1, or write ADDRESS#NAME`,
    );
  }
  return { upstreams, defaultUpstreams: given === undefined, bootstrap: bootstraps };
}

function timeServersOf(sources: Sources, upstreams: readonly UpstreamAddress[]): string[] {
  const names = distinct(listOf(sources, serveOptions.timeServer) ?? [], (name) => name);
  if (names.length > 0 && upstreams.every(({ spkiPins }) => spkiPins.length === 0)) {
    sources.warnings.push(
      "--time-server has no effect while no upstream has a pin, as --upstream 'ADDRESS#NAME?pin=sha256/BASE64'",
    );
  }
  return names;
}

/** The variable other programs use for the same purpose, as `DNSSERVER=8.8.8.8`. */
function givenAsDnsServer({ environment }: Sources): Given | undefined {
  const text = environment.DNSSERVER?.trim();
  return text === undefined || text === "" ? undefined : { source: "DNSSERVER", texts: [text] };
}

function givenFor({ flags, environment, warnings }: Sources, option: ServeOption<unknown>): Given | undefined {
  const texts = flags.get(option.name);
  if (texts !== undefined && texts.length > 0) return { source: `--${option.name}`, texts };
  const variable = variableOf(option.name);
  const text = environment[variable]?.trim();
  if (text === undefined) return undefined;
  if (text !== "") return { source: variable, texts: [text] };
  // Compose files and units often set a variable to nothing. Lifting a restriction that way must not go unseen.
  if (option.name === serveOptions.upstreamAllow.name) {
    throw new UsageError(`${variable}: "" is not allowed; list addresses or names, or do not set it to permit all`);
  }
  warnings.push(`${variable} is empty and counts as not set`);
  return undefined;
}

function singleOf<Value>(sources: Sources, option: ServeOption<Value> & { kind: "value" }): Value | undefined {
  const given = givenFor(sources, option);
  return given === undefined ? undefined : named(given.source, () => option.parse(given.texts[0]!));
}

function listOf<Value>(sources: Sources, option: ServeOption<Value> & { kind: "list" }): Value[] | undefined {
  const given = givenFor(sources, option);
  return given === undefined ? undefined : parseItems(given, option);
}

function parseItems<Value>(given: Given, option: ServeOption<Value>): Value[] {
  return given.texts.flatMap((text) => {
    const items = listItems(text);
    if (items.length === 0)
      throw new UsageError(`${given.source}: ${quoted(text)} holds no ${option.valueName}; one or more are allowed`);
    return items.map((item) => named(given.source, () => option.parse(item)));
  });
}

/** Runs a parser, and puts the source of the value before its error. */
function named<Value>(source: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${source}: ${error.message}`) : error;
  }
}

function distinct<Item>(items: readonly Item[], key: (item: Item) => string): Item[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

/** Some runtimes and libraries take this variable as leave to trust anybody. Whoever set it must not believe fdns is strict. */
function refuseDisabledVerification(environment: Environment): void {
  const text = environment.NODE_TLS_REJECT_UNAUTHORIZED?.trim().toLowerCase();
  if (text === "0" || text === "false") {
    throw new UsageError(
      `NODE_TLS_REJECT_UNAUTHORIZED: ${quoted(text)} asks for upstreams not to be authenticated; fdns always does: unset it, or set 1`,
    );
  }
}

/** Kubernetes sets FDNS_PORT and FDNS_SERVICE_HOST beside a Service called fdns, so these can only be warned of. */
function unknownVariables(environment: Environment): string[] {
  const known = Object.values(serveOptions).map((option) => variableOf(option.name));
  const unknown = Object.keys(environment).filter((name) => name.startsWith("FDNS_") && !known.includes(name));
  return unknown.sort().map((name) => {
    const meant = nearest(name, known);
    return `${bounded(name)} is not a variable of fdns and has no effect${meant === undefined ? "" : `; did you mean ${meant}?`}`;
  });
}
