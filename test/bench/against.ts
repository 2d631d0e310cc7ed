/**
 * One executable against another: pairs of measurements in alternation, so that an hour in which the host is slow is so
 * for both, and of their ratios the median with its interval. One run after the other says nothing on a shared machine.
 */

import { ownMiBOf } from "./cpu-time.ts";
import { CACHED_LOAD, FORWARDED_LOAD, startWithinQuota, type WarmedLoad } from "./rows-load.ts";
import type { RunningServer } from "./servers.ts";
import type { Stage } from "./stage.ts";
import { type Interval, medianInterval } from "./statistics.ts";

/** The stage of each executable: the same but for what is started. */
export interface Sides {
  readonly before: Stage;
  readonly now: Stage;
}

type Side = keyof Sides;
type Pair = Readonly<Record<Side, number>>;

export interface Duel {
  readonly what: string;
  /** The most that `now` may be of `before`. */
  readonly bound: number;
  /** Pairs without end; whoever has enough leaves the loop, which stops the servers. */
  pairs(sides: Sides): AsyncGenerator<Pair, never>;
}

export interface Verdict extends Interval {
  readonly what: string;
  readonly bound: number;
  readonly pairs: number;
  readonly result: "HELD" | "MISSED" | "undecided";
}

const LEAST_PAIRS = 7;
const MOST_PAIRS = 31;
/** An interval as wide decides; a wider one after the last pair leaves it open. */
const DECISIVE_WIDTH = 0.04;
/** A process keeps what luck its compiled code and its memory had, so both are started anew after so many pairs. */
const PAIRS_PER_LIFE = 4;
const REST_MS = 3000;

/** Adds pairs until the interval is narrow enough. */
export async function fight(duel: Duel, sides: Sides, say: (text: string) => void): Promise<Verdict> {
  const ratios: number[] = [];
  let interval: Interval = { median: Number.NaN, low: Number.NaN, high: Number.NaN };
  for await (const { before, now } of duel.pairs(sides)) {
    ratios.push(now / before);
    interval = medianInterval(ratios);
    say(`${duel.what}, pair ${ratios.length}: ${before.toPrecision(4)} before, ${now.toPrecision(4)} now`);
    if (ratios.length === MOST_PAIRS || (ratios.length >= LEAST_PAIRS && isDecisive(interval))) break;
  }
  const { what, bound } = duel;
  const held = interval.median <= bound ? "HELD" : "MISSED";
  return { what, bound, pairs: ratios.length, ...interval, result: isDecisive(interval) ? held : "undecided" };
}

function isDecisive({ low, high }: Interval): boolean {
  return high - low <= DECISIVE_WIDTH;
}

/** Both under the same load, CPU time per query. */
function underLoad(start: (stage: Stage) => Promise<RunningServer>, { warm, most }: WarmedLoad): Duel["pairs"] {
  return async function* (sides) {
    for (;;) {
      const servers: Partial<Record<Side, RunningServer>> = {};
      try {
        for (const side of inTurn(0)) {
          servers[side] = await start(sides[side]);
          await warm(sides[side], servers[side]);
        }
        for (let pair = 0; pair < PAIRS_PER_LIFE; pair++) {
          yield await pairOf(pair, async (side) => (await most(sides[side], servers[side]!, pair)).cpuUs);
        }
      } finally {
        for (const server of Object.values(servers)) await server.stop();
      }
    }
  };
}

/** Each started anew for each pair, twice, since a process that starts right after another differs from that. */
function atStart(measure: (server: RunningServer) => Promise<number>): Duel["pairs"] {
  return async function* (sides) {
    const measured = async (side: Side) => {
      const server = await sides[side].start("fdns");
      try {
        return await measure(server);
      } finally {
        await server.stop();
      }
    };
    for (;;) {
      const [first, second] = [await pairOf(0, measured), await pairOf(1, measured)];
      yield { before: (first.before + second.before) / 2, now: (first.now + second.now) / 2 };
    }
  };
}

async function pairOf(pair: number, measure: (side: Side) => Promise<number>): Promise<Pair> {
  const found = { before: 0, now: 0 };
  for (const side of inTurn(pair)) found[side] = await measure(side);
  return found;
}

/** Who goes first changes from pair to pair. */
function inTurn(pair: number): readonly Side[] {
  return pair % 2 === 0 ? ["before", "now"] : ["now", "before"];
}

export const DUELS: readonly Duel[] = [
  {
    what: "cached, half a core: CPU per query",
    bound: 1.05,
    pairs: underLoad((stage) => startWithinQuota(stage, "fdns"), CACHED_LOAD),
  },
  {
    what: "forwarded: CPU per query",
    bound: 1.08,
    pairs: underLoad((stage) => stage.start("fdns"), FORWARDED_LOAD),
  },
  { what: "start to first answer", bound: 1.1, pairs: atStart(async ({ startMs }) => startMs) },
  {
    what: "own memory at rest",
    bound: 1.1,
    pairs: atStart(async ({ pid }) => {
      await Bun.sleep(REST_MS);
      return ownMiBOf(pid);
    }),
  },
];

export function againstTable(verdicts: readonly Verdict[]): string {
  return [
    "| the executable to the one before | median ratio | 95 % interval | pairs | bound | |",
    "| --- | ---: | ---: | ---: | ---: | --- |",
    ...verdicts.map(
      ({ what, median, low, high, pairs, bound, result }) =>
        `| ${what} | ${median.toFixed(3)} | ${low.toFixed(3)} to ${high.toFixed(3)} | ${pairs} | ${bound} | ${result} |`,
    ),
    "",
  ].join("\n");
}
