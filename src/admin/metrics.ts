/**
 * Everything fdns counts, as metrics. Labels are of small fixed sets, or the operator's own words for an upstream:
 * never a name that was asked for, never a client's address.
 */

import { Exposition, type Labels, type Sample } from "../observe/exposition.ts";
import { rcodeText } from "../presentation/types.ts";
import { MANY_RCODES, type ResolverCounters, sources } from "../resolver/counters.ts";
import type { ObservedServing } from "../serving/observe.ts";
import { upstreamMetrics } from "./upstream-metrics.ts";

/** What is looked at, when someone asks. */
export interface Observed extends ObservedServing {
  readonly version: string;
  /** "bun 1.4.5" */
  readonly runtime: string;
  readonly udpEngine: string;
  /** When fdns started, in milliseconds since 1970. */
  readonly startedMs: number;
}

/** The page a scraper reads. */
export function metricsText(observed: Observed): string {
  const page = new Exposition();
  const { version, runtime, udpEngine } = observed;
  const only = (value: number): Sample[] => [[{}, value]];
  page.gauge("fdns_build_info", "Which fdns runs on what; always 1.", [
    [{ version, runtime, udp_engine: udpEngine }, 1],
  ]);
  page.gauge("fdns_start_time_seconds", "When fdns started, since 1970.", only(observed.startedMs / 1000));
  addQueries(page, observed.resolver.counters);
  page.gauge("fdns_queries_waiting", "Clients' queries that wait for upstreams.", only(observed.resolver.waiting));
  page.gauge("fdns_queries_in_flight", "Questions being asked of upstreams.", only(observed.upstreams.inFlight));
  addAnswers(page, observed.resolver.counters);
  if (observed.cache !== undefined) addCache(page, observed.cache, observed.resolver.counters);
  addTransports(page, observed);
  upstreamMetrics(page, observed.upstreams.members);
  addWorkers(page, observed.workers);
  return page.text;
}

function addQueries(page: Exposition, counters: ResolverCounters): void {
  const counter = (name: string, help: string, value: number) => page.counter(name, help, [[{}, value]]);
  page.counter(
    "fdns_queries_total",
    "Queries taken from clients; each gets one answer.",
    (["udp", "tcp"] as const).map((transport) => [{ transport }, counters.queries(transport)]),
  );
  counter("fdns_queries_dropped_total", "Messages that deserve no answer: no header, or responses.", counters.dropped);
  counter(
    "fdns_queries_forbidden_total",
    "Queries answered REFUSED, as the client's address may not ask.",
    counters.forbidden,
  );
  counter(
    "fdns_queries_overloaded_total",
    "Queries answered SERVFAIL at once, as too many waited for upstreams.",
    counters.overloaded,
  );
  counter(
    "fdns_queries_coalesced_total",
    "Queries that waited for an answer on its way to another client.",
    counters.coalesced,
  );
}

function addAnswers(page: Exposition, counters: ResolverCounters): void {
  page.counter(
    "fdns_answers_total",
    "Answers to clients, by RCODE, and by where they came from.",
    sources.flatMap((source) => [...counters.answers(source).entries()].flatMap((one) => answerSample(source, ...one))),
  );
  page.counter("fdns_answers_truncated_total", "Answers with TC set, as they did not fit.", [[{}, counters.truncated]]);
  page.histogram(
    "fdns_answer_seconds",
    "How long clients waited, from reading the query to its answer, where they had to.",
    sources.map((source) => [{ source }, counters.times(source)]),
  );
}

function addCache(page: Exposition, cache: NonNullable<ObservedServing["cache"]>, counters: ResolverCounters): void {
  const counter = (name: string, help: string, value: number) => page.counter(name, help, [[{}, value]]);
  const gauge = (name: string, help: string, value: number) => page.gauge(name, help, [[{}, value]]);
  counter("fdns_cache_misses_total", "Queries that the cache had no good answer for.", counters.misses);
  counter("fdns_cache_prefetches_total", "Answers asked for again before they ended.", counters.prefetches);
  counter("fdns_cache_stores_total", "Answers stored.", cache.stores);
  counter("fdns_cache_evictions_total", "Answers that gave way to others.", cache.evictions);
  gauge("fdns_cache_entries", "Answers in the cache.", cache.entries);
  gauge("fdns_cache_octets", "Octets of the cache in use.", cache.octetsUsed);
  gauge("fdns_cache_capacity_octets", "Octets of the cache there are.", cache.capacityOctets);
}

function addWorkers(page: Exposition, workers: ObservedServing["workers"]): void {
  const each = (of: (worker: (typeof workers)[number]) => number) =>
    workers.map((one, worker): Sample => [{ worker: String(worker) }, of(one)]);
  page.counter(
    "fdns_worker_queries_total",
    "Queries taken from clients by each worker, where there are several; the main thread is 0.",
    each(({ queries }) => queries),
  );
  page.counter(
    "fdns_worker_replacements_total",
    "How often a worker was gone, and another took its place.",
    each(({ replaced }) => replaced),
  );
}

/** RCODEs that a forwarder gives every day are always there, so that a rate of them starts from 0. */
const DAILY_RCODES = [0, 2, 3, 5];

function answerSample(source: string, rcode: number, answers: number): Sample[] {
  if (answers === 0 && !DAILY_RCODES.includes(rcode)) return [];
  const labels: Labels = { rcode: rcode === MANY_RCODES ? "other" : rcodeText(rcode), source };
  return [[labels, answers]];
}

function addTransports(page: Exposition, { listeners, clients }: Observed): void {
  const counter = (name: string, help: string, value: number) => page.counter(name, help, [[{}, value]]);
  const udp = listeners.udpCounters;
  counter("fdns_udp_datagrams_received_total", "Datagrams read from clients.", udp.received);
  counter("fdns_udp_datagrams_sent_total", "Datagrams sent to clients.", udp.sent);
  counter("fdns_udp_datagrams_oversize_total", "Datagrams dropped, as no query is so long.", udp.oversize);
  counter("fdns_udp_send_failures_total", "Datagrams that the host would not send.", udp.sendFailures);
  page.gauge("fdns_tcp_connections", "Clients' connections that are open.", [[{}, clients.count]]);
  counter("fdns_tcp_connections_accepted_total", "Clients' connections taken.", clients.counters.accepted);
  counter(
    "fdns_tcp_connections_refused_total",
    "Clients' connections closed, as too many were open.",
    clients.counters.refused,
  );
}
