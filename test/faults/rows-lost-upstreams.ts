/** Rows in which upstreams or the way to them go away. */

import {
  allAnswered,
  asBefore,
  noneSilent,
  p99Below,
  recoveredBy,
  servfailsExplained,
  worstBelow,
} from "./criteria.ts";
import type { Pace } from "./pace.ts";
import type { Scenario } from "./scenario.ts";

const NO_REACHABLE_AUTHORITY = 22;
const NETWORK_ERROR = 23;
const seconds = (ms: number) => `${ms / 1000} s`;
const GOOD = {};

export function oneKilled({ rate, warmMs, faultMs, jitterMs }: Pace): Scenario {
  const endMs = warmMs + faultMs;
  return {
    row: "1",
    title: `SIGKILL one of 2 upstreams at ${seconds(warmMs)}, load for ${seconds(endMs)}`,
    criterion: "0 SERVFAIL, 0 lost; p99 < 500 ms in the 2 s after, then as before",
    peers: true,
    upstreams: [GOOD, GOOD],
    load: [{ fromMs: 0, toMs: endMs, rate }],
    events: [
      {
        atMs: warmMs,
        async does({ rig }) {
          await rig.upstreams[0]!.remember();
          rig.upstreams[0]!.signal("SIGKILL");
        },
      },
    ],
    judge: (outcome) => [
      ...allAnswered(outcome),
      ...p99Below(outcome, 500, { fromMs: warmMs, toMs: warmMs + 2000 }),
      ...asBefore(outcome, jitterMs, { toMs: warmMs }, { fromMs: warmMs + 2000 }),
    ],
  };
}

export function oneBlackholed({ rate, warmMs, faultMs, jitterMs }: Pace): Scenario {
  const endMs = warmMs + faultMs;
  return {
    row: "2",
    title: `blackhole one of 2 at ${seconds(warmMs)}, connections established, for ${seconds(faultMs)}`,
    criterion: "0 SERVFAIL, 0 lost; worst <= 2.5 s; as before 3 s later",
    peers: true,
    upstreams: [GOOD, GOOD],
    load: [{ fromMs: 0, toMs: endMs, rate }],
    events: [{ atMs: warmMs, does: ({ rig }) => rig.upstreams[0]!.blackhole(true) }],
    judge: (outcome) => [
      ...allAnswered(outcome),
      ...worstBelow(outcome, 2500),
      ...asBefore(outcome, jitterMs, { toMs: warmMs }, { fromMs: warmMs + 3000 }),
    ],
  };
}

const OUTAGE_CRITERION =
  "while both are gone 0 lost, SERVFAIL only, with EDE 22 or 23, <= 5 s; all answered from 2 s after the return on";

function outage(pace: Pace, how: "refuse" | "blackhole", row: string, title: string): Scenario {
  const { rate, warmMs, outageMs, afterMs } = pace;
  const backMs = warmMs + outageMs;
  const endMs = backMs + 2000 + afterMs;
  const change = (on: boolean) => ({
    atMs: on ? warmMs : backMs,
    async does({ rig, note }: Parameters<NonNullable<Scenario["events"]>[number]["does"]>[0]) {
      await Promise.all(rig.upstreams.map((upstream) => upstream[how](on)));
      if (!on) await note("back");
    },
  });
  return {
    row,
    title,
    criterion: `${OUTAGE_CRITERION}; <= 10 handshakes a second and upstream after it`,
    peers: false,
    upstreams: [GOOD, GOOD],
    load: [{ fromMs: 0, toMs: endMs, rate }],
    events: [change(true), change(false)],
    judge: (outcome) => {
      const most = ((2000 + afterMs) / 1000) * 10;
      const storms = outcome.counters
        .map(({ connections }, i) => connections - outcome.noted.get("back")![i]!.connections)
        .filter((connections) => connections > most);
      return [
        ...allAnswered(outcome, { toMs: warmMs - 100 }),
        ...noneSilent(outcome),
        ...servfailsExplained(outcome, [NO_REACHABLE_AUTHORITY, NETWORK_ERROR]),
        ...recoveredBy(outcome, backMs + 2000, 500, { fromMs: backMs }),
        ...storms.map((connections) => `${connections} connections to one upstream after the return`),
      ];
    },
  };
}

export function bothDown(pace: Pace): Scenario {
  const { warmMs, outageMs } = pace;
  return outage(pace, "refuse", "3", `both upstreams refuse for ${seconds(outageMs)} from ${seconds(warmMs)} on`);
}

export function bothBack(pace: Pace): Scenario {
  const { outageMs } = pace;
  return outage(pace, "blackhole", "4", `both blackholed for ${seconds(outageMs)}, then back`);
}

export function handshakeHeld({ rate, warmMs, faultMs }: Pace): Scenario {
  return {
    row: "11",
    title: `one of 2 closes at ${seconds(warmMs)} and accepts from then on without a handshake`,
    criterion: "0 SERVFAIL, 0 lost; worst <= 3 s",
    peers: true,
    upstreams: [GOOD, GOOD],
    load: [{ fromMs: 0, toMs: warmMs + faultMs, rate }],
    events: [
      {
        atMs: warmMs,
        async does({ rig }) {
          await rig.upstreams[0]!.behave({ handshake: "hold" });
          await rig.upstreams[0]!.closeConnections();
        },
      },
    ],
    judge: (outcome) => [...allAnswered(outcome), ...worstBelow(outcome, 3000)],
  };
}

export function lossyPath({ rate, faultMs }: Pace): Scenario {
  return {
    row: "20",
    title: `5 % of packets lost each way and 50 ms of delay on every link, for ${seconds(faultMs)}`,
    criterion: "0 SERVFAIL, 0 lost; p99 < 1.5 s",
    peers: true,
    upstreams: [GOOD, GOOD],
    impairment: { delayMs: 50, lossPercent: 5 },
    load: [{ fromMs: 0, toMs: faultMs, rate }],
    judge: (outcome) => [...allAnswered(outcome), ...p99Below(outcome, 1500)],
  };
}

export function addressReplaced({ rate, warmMs, faultMs, jitterMs }: Pace): Scenario {
  return {
    row: "31",
    title: `the host's addresses are removed and others added at ${seconds(warmMs)}`,
    criterion: "0 SERVFAIL, 0 lost; worst <= 3 s; as before 3 s later",
    peers: false,
    upstreams: [GOOD, GOOD],
    load: [{ fromMs: 0, toMs: warmMs + faultMs, rate }],
    events: [
      {
        atMs: warmMs,
        async does({ rig }) {
          for (const [i, { link, nearAddress }] of rig.upstreams.entries()) {
            await rig.near.ip(`addr del ${nearAddress}/24 dev ${link}`);
            await rig.near.ip(`addr add 10.77.${i + 1}.3/24 dev ${link}`);
          }
        },
      },
    ],
    judge: (outcome) => [
      ...allAnswered(outcome),
      ...worstBelow(outcome, 3000),
      ...asBefore(outcome, jitterMs, { toMs: warmMs }, { fromMs: warmMs + 3000 }),
    ],
  };
}
