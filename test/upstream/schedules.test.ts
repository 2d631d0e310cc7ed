/**
 * Whatever happens in whatever order: each exchange is told exactly once, of its own answer, no live ID is reused, and
 * the counters add up.
 */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Strategy, strategies } from "../../src/config/config.ts";
import { COUNTER, failureKinds, type UpstreamCounters } from "../../src/upstream/counters.ts";
import { UpstreamGroup } from "../../src/upstream/group/upstream-group.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  answerTo,
  connectionLimits,
  type FakeDial,
  FakeExchange,
  FakeNetwork,
  groupLimits,
  identity,
  idOf,
  labelOf,
} from "../support/fake-upstream.ts";

const events = [
  "ask",
  "ask",
  "secure",
  "answer",
  "answer",
  "answer",
  "late",
  "refuse",
  "close",
  "wait",
  "wait",
  "pause",
  "garbage",
  "servfail",
  "turn",
];

class World {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork(this.clock);
  readonly set: UpstreamGroup;
  readonly asked: FakeExchange[] = [];
  readonly #secured = new Set<FakeDial>();
  /** Queries that were answered, by connection. */
  readonly #answered = new Map<FakeDial, Set<number>>();

  constructor(servers: number, strategy: Strategy) {
    const identities = Array.from({ length: servers }, (_, i) =>
      identity(`10.0.0.${i}`, { addresses: [`10.0.0.${i}`, `10.0.1.${i}`] }),
    );
    const connection = { ...connectionLimits, maxTakenIds: 6, maxUnsolicited: 2 };
    const parts = this.network.parts({ connection, maxWaiting: 3 });
    this.set = new UpstreamGroup(identities, parts, { ...groupLimits, strategy });
  }

  happen(event: string, which: number): void {
    const open = this.network.dials.filter(({ stream }) => !stream.closed);
    const dial = open[which % Math.max(1, open.length)];
    if (event === "ask") this.#ask();
    else if (event === "wait") this.clock.advance(which % 1800);
    else if (event === "pause") this.clock.advance(which % 60);
    else if (event === "turn") this.clock.turn();
    else if (dial !== undefined) this.#happenTo(dial, event, which);
    this.#expectNoLiveIdTwice();
    this.#expectCountersAddUp();
  }

  countOf(counter: (typeof COUNTER)[keyof typeof COUNTER]): number {
    return this.set.members.reduce((sum, { counters }) => sum + counters.of(counter), 0);
  }

  #ask(): void {
    const exchange = new FakeExchange(`n${this.asked.length}`, this.clock.nowMs() + 4000);
    this.asked.push(exchange);
    this.set.ask(exchange, this.clock.nowMs());
  }

  #happenTo(dial: FakeDial, event: string, which: number): void {
    const isSecure = this.#secured.has(dial);
    if (event === "secure" && !isSecure) {
      this.#secured.add(dial);
      dial.secure();
    } else if (event === "refuse" && !isSecure) dial.fail("ECONNREFUSED");
    else if (event === "close" && isSecure) dial.close();
    else if (isSecure) this.#send(dial, event, which);
  }

  #send(dial: FakeDial, event: string, which: number): void {
    const answered = this.#answered.get(dial) ?? new Set();
    this.#answered.set(dial, answered);
    const { queries } = dial;
    const at = which % Math.max(1, queries.length);
    const query = queries[at];
    if (query === undefined) return;
    if (event === "garbage") dial.send(answerTo(query, which % 2 === 0 ? 0x0100 : 0x8181));
    else if (event === "servfail" && !answered.has(at)) dial.send(answerTo(query, 0x8182));
    else if (event === "late" || !answered.has(at)) dial.send(answerTo(query));
    answered.add(at);
  }

  #expectNoLiveIdTwice(): void {
    for (const dial of this.network.dials) {
      const answered = this.#answered.get(dial) ?? new Set();
      const open = dial.queries.filter((_, at) => !answered.has(at)).map(idOf);
      expect(new Set(open).size).toBe(open.length);
    }
  }

  #expectCountersAddUp(): void {
    for (const { counters, inFlight } of this.set.members) {
      expect(endedAttempts(counters) + inFlight).toBe(counters.of(COUNTER.ATTEMPTS));
    }
  }
}

function endedAttempts(counters: UpstreamCounters): number {
  const failures = failureKinds.reduce((sum, kind) => sum + counters.failures(kind), 0);
  return counters.of(COUNTER.ANSWERS) + counters.of(COUNTER.ABANDONED) + failures;
}

test("each exchange is told exactly once, and of its own answer", () => {
  const schedule = fc.array(fc.tuple(fc.constantFrom(...events), fc.nat()), { minLength: 20, maxLength: 120 });
  let answers = 0;
  let failures = 0;
  let hedges = 0;
  let resends = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(...strategies),
      schedule,
      (servers, strategy, steps) => {
        const world = new World(servers, strategy);
        for (const [event, which] of steps) world.happen(event, which);
        world.clock.advance(4100);
        world.happen("turn", 0);
        for (const exchange of world.asked) {
          expect(exchange.told).toHaveLength(1);
          if (exchange.answer === undefined) failures++;
          else {
            answers++;
            expect(labelOf(exchange.answer)).toBe(exchange.label);
          }
        }
        expect(world.set.inFlight).toBe(0);
        hedges += world.countOf(COUNTER.HEDGES);
        resends += world.countOf(COUNTER.RESENDS);
      },
    ),
    { seed: 20_261_123, numRuns: 400 },
  );
  // Each must have happened often, or the schedules say little.
  expect(Math.min(answers, failures, 10 * hedges, 3 * resends)).toBeGreaterThan(300);
});

test("an exchange that is used again from within its own telling is told once for each begin()", () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const set = new UpstreamGroup([identity("10.0.0.1")], network.parts(), groupLimits);
  const exchange = new FakeExchange("a", clock.nowMs() + 4000);
  exchange.onTold = () => {
    if (exchange.told.length >= 3) return;
    exchange.begin(clock.nowMs() + 4000);
    set.ask(exchange, clock.nowMs());
  };
  set.ask(exchange, clock.nowMs());
  network.last.secure().answerAll();
  clock.advance(4100);
  network.last.fail("ECONNREFUSED");
  clock.advance(10_000);
  expect(exchange.told).toHaveLength(3);
  expect(set.inFlight).toBe(0);
});
