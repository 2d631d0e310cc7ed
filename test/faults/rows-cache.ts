/** Rows in which names are asked again, so that the cache has their answers: fresh, stale, or beside a flood of others. */

import { allAnswered, noneSilent, p99Below, recoveredBy, servfailsExplained, worstBelow } from "./criteria.ts";
import type { Pace } from "./pace.ts";
import { NO_EDE, OUTCOME, type Selection, selected, summarize } from "./records.ts";
import type { FaultEvent, Outcome, Scenario } from "./scenario.ts";

const STALE_ANSWER = 3;
const NO_REACHABLE_AUTHORITY = 22;
const NETWORK_ERROR = 23;
/** What the cache may take by default. */
const CACHE_MIB = 32;
const MIB = 1024 * 1024;
const seconds = (ms: number) => `${ms / 1000} s`;

/** Segments of the load: names with a TTL of 60 s and with one of 1 s, and new ones. */
const [KEPT, SHORT_LIVED, NEW] = [0, 1, 2];
const SHORT_TTL_MS = 1000;
/** Answers below this domain end after a second. */
const SHORT_DOMAIN = "short.example.net";
const shortLived = { behaviour: { rules: [{ qname: SHORT_DOMAIN, ttl: SHORT_TTL_MS / 1000 }] } };

/** Answers then that do not say of themselves what is wanted: that they are stale, or nothing. */
function unlike({ records }: Outcome, ede: number, what: string, selection: Selection): string[] {
  let others = 0;
  for (const i of selected(records, selection)) {
    if (records.outcome[i] === OUTCOME.answered && records.ede[i] !== ede) others++;
  }
  return others === 0 ? [] : [`${others} answers that are not ${what}`];
}

function outage(pace: Pace, how: "refuse" | "blackhole", row: string, title: string): Scenario {
  const { rate, warmMs, outageMs, afterMs, jitterMs } = pace;
  const backMs = warmMs + outageMs;
  const endMs = backMs + 2000 + afterMs;
  // Each is asked for the first time well before the outage, and again every 400 ms.
  const names = Math.round((rate / 2) * 0.4);
  const again = { fromMs: 0, toMs: endMs, rate: rate / 2, names };
  const change = (on: boolean): FaultEvent => ({
    atMs: on ? warmMs : backMs,
    does: ({ rig }) => Promise.all(rig.upstreams.map((upstream) => upstream[how](on))),
  });
  return {
    row,
    title: `${title} for ${seconds(outageMs)}, names asked before, their answers good for 60 s or for 1 s; new names beside them`,
    criterion:
      "all names asked before answered: the 60 s ones as usual, the 1 s ones with EDE 3 in <= 1.9 s; new ones SERVFAIL with EDE 22 or 23 in <= 5 s; 0 silent; all as before from 2 s after the return on (numbers: names asked before)",
    peers: true,
    upstreams: [shortLived, shortLived],
    load: [
      { ...again, under: "kept.example.net" },
      { ...again, under: SHORT_DOMAIN },
      { fromMs: 0, toMs: endMs, rate: rate / 5 },
    ],
    counted: { segments: [KEPT, SHORT_LIVED] },
    events: [change(true), change(false)],
    judge: (outcome) => [
      ...allAnswered(outcome, { segments: [KEPT, SHORT_LIVED] }),
      ...unlike(outcome, NO_EDE, "fresh", { segments: [KEPT] }),
      ...p99Below(outcome, 5 + jitterMs, { segments: [KEPT], fromMs: warmMs }),
      ...worstBelow(outcome, 1900 + jitterMs, { segments: [SHORT_LIVED] }),
      ...unlike(outcome, STALE_ANSWER, "stale", {
        segments: [SHORT_LIVED],
        fromMs: warmMs + SHORT_TTL_MS + 300,
        toMs: backMs - 300,
      }),
      ...unlike(outcome, NO_EDE, "fresh", { segments: [SHORT_LIVED], fromMs: backMs + 2000 }),
      ...noneSilent(outcome),
      ...servfailsExplained(outcome, [NO_REACHABLE_AUTHORITY, NETWORK_ERROR], { segments: [NEW] }),
      ...recoveredBy(outcome, backMs + 2000, 500, { fromMs: backMs }),
    ],
  };
}

export const bothRefuse = (pace: Pace): Scenario => outage(pace, "refuse", "3c", "both upstreams refuse");
export const bothSilent = (pace: Pace): Scenario => outage(pace, "blackhole", "3d", "both upstreams are blackholed");

/** Most of what was lost or answered with an error; the rest is what the machine may do to a few datagrams. */
const GOOD_SHARE = 0.999;
const GROWTH_MIB = CACHE_MIB + 64;

export function subdomainFlood({ rate, warmMs, afterMs, jitterMs, subdomains }: Pace): Scenario {
  const floodEndMs = warmMs + subdomains.forMs;
  // After the last of them was answered or given up.
  const calmMs = floodEndMs + 5000;
  const KEPT_NAMES = 100;
  return {
    row: "22",
    title: `${subdomains.rate} new names a second below one domain for ${seconds(subdomains.forMs)}, upstreams take 2 s for everything; ${rate} queries a second for ${KEPT_NAMES} names asked before`,
    criterion: `names asked before: >= 99.9 % answered, p99 < 20 ms; what is too much gets SERVFAIL or REFUSED; memory grows by < ${GROWTH_MIB} MiB; afterwards all as before (numbers: names asked before)`,
    peers: false,
    alone: true,
    upstreams: [{}, {}],
    load: [
      { fromMs: 0, toMs: calmMs + afterMs, rate, names: KEPT_NAMES, under: "kept.example.net" },
      { fromMs: warmMs, toMs: floodEndMs, rate: subdomains.rate, under: "flood.example.net" },
      { fromMs: calmMs, toMs: calmMs + afterMs, rate },
    ],
    counted: { segments: [0] },
    events: [
      { atMs: warmMs - 200, does: ({ rig }) => Promise.all(rig.upstreams.map((one) => one.behave({ delay: 2000 }))) },
      { atMs: floodEndMs, does: ({ rig }) => Promise.all(rig.upstreams.map((one) => one.behave({}))) },
    ],
    judge: (outcome) => {
      const kept = summarize(outcome.records, { segments: [0] });
      const flood = summarize(outcome.records, { segments: [1] });
      const rcodes = flood.answered + flood.servfail + flood.otherRcode;
      const before = outcome.residentOctets.filter(({ atMs }) => atMs < warmMs).map(({ octets }) => octets);
      const most = Math.max(...outcome.residentOctets.map(({ octets }) => octets));
      const grownMib = (most - Math.max(...before)) / MIB;
      return [
        ...(kept.answered >= kept.sent * GOOD_SHARE
          ? []
          : [`${kept.sent - kept.answered} of ${kept.sent} not answered`]),
        ...p99Below(outcome, 20 + jitterMs, { segments: [0] }),
        ...(flood.wrong > 0 ? [`${flood.wrong} wrong answers`] : []),
        ...(rcodes >= flood.sent * GOOD_SHARE
          ? []
          : [`${flood.lost} of ${flood.sent} of the flood without any answer`]),
        ...(grownMib < GROWTH_MIB ? [] : [`memory grew by ${grownMib.toFixed(0)} MiB`]),
        ...(outcome.stillAlive ? [] : ["it ended"]),
        ...allAnswered(outcome, { segments: [2] }),
      ];
    },
  };
}
