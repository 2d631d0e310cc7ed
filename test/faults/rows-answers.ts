/** Rows in which what upstreams send is wrong, late, out of order or nothing. */

import { allAnswered, asBefore, noneSilent, worstBelow } from "./criteria.ts";
import type { Pace } from "./pace.ts";
import { summarize } from "./records.ts";
import type { Scenario } from "./scenario.ts";

const seconds = (ms: number) => `${ms / 1000} s`;
const MIB = 1024 * 1024;

/** Faults in every Nth query's answer, as rules of the scripted upstream. */
function every(faults: Readonly<Record<string, number>>) {
  const rules = Object.entries(faults).map(([fault, turns]) => ({ query: `every ${turns}`, fault }));
  return { behaviour: { rules } };
}

export function resetInFrames({ rate, faultMs }: Pace): Scenario {
  return {
    row: "8",
    title: `RST in the middle of every 50th and every 70th answer, for ${seconds(faultMs)}`,
    criterion: "0 SERVFAIL, 0 lost",
    peers: false,
    upstreams: [every({ "cut-rst": 50 }), every({ "cut-rst": 70 })],
    load: [{ fromMs: 0, toMs: faultMs, rate }],
    judge: (outcome) => allAnswered(outcome),
  };
}

export function shortFrames({ rate, faultMs }: Pace): Scenario {
  return {
    row: "9",
    title: `a frame of length 0 before every 100th answer of one, of 5 octets of the other, for ${seconds(faultMs)}`,
    criterion: "0 SERVFAIL, 0 lost; those connections are ended",
    peers: false,
    upstreams: [every({ "zero-frame": 100 }), every({ "short-frame": 100 })],
    load: [{ fromMs: 0, toMs: faultMs, rate }],
    judge: (outcome) => [
      ...allAnswered(outcome),
      ...(outcome.counters.some(({ connections }) => connections > 2) ? [] : ["no connection was ended"]),
    ],
  };
}

/** It takes about 7 s to be complete, and what is behind it on the connection waits. */
export function trickled({ rate, warmMs, faultMs, jitterMs }: Pace): Scenario {
  const nth = Math.round((warmMs * rate) / 1000);
  return {
    row: "10",
    title: `one answer of one upstream comes octet by octet, 100 ms apart, at ${seconds(warmMs)}`,
    criterion: "0 SERVFAIL, 0 lost; worst <= 2.5 s; all others as before, also meanwhile (p99)",
    peers: false,
    upstreams: [{ behaviour: { rules: [{ query: `${nth}`, trickle: 100 }] } }, {}],
    load: [{ fromMs: 0, toMs: warmMs + faultMs, rate }],
    judge: (outcome) => [
      ...allAnswered(outcome),
      ...worstBelow(outcome, 2500),
      ...asBefore(outcome, jitterMs, { toMs: warmMs - 500 }, { fromMs: warmMs - 500 }),
    ],
  };
}

export function badCertificates({ rate, faultMs }: Pace): Scenario {
  const kinds = ["wrong-name", "expired", "self-signed"];
  return {
    row: "12",
    title: `three upstreams with a certificate ${kinds.join(", ")}, a fourth that is good`,
    criterion: "not one octet inside TLS to the three; each is named in the log; 0 SERVFAIL, 0 lost",
    peers: false,
    upstreams: [...kinds.map((kind) => ({ flags: ["--certificate", kind] })), {}],
    load: [{ fromMs: 0, toMs: faultMs, rate }],
    judge: (outcome) => [
      ...allAnswered(outcome),
      ...kinds.flatMap((kind, i) => [
        ...(outcome.counters[i]!.applicationOctets > 0 ? [`octets were sent to the one ${kind}`] : []),
        ...(outcome.log.includes(`10.77.${i + 1}.2`) ? [] : [`the log does not name the one ${kind}`]),
      ]),
    ],
  };
}

export function reordered({ reordered: { rate, forMs } }: Pace): Scenario {
  return {
    row: "15",
    title: `every answer after 0 to 500 ms at random, ${(rate * forMs) / 1000} queries at ${rate} a second`,
    criterion: "0 wrong answers, 0 SERVFAIL, 0 lost",
    peers: false,
    alone: true,
    upstreams: [{ behaviour: { delay: "0-500" } }, { behaviour: { delay: "0-500" } }],
    load: [{ fromMs: 0, toMs: forMs, rate }],
    judge: (outcome) => allAnswered(outcome),
  };
}

export function unaskedFrames({ rate, faultMs }: Pace): Scenario {
  return {
    row: "16",
    title: `every 7th answer twice, every 11th with one nobody asked for, every 50th of one upstream with a wrong ID`,
    criterion: "0 wrong answers, 0 SERVFAIL, 0 lost",
    peers: false,
    upstreams: [every({ duplicate: 7, unsolicited: 11, "wrong-id": 50 }), every({ duplicate: 7, unsolicited: 11 })],
    load: [{ fromMs: 0, toMs: faultMs, rate }],
    judge: (outcome) => allAnswered(outcome),
  };
}

export function lateAnswers({ rate, faultMs }: Pace): Scenario {
  const late = { behaviour: { rules: [{ qname: "late.example.net", delay: 6000 }] } };
  return {
    row: "17",
    title: `some names are answered after 6 s, when their clients have left, for ${seconds(faultMs)}`,
    criterion: "these SERVFAIL within 5 s, all others answered; no ID used again before its late answer",
    peers: false,
    upstreams: [late, late],
    load: [
      { fromMs: 0, toMs: faultMs + 3000, rate },
      { fromMs: 0, toMs: faultMs, rate: 20, under: "late.example.net" },
    ],
    judge: (outcome) => {
      const reuses = outcome.counters.reduce((sum, { idReuses }) => sum + idReuses, 0);
      return [
        ...allAnswered(outcome, { segments: [0] }),
        ...noneSilent(outcome),
        ...(reuses > 0 ? [`${reuses} IDs used again while in flight`] : []),
      ];
    },
  };
}

export function nobodyAnswers({ rate, warmMs, afterMs, flood }: Pace): Scenario {
  const releaseMs = warmMs + flood.forMs + 3000;
  const growthMib = 64;
  return {
    row: "18",
    title: `${Math.round((flood.rate * flood.forMs) / 1000)} queries in ${seconds(flood.forMs)} while both upstreams are silent; they answer again from ${seconds(releaseMs)} on`,
    criterion: `0 lost; memory grows by < ${growthMib} MiB; all answered from 2 s after the release on`,
    peers: false,
    alone: true,
    upstreams: [{}, {}],
    load: [
      { fromMs: 0, toMs: warmMs, rate },
      { fromMs: warmMs + 200, toMs: warmMs + 200 + flood.forMs, rate: flood.rate },
      { fromMs: releaseMs, toMs: releaseMs + 2000 + afterMs, rate },
    ],
    events: [
      {
        atMs: warmMs + 100,
        does: ({ rig }) => Promise.all(rig.upstreams.map((upstream) => upstream.behave({ fault: "silent" }))),
      },
      { atMs: releaseMs, does: ({ rig }) => Promise.all(rig.upstreams.map((upstream) => upstream.behave({}))) },
    ],
    judge: (outcome) => {
      const before = outcome.residentOctets.filter(({ atMs }) => atMs < warmMs).map(({ octets }) => octets);
      const most = Math.max(...outcome.residentOctets.map(({ octets }) => octets));
      const grownMib = (most - Math.max(...before)) / MIB;
      return [
        ...noneSilent(outcome),
        ...(outcome.stillAlive ? [] : ["it ended"]),
        ...(grownMib < growthMib ? [] : [`memory grew by ${grownMib.toFixed(0)} MiB`]),
        ...allAnswered(outcome, { fromMs: releaseMs + 2000 }),
      ];
    },
  };
}

export function oneServfails({ rate, warmMs, faultMs }: Pace): Scenario {
  return {
    row: "19",
    title: `one of 2 upstreams answers SERVFAIL to everything from ${seconds(warmMs)} on`,
    criterion: "0 SERVFAIL, 0 lost",
    peers: true,
    upstreams: [{}, {}],
    load: [{ fromMs: 0, toMs: warmMs + faultMs, rate }],
    events: [{ atMs: warmMs, does: ({ rig }) => rig.upstreams[0]!.behave({ rcode: "servfail" }) }],
    judge: (outcome) => allAnswered(outcome),
  };
}

export function allServfail({ rate, warmMs, faultMs }: Pace): Scenario {
  const names = Math.round((rate / 2) * (faultMs / 1000));
  return {
    row: "19b",
    title: `both answer SERVFAIL; each of ${names} names is asked again 500 ms later`,
    criterion: "<= 2 upstream queries a name, none for the repetition (RFC 9520); 0 lost",
    peers: false,
    upstreams: [{}, {}],
    load: [
      { fromMs: warmMs, toMs: warmMs + faultMs, rate: rate / 2 },
      { fromMs: warmMs + 500, toMs: warmMs + 500 + faultMs, rate: rate / 2, repeats: 0 },
    ],
    events: [
      {
        atMs: warmMs / 2,
        async does({ rig, note }) {
          await Promise.all(rig.upstreams.map((upstream) => upstream.behave({ rcode: "servfail" })));
          await note("before");
        },
      },
    ],
    judge: (outcome) => {
      const before = outcome.noted.get("before")!;
      const asked = outcome.counters.reduce((sum, { queries }, i) => sum + queries - before[i]!.queries, 0);
      const { answered } = summarize(outcome.records);
      return [
        ...noneSilent(outcome),
        ...(answered > 0 ? [`${answered} answered, though nobody did`] : []),
        ...(asked <= names * 2 ? [] : [`${asked} upstream queries for ${names} names`]),
      ];
    },
  };
}
