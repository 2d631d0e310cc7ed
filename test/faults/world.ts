/**
 * A bad day: over a slow and lossy network, of three upstreams two misbehave all the time, each time differently, one name
 * in a hundred ends every connection that carries it, clients ask much and read nothing, few files can be open, and
 * nobody reads the log. One upstream answers, so everything is to be answered.
 */

import { fileURLToPath } from "node:url";
import { outputOf } from "../support/tied-children.ts";
import { bun } from "../support/toolchain.ts";
import { allAnswered, noneSilent } from "./criteria.ts";
import { RESOLVER_PORT } from "./resolvers.ts";
import type { RigUpstream } from "./rig.ts";
import type { FaultEvent, Scenario } from "./scenario.ts";

const MIB = 1024 * 1024;
const MOST_GROWTH_MIB = 64;
/** Of the time, until what is allocated once has been. */
const SETTLED_PART = 0.25;
const CHANGE_EVERY_MS = 5000;
const GREEDY_EVERY_MS = 30_000;
const GREEDY_FOR_MS = 10_000;
const DESCRIPTORS = 256;
const POISON = "reset.example.net";
const POISONED = [{ qname: POISON, fault: "rst" }];

type Mood = (upstream: RigUpstream, isOn: boolean) => Promise<unknown>;

const behaving = (behaviour: Readonly<Record<string, unknown>>): Mood => {
  return (upstream, isOn) => upstream.behave(isOn ? { ...behaviour, rules: POISONED } : { rules: POISONED });
};

/** What an upstream is like for a while. Not an RCODE of failure: what two upstreams agree on is an answer. */
const MOODS: readonly Mood[] = [
  behaving({}),
  behaving({ delay: "200-900" }),
  behaving({ fault: "cut-rst" }),
  behaving({ fault: "zero-frame" }),
  behaving({ fault: "wrong-name" }),
  behaving({ fault: "malformed" }),
  behaving({ fault: "silent" }),
  behaving({ trickle: 20 }),
  behaving({ "length-ahead": 150 }),
  behaving({ "close-after": 3 }),
  behaving({ "reset-after": 5 }),
  behaving({ "silent-after": 10 }),
  behaving({ handshake: "hold" }),
  behaving({ handshake: "reset" }),
  (upstream, isOn) => upstream.blackhole(isOn),
  (upstream, isOn) => upstream.refuse(isOn),
];

/** Park and Miller's generator: the same seed gives the same day. */
function drawer(seed: number): (below: number) => number {
  let state = (seed % 0x7ffffffe) + 1;
  return (below) => {
    state = (state * 48_271) % 0x7fffffff;
    return state % below;
  };
}

function changes(seed: number, forMs: number): FaultEvent[] {
  const draw = drawer(seed);
  const moods = new Map<number, Mood>();
  const events: FaultEvent[] = [];
  for (let atMs = CHANGE_EVERY_MS; atMs < forMs; atMs += CHANGE_EVERY_MS) {
    const which = draw(2);
    const [before, next] = [moods.get(which), MOODS[draw(MOODS.length)]!];
    moods.set(which, next);
    events.push({
      atMs,
      async does({ rig }) {
        const upstream = rig.upstreams[which]!;
        await before?.(upstream, false);
        await next(upstream, true);
      },
    });
  }
  return events;
}

function greed(forMs: number): FaultEvent[] {
  const program = fileURLToPath(new URL("greedy-client.ts", import.meta.url));
  const events: FaultEvent[] = [];
  for (let atMs = GREEDY_EVERY_MS; atMs + GREEDY_FOR_MS < forMs; atMs += GREEDY_EVERY_MS) {
    const does: FaultEvent["does"] = ({ rig }) =>
      outputOf([...rig.near.within, bun, program, ...[RESOLVER_PORT, 4, 5000, GREEDY_FOR_MS].map(String)]);
    events.push({ atMs, does });
  }
  return events;
}

export function badDay(minutes: number, seed: number): Scenario {
  const forMs = minutes * 60_000;
  const behaviour = { rules: POISONED };
  return {
    row: "world",
    title: `${minutes} minutes, seed ${seed}: 40 ms and 1 % loss, two of three upstreams misbehave, 2 names a second that reset connections, greedy TCP clients, ${DESCRIPTORS} descriptors, a full log`,
    criterion: `all but the resetting names answered: 0 SERVFAIL, 0 lost, 0 wrong; those 0 lost; memory grows by < ${MOST_GROWTH_MIB} MiB after the first quarter`,
    peers: false,
    upstreams: [{ behaviour }, { behaviour }, { behaviour }],
    impairment: { delayMs: 40, lossPercent: 1 },
    within: ["prlimit", `--nofile=${DESCRIPTORS}`],
    logIsUnread: true,
    load: [
      { fromMs: 0, toMs: forMs, rate: 100 },
      { fromMs: 0, toMs: forMs, rate: 100, names: 200, under: "kept.example.net" },
      { fromMs: 0, toMs: forMs, rate: 2, under: POISON },
    ],
    counted: { segments: [0, 1] },
    events: [{ atMs: 1000, does: ({ resolver }) => resolver.fillLog() }, ...changes(seed, forMs), ...greed(forMs)],
    judge(outcome) {
      const settledMs = forMs * SETTLED_PART;
      const [before, after] = [true, false].map((isBefore) =>
        Math.max(
          ...outcome.residentOctets.filter(({ atMs }) => atMs < settledMs === isBefore).map(({ octets }) => octets),
        ),
      ) as [number, number];
      const grownMib = (after - before) / MIB;
      return [
        ...allAnswered(outcome, { segments: [0, 1] }),
        ...noneSilent(outcome, { segments: [2] }),
        ...(grownMib < MOST_GROWTH_MIB ? [] : [`memory grew by ${grownMib.toFixed(0)} MiB`]),
        ...(outcome.stillAlive ? [] : ["it ended"]),
      ];
    },
  };
}
