/** Rows in which connections end, lie idle, or are forgotten. */

import { allAnswered, worstBelow } from "./criteria.ts";
import type { Pace } from "./pace.ts";
import type { Scenario } from "./scenario.ts";

const seconds = (ms: number) => `${ms / 1000} s`;
const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

/** A handshake each: a tenth of the load, or two cores are kept busy by cryptography alone. */
export function closedAfterEachAnswer({ rate, faultMs }: Pace): Scenario {
  return {
    row: "5",
    title: `both upstreams close after every answer, at a tenth of the load, for ${seconds(faultMs)}`,
    criterion: "0 SERVFAIL, 0 lost",
    peers: true,
    upstreams: [{ behaviour: { "close-after": 1 } }, { behaviour: { "close-after": 1 } }],
    load: [{ fromMs: 0, toMs: faultMs, rate: rate / 10 }],
    judge: (outcome) => allAnswered(outcome),
  };
}

export function closedEverySecond({ rate, faultMs }: Pace): Scenario {
  return {
    row: "6",
    title: `both close each connection 1 s after its handshake, whatever is in flight, for ${seconds(faultMs)}`,
    criterion: "0 SERVFAIL, 0 lost",
    peers: true,
    upstreams: [{ behaviour: { "close-age": 1000 } }, { behaviour: { "close-age": 1000 } }],
    load: [{ fromMs: 0, toMs: faultMs, rate }],
    judge: (outcome) => allAnswered(outcome),
  };
}

export function idleThenAsked({ rate, warmMs, idleMs, afterMs, jitterMs }: Pace): Scenario {
  const againMs = warmMs + idleMs;
  return {
    row: "7",
    title: `nothing asked for ${seconds(idleMs)}; upstreams close what is idle for 10 s`,
    criterion: "0 SERVFAIL, 0 lost; the first answers within 100 ms, which a handshake may cost",
    peers: true,
    upstreams: [{ behaviour: { "close-idle": 10_000 } }, { behaviour: { "close-idle": 10_000 } }],
    load: [
      { fromMs: 0, toMs: warmMs, rate },
      { fromMs: againMs, toMs: againMs + afterMs, rate },
    ],
    judge: (outcome) => [...allAnswered(outcome), ...worstBelow(outcome, 100 + jitterMs, { fromMs: againMs })],
  };
}

/** Below what any server announces or shows: such a loss cannot be learned, only survived. */
export function forgottenByMiddlebox({ rate, warmMs, afterMs }: Pace): Scenario {
  const gapMs = 7000;
  const againMs = warmMs + gapMs;
  return {
    row: "7b",
    title: `nothing asked for ${seconds(gapMs)}; the path forgets what is idle for 5 s without a word`,
    criterion: "0 SERVFAIL, 0 lost; worst <= 1.5 s",
    peers: false,
    upstreams: [{}, {}],
    load: [
      { fromMs: 0, toMs: warmMs, rate },
      { fromMs: againMs, toMs: againMs + afterMs, rate },
    ],
    events: [{ atMs: 0, does: ({ rig }) => Promise.all(rig.upstreams.map((upstream) => upstream.forgetIdleFlows(5))) }],
    judge: (outcome) => [...allAnswered(outcome), ...worstBelow(outcome, 1500)],
  };
}

export function keysRotated({ rate, warmMs, faultMs }: Pace): Scenario {
  const rotated = { flags: ["--certificate", "rotated-key", "--rotate-every", "0"] };
  const turns = [0, faultMs / 3, (faultMs * 2) / 3];
  return {
    row: "13",
    title: `both upstreams change key and certificate and end their connections, 3 times in ${seconds(faultMs)}`,
    criterion: "0 SERVFAIL, 0 lost",
    peers: false,
    upstreams: [rotated, rotated],
    load: [{ fromMs: 0, toMs: warmMs + faultMs, rate }],
    events: turns.map((afterMs) => ({
      atMs: warmMs + afterMs,
      async does({ rig }) {
        for (const upstream of rig.upstreams) {
          upstream.signal("SIGHUP");
          await upstream.closeConnections();
        }
      },
    })),
    judge: (outcome) => [
      ...allAnswered(outcome),
      ...(outcome.counters.every(({ keyRotations }) => keyRotations === turns.length) ? [] : ["keys were not rotated"]),
    ],
  };
}

export function ticketsRefused({ rate, faultMs }: Pace): Scenario {
  const upstream = {
    flags: ["--certificate", "rotated-key", "--rotate-every", "1"],
    behaviour: { "close-age": 1000 },
  };
  return {
    row: "14",
    title: `a new key for every connection, so that no ticket is any good; each is closed after 1 s`,
    criterion: "0 SERVFAIL, 0 lost; no handshake resumed",
    peers: false,
    upstreams: [upstream, upstream],
    load: [{ fromMs: 0, toMs: faultMs, rate }],
    judge: (outcome) => {
      const resumed = total(outcome.counters.map(({ handshakesResumed }) => handshakesResumed));
      return [...allAnswered(outcome), ...(resumed > 0 ? [`${resumed} handshakes resumed`] : [])];
    },
  };
}

/** Meanwhile one upstream closes what is idle, and the path to the other forgets it. */
export function suspended({ rate, warmMs, suspendMs, afterMs }: Pace): Scenario {
  // Once everything is answered, also where the generator was held up for a second.
  const asleepMs = warmMs + 1500;
  const awakeMs = asleepMs + suspendMs;
  return {
    row: "30",
    title: `suspended (SIGSTOP) for ${seconds(suspendMs)} with connections open, then asked at once`,
    criterion: "0 SERVFAIL, 0 lost; worst <= 1.5 s",
    peers: false,
    upstreams: [{ behaviour: { "close-idle": 5000 } }, {}],
    load: [
      { fromMs: 0, toMs: warmMs, rate },
      { fromMs: awakeMs + 50, toMs: awakeMs + afterMs, rate },
    ],
    events: [
      { atMs: 0, does: ({ rig }) => rig.upstreams[1]!.forgetIdleFlows(5) },
      { atMs: asleepMs, does: ({ resolver }) => resolver.kill("SIGSTOP") },
      { atMs: awakeMs, does: ({ resolver }) => resolver.kill("SIGCONT") },
    ],
    judge: (outcome) => [...allAnswered(outcome), ...worstBelow(outcome, 1500)],
  };
}
