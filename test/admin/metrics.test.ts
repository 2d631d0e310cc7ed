import { describe, expect, test } from "bun:test";
import { metricsText, type Observed } from "../../src/admin/metrics.ts";
import { ResolverCounters } from "../../src/resolver/counters.ts";
import { COUNTER, type ObservedUpstream, UpstreamCounters, type UpstreamGauges } from "../../src/upstream/counters.ts";
import { readMetricsPage } from "../support/metrics-page.ts";

const atRest: UpstreamGauges = {
  inFlight: 0,
  connections: 0,
  breakers: [{ family: 4, state: "closed" }],
  answerMs: undefined,
  idleHorizonMs: undefined,
  certificateNotAfterMs: undefined,
};

function upstream(text: string, gauges: Partial<UpstreamGauges> = {}): ObservedUpstream {
  return { identity: { text }, counters: new UpstreamCounters(), gauges: () => ({ ...atRest, ...gauges }) };
}

function observed(members: readonly ObservedUpstream[] = []): Observed {
  return {
    version: "0.1.0",
    runtime: "bun 1.4.5",
    udpEngine: "batched",
    startedMs: 1_795_000_000_250,
    resolver: { counters: new ResolverCounters(), waiting: 32 },
    cache: {
      entries: 41,
      octetsUsed: 43,
      capacityOctets: 44,
      stores: 45,
      evictions: 46,
    },
    listeners: { udpCounters: { received: 11, sent: 12, oversize: 13, sendFailures: 14 } },
    clients: { count: 21, counters: { accepted: 22, refused: 23 } },
    upstreams: { inFlight: 31, members },
    workers: [],
  };
}

const page = (what: Observed) => readMetricsPage(metricsText(what));

describe("/metrics", () => {
  test("what fdns is, and its sockets", () => {
    const read = page(observed());
    const build = { version: "0.1.0", runtime: "bun 1.4.5", udp_engine: "batched" };
    expect(read.value("fdns_build_info", build)).toBe(1);
    expect(read.value("fdns_start_time_seconds")).toBe(1_795_000_000.25);
    expect(read.value("fdns_queries_in_flight")).toBe(31);
    expect(read.value("fdns_queries_waiting")).toBe(32);
    const names = ["received_total", "sent_total", "oversize_total"].map((name) => `fdns_udp_datagrams_${name}`);
    expect([...names, "fdns_udp_send_failures_total"].map((name) => read.value(name))).toEqual([11, 12, 13, 14]);
    const tcp = ["", "_accepted_total", "_refused_total"].map((name) => read.value(`fdns_tcp_connections${name}`));
    expect(tcp).toEqual([21, 22, 23]);
  });

  test("the cache; nothing of it where there is none", () => {
    const what = observed();
    Object.assign(what.resolver.counters, { misses: 51, prefetches: 52, coalesced: 53 });
    const read = page(what);
    const names = ["entries", "octets", "capacity_octets", "stores_total", "evictions_total"];
    expect(names.map((name) => read.value(`fdns_cache_${name}`))).toEqual([41, 43, 44, 45, 46]);
    expect(read.value("fdns_cache_misses_total")).toBe(51);
    expect(read.value("fdns_cache_prefetches_total")).toBe(52);
    expect(read.value("fdns_queries_coalesced_total")).toBe(53);
    expect(metricsText({ ...what, cache: undefined })).not.toContain("fdns_cache");
  });

  test("queries by transport, answers by source and RCODE, and what was turned away", () => {
    const what = observed();
    const { counters } = what.resolver;
    for (const transport of ["udp", "udp", "tcp"] as const) counters.asked(transport);
    counters.answered("upstream", 3);
    counters.answered("own", 1);
    counters.answered("own", 4000);
    counters.waited("upstream", 3);
    Object.assign(counters, { dropped: 5, truncated: 6, forbidden: 7, overloaded: 8 });
    const read = page(what);
    expect(["udp", "tcp"].map((transport) => read.value("fdns_queries_total", { transport }))).toEqual([2, 1]);
    const answers = (source: string, rcode: string) => read.value("fdns_answers_total", { source, rcode });
    expect(answers("upstream", "NXDOMAIN")).toBe(1);
    expect([answers("own", "FORMERR"), answers("own", "other")]).toEqual([1, 1]);
    expect([answers("upstream", "NOERROR"), answers("own", "SERVFAIL")]).toEqual([0, 0]);
    expect(read.sum("fdns_answers_total")).toBe(3);
    expect(read.value("fdns_queries_dropped_total")).toBe(5);
    expect(read.value("fdns_answers_truncated_total")).toBe(6);
    expect(read.value("fdns_queries_forbidden_total")).toBe(7);
    expect(read.value("fdns_queries_overloaded_total")).toBe(8);
    expect(read.value("fdns_answer_seconds_sum", { source: "upstream" })).toBe(0.003);
  });

  test("every counter of an upstream has a metric of its own", () => {
    const one = upstream("9.9.9.9");
    const all = Object.values(COUNTER);
    for (const counter of all) one.counters.add(counter, 2 ** counter);
    const read = page(observed([one]));
    const values = [...read.samples].filter(([key]) => key.includes("_total") && key.includes("9.9.9.9"));
    const sum = values.reduce((total, [, value]) => total + value, 0);
    expect(sum).toBe(2 ** all.length - 1);
    expect(read.value("fdns_upstream_hedge_wins_total", { upstream: "9.9.9.9" })).toBe(2 ** COUNTER.HEDGE_WINS);
    const resumed = { upstream: "9.9.9.9", kind: "resumed" };
    expect(read.value("fdns_upstream_handshakes_total", resumed)).toBe(2 ** COUNTER.HANDSHAKES_RESUMED);
  });

  test("errors by kind, and answer times", () => {
    const one = upstream("9.9.9.9");
    one.counters.failed("timeout");
    one.counters.failed("timeout");
    one.counters.failed("authentication");
    one.counters.answered(12);
    const read = page(observed([one]));
    const errors = (kind: string) => read.value("fdns_upstream_errors_total", { upstream: "9.9.9.9", kind });
    expect(["timeout", "authentication", "connect"].map(errors)).toEqual([2, 1, 0]);
    expect(read.value("fdns_upstream_answer_seconds_sum", { upstream: "9.9.9.9" })).toBe(0.012);
  });

  test("what an upstream is like now; what is not known yet is not there", () => {
    const breakers = [
      { family: 4, state: "closed" },
      { family: 6, state: "half-open" },
    ] as const;
    const known = { inFlight: 4, connections: 2, breakers, answerMs: 8, idleHorizonMs: 9500 };
    const read = page(observed([upstream("a", { ...known, certificateNotAfterMs: 1_800_000_000_000 }), upstream("b")]));
    const gauge = (name: string) => read.value(`fdns_upstream_${name}`, { upstream: "a" });
    expect(["in_flight", "connections"].map(gauge)).toEqual([4, 2]);
    expect(["smoothed_answer_seconds", "idle_horizon_seconds"].map(gauge)).toEqual([0.008, 9.5]);
    expect(gauge("certificate_not_after_seconds")).toBe(1_800_000_000);
    const breaker = (family: string, state: string) =>
      read.value("fdns_upstream_breaker", { upstream: "a", family, state });
    expect(["closed", "half-open", "open"].map((state) => breaker("ipv4", state))).toEqual([1, 0, 0]);
    expect(["closed", "half-open", "open"].map((state) => breaker("ipv6", state))).toEqual([0, 1, 0]);
    expect(read.sum("fdns_upstream_idle_horizon_seconds")).toBe(9.5);
    expect(() => read.value("fdns_upstream_idle_horizon_seconds", { upstream: "b" })).toThrow();
  });

  test("names are fdns', and labels are of small sets", () => {
    const read = page(observed([upstream('evil"\n\\}')]));
    for (const name of read.types.keys()) expect(name).toMatch(/^fdns_[a-z_]+$/);
    const known = ["version", "runtime", "udp_engine", "transport", "source", "rcode", "le", "upstream", "kind"];
    expect([...read.labels.keys()].sort()).toEqual([...known, "family", "state"].sort());
    expect([...read.labels.get("upstream")!]).toEqual(['evil"\n\\}']);
  });
});
