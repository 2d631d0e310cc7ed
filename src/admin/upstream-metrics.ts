/** What happened between fdns and each upstream, as metrics with the label `upstream`: the upstream as configured. */

import type { Exposition, Labels, Sample } from "../observe/exposition.ts";
import {
  type BreakerState,
  COUNTER,
  type Counter,
  failureKinds,
  type ObservedUpstream,
  type UpstreamGauges,
} from "../upstream/counters.ts";

const counters: readonly (readonly [name: string, counter: Counter, help: string])[] = [
  [
    "attempts",
    COUNTER.ATTEMPTS,
    "Queries given to it, fdns' own probes included: answers, errors, abandoned and those in flight.",
  ],
  ["answers", COUNTER.ANSWERS, "Attempts that were answered, whatever the RCODE."],
  ["abandoned", COUNTER.ABANDONED, "Attempts given up for no fault of its own, as when another answered first."],
  ["resends", COUNTER.RESENDS, "Attempts sent once more, as the connection that carried them died."],
  ["hedges", COUNTER.HEDGES, "Attempts made as another upstream was late."],
  ["hedge_wins", COUNTER.HEDGE_WINS, "Hedges that were answered first."],
  ["connection_reuses", COUNTER.REUSES, "Queries on a connection that had carried one before."],
  ["dials", COUNTER.DIALS, "Connections begun."],
  ["dial_failures", COUNTER.DIAL_FAILURES, "Connections begun that did not come to be."],
  ["idle_closes", COUNTER.IDLE_CLOSES, "Connections it ended while nothing was in flight."],
  [
    "silent_closes",
    COUNTER.SILENT_CLOSES,
    "Connections given up, as nothing at all came while queries were in flight.",
  ],
  ["unsolicited_frames", COUNTER.UNSOLICITED, "Messages from it that answer nothing that was asked."],
];

const handshakes: readonly (readonly [kind: string, counter: Counter])[] = [
  ["full", COUNTER.HANDSHAKES_FULL],
  ["resumed", COUNTER.HANDSHAKES_RESUMED],
  ["unknown", COUNTER.HANDSHAKES_UNKNOWN],
];

const gauges: readonly (readonly [name: string, help: string, of: (gauges: UpstreamGauges) => number | undefined])[] = [
  ["in_flight", "Queries it has not answered yet.", ({ inFlight }) => inFlight],
  ["connections", "Connections to it that are ready or being made.", ({ connections }) => connections],
  ["smoothed_answer_seconds", "What its answers take lately.", ({ answerMs }) => seconds(answerMs)],
  [
    "idle_horizon_seconds",
    "How long it is known to keep an idle connection.",
    ({ idleHorizonMs }) => seconds(idleHorizonMs),
  ],
  [
    "certificate_not_after_seconds",
    "When the certificate it last showed ends, since 1970.",
    ({ certificateNotAfterMs }) => seconds(certificateNotAfterMs),
  ],
];

const breakerStates: readonly BreakerState[] = ["closed", "half-open", "open"];

export function upstreamMetrics(page: Exposition, servers: readonly ObservedUpstream[]): void {
  const observed = servers.map((server) => ({
    labels: { upstream: server.identity.text },
    counters: server.counters,
    gauges: server.gauges(),
  }));
  for (const [name, counter, help] of counters) {
    page.counter(
      `fdns_upstream_${name}_total`,
      help,
      observed.map((one): Sample => [one.labels, one.counters.of(counter)]),
    );
  }
  page.counter(
    "fdns_upstream_errors_total",
    "Attempts that ended without an answer, by what they ended of.",
    observed.flatMap((one) =>
      failureKinds.map((kind): Sample => [{ ...one.labels, kind }, one.counters.failures(kind)]),
    ),
  );
  page.counter(
    "fdns_upstream_handshakes_total",
    "TLS handshakes done; unknown where the runtime does not tell whether a session was resumed.",
    observed.flatMap((one) =>
      handshakes.map(([kind, counter]): Sample => [{ ...one.labels, kind }, one.counters.of(counter)]),
    ),
  );
  page.histogram(
    "fdns_upstream_answer_seconds",
    "What its answers took, from the sending.",
    observed.map((one) => [one.labels, one.counters.answerTimes]),
  );
  for (const [name, help, of] of gauges) {
    page.gauge(
      `fdns_upstream_${name}`,
      help,
      observed.map((one): Sample => [one.labels, of(one.gauges)]),
    );
  }
  page.gauge(
    "fdns_upstream_breaker",
    "1 for the state its breaker is in, for each address family: open is passed over.",
    observed.flatMap((one) => breakerSamples(one.labels, one.gauges)),
  );
}

function breakerSamples(labels: Labels, { breakers }: UpstreamGauges): Sample[] {
  return breakers.flatMap(({ family, state: now }) =>
    breakerStates.map((state): Sample => [{ ...labels, family: `ipv${family}`, state }, state === now ? 1 : 0]),
  );
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
