/** Whatever happens in whatever order: each exchange is told exactly once, of its own answer, and no live ID is reused. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { UpstreamSet } from "../../src/upstream/upstream-set.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  answerTo,
  connectionLimits,
  type FakeDial,
  FakeExchange,
  FakeNetwork,
  identity,
  idOf,
  labelOf,
  setLimits,
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
  "garbage",
  "turn",
];

class World {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork(this.clock);
  readonly set: UpstreamSet;
  readonly asked: FakeExchange[] = [];
  readonly #secured = new Set<FakeDial>();
  /** Queries that were answered, by connection. */
  readonly #answered = new Map<FakeDial, Set<number>>();

  constructor(servers: number) {
    const identities = Array.from({ length: servers }, (_, i) =>
      identity(`10.0.0.${i}`, { addresses: [`10.0.0.${i}`, `10.0.1.${i}`] }),
    );
    const parts = this.network.parts({ connection: { ...connectionLimits, maxTakenIds: 6, maxUnsolicited: 2 } });
    this.set = new UpstreamSet(identities, parts, setLimits);
  }

  happen(event: string, which: number): void {
    const open = this.network.dials.filter(({ stream }) => !stream.closed);
    const dial = open[which % Math.max(1, open.length)];
    if (event === "ask") this.#ask();
    else if (event === "wait") this.clock.advance(which % 1800);
    else if (event === "turn") this.clock.turn();
    else if (dial !== undefined) this.#happenTo(dial, event, which);
    this.#expectNoLiveIdTwice();
  }

  #ask(): void {
    const exchange = new FakeExchange(`n${this.asked.length}`, this.clock.nowMs() + 4000);
    this.asked.push(exchange);
    this.set.ask(exchange);
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
}

test("each exchange is told exactly once, and of its own answer", () => {
  const schedule = fc.array(fc.tuple(fc.constantFrom(...events), fc.nat()), { minLength: 20, maxLength: 120 });
  let answers = 0;
  let failures = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), schedule, (servers, steps) => {
      const world = new World(servers);
      for (const [event, which] of steps) world.happen(event, which);
      world.clock.advance(4100);
      for (const exchange of world.asked) {
        expect(exchange.told).toHaveLength(1);
        if (exchange.answer === undefined) failures++;
        else {
          answers++;
          expect(labelOf(exchange.answer)).toBe(exchange.label);
        }
      }
      expect(world.set.inFlight).toBe(0);
    }),
    { seed: 20_261_123, numRuns: 300 },
  );
  // Both must have happened often, or the schedules say little.
  expect([answers > 300, failures > 300]).toEqual([true, true]);
});

test("an exchange that is used again from within its own telling is told once for each begin()", () => {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const set = new UpstreamSet([identity("10.0.0.1")], network.parts(), setLimits);
  const exchange = new FakeExchange("a", clock.nowMs() + 4000);
  exchange.onTold = () => {
    if (exchange.told.length >= 3) return;
    exchange.begin(clock.nowMs() + 4000);
    set.ask(exchange);
  };
  set.ask(exchange);
  network.last.secure().answerAll();
  clock.advance(4100);
  network.last.fail("ECONNREFUSED");
  clock.advance(10_000);
  expect(exchange.told).toHaveLength(3);
  expect(set.inFlight).toBe(0);
});
