/** A second server is asked when the first is late. */

import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/upstream/counters.ts";
import type { GroupLimits } from "../../src/upstream/group/group-limits.ts";
import { HedgeBudget } from "../../src/upstream/group/hedging.ts";
import { answerTo, labelOf } from "../support/fake-upstream.ts";
import { type Scene, some, told } from "../support/fake-upstream-group.ts";

const SERVFAIL = 0x8182;

/** Servers with a connection each, the first of which answered so often after so many milliseconds. */
function measured(answerMs = 10, answers = 100, limits: Partial<GroupLimits> = {}, servers = 2): Scene {
  const scene = some(servers, {}, limits);
  scene.set.warm();
  for (const dial of scene.network.dials) dial.secure();
  for (let i = 0; i < answers; i++) {
    scene.ask("a");
    scene.clock.advance(answerMs);
    for (const dial of scene.network.dials) dial.answerAll();
  }
  return scene;
}

/** The query with this label on the connection of the server with this index. */
function query(scene: Scene, server: number, label: string): Uint8Array {
  const found = scene.dial(server).queries.find((octets) => labelOf(octets) === label);
  if (found === undefined) throw new Error(`server ${server} was not asked for ${label}`);
  return found;
}

const asked = (scene: Scene, server: number) => scene.dial(server).queries.map(labelOf);
const count = (scene: Scene, server: number, counter: keyof typeof COUNTER) =>
  scene.set.members[server]!.counters.of(COUNTER[counter]);

describe("when the first is late", () => {
  test("a second is asked, not before, and whichever answers first has answered", () => {
    const scene = measured();
    const [late] = scene.ask("late");
    scene.clock.advance(19);
    expect(asked(scene, 1)).toEqual([]);
    scene.clock.advance(21);
    expect(asked(scene, 1)).toEqual(["late"]);
    scene.dial(1).send(answerTo(query(scene, 1, "late")));
    expect(late!.told).toEqual(["answer 0"]);
    expect([count(scene, 1, "HEDGES"), count(scene, 1, "HEDGE_WINS"), count(scene, 0, "ABANDONED")]).toEqual([1, 1, 1]);
    expect(scene.set.members.map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });

  test("the first may still be first: then the second is taken back", () => {
    const scene = measured();
    const [late] = scene.ask("late");
    scene.clock.advance(40);
    scene.dial(0).send(answerTo(query(scene, 0, "late")));
    expect(late!.told).toEqual(["answer 0"]);
    expect([count(scene, 1, "HEDGES"), count(scene, 1, "HEDGE_WINS"), count(scene, 1, "ABANDONED")]).toEqual([1, 0, 1]);
    expect(scene.set.members.map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });

  test.each([
    ["the first", 0],
    ["the second", 1],
  ])("the ID of %s, if it loses, is not given out before its late answer came, which is dropped", (_who, loser) => {
    const scene = measured();
    scene.ask("late");
    scene.clock.advance(40);
    scene.dial(1 - loser).send(answerTo(query(scene, 1 - loser, "late")));
    scene.dial(loser).send(answerTo(query(scene, loser, "late")));
    expect(count(scene, loser, "UNSOLICITED")).toBe(0);
    scene.dial(loser).send(answerTo(query(scene, loser, "late")));
    expect(count(scene, loser, "UNSOLICITED")).toBe(1);
    expect(scene.dial(loser).stream.destroyed).toBe(false);
  });

  test("late is what its own answers say: a slow server's second is asked later", () => {
    const scene = measured(200, 30);
    const { p95Ms } = scene.set.members[0]!.times;
    scene.ask("late");
    scene.clock.advance(p95Ms - 1);
    expect(asked(scene, 1)).toEqual([]);
    scene.clock.advance(22);
    expect(asked(scene, 1)).toEqual(["late"]);
  });

  test("nothing is known of a server that has not answered yet: no second is asked", () => {
    const scene = measured(10, 0);
    scene.ask("late");
    scene.clock.advance(700);
    expect(asked(scene, 1)).toEqual([]);
  });

  test("a failing server is not asked as the second", () => {
    const scene = some(2);
    scene.set.warm();
    scene.dial(1).fail("ECONNREFUSED");
    scene.dial(0).secure();
    scene.ask("a");
    scene.dial(0).answerAll();
    scene.ask("late");
    scene.clock.advance(100);
    expect(scene.network.dials).toHaveLength(2);
  });

  test("with sticky names, no other operator hears of it", () => {
    const scene = measured(10, 100, { strategy: "sticky" });
    const [home, other] = scene.dial(0).queries.length > 0 ? [0, 1] : [1, 0];
    scene.ask("a");
    scene.clock.advance(400);
    expect(asked(scene, other!)).toEqual([]);
    expect(asked(scene, home!).at(-1)).not.toBe("late");
  });
});

describe("what a second is worth", () => {
  test("its error does not beat the answer that may still come", () => {
    const scene = measured();
    const [late] = scene.ask("late");
    scene.clock.advance(40);
    scene.dial(1).send(answerTo(query(scene, 1, "late"), SERVFAIL));
    expect(late!.told).toEqual([]);
    scene.dial(0).send(answerTo(query(scene, 0, "late")));
    expect(late!.told).toEqual(["answer 0"]);
    expect(count(scene, 1, "HEDGE_WINS")).toBe(0);
  });

  test("an error of the first waits for it", () => {
    const scene = measured();
    const [late] = scene.ask("late");
    scene.clock.advance(40);
    scene.dial(0).send(answerTo(query(scene, 0, "late"), SERVFAIL));
    expect(late!.told).toEqual([]);
    scene.dial(1).send(answerTo(query(scene, 1, "late")));
    expect(late!.told).toEqual(["answer 0"]);
  });

  test("two errors are the answer", () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const scene = measured();
      const [late] = scene.ask("late");
      scene.clock.advance(40);
      for (const server of order) scene.dial(server).send(answerTo(query(scene, server, "late"), SERVFAIL));
      expect(late!.told).toEqual(["answer 2"]);
    }
  });

  test.each([
    ["the second's connection dies: the first is waited for", 1],
    ["the first's connection dies: the second is waited for", 0],
  ])("%s", (_what, dying) => {
    const scene = measured();
    const [late] = scene.ask("late");
    scene.clock.advance(40);
    scene.dial(dying).close();
    expect(late!.told).toEqual([]);
    scene.dial(1 - dying).send(answerTo(query(scene, 1 - dying, "late")));
    expect(late!.told).toEqual(["answer 0"]);
    expect(scene.set.inFlight).toBe(0);
  });

  test("the first's answer is of no use: the second is waited for", () => {
    for (const flags of [0x8181, 0x8184]) {
      const scene = measured();
      const [late] = scene.ask("late");
      scene.clock.advance(40);
      scene.dial(0).send(answerTo(query(scene, 0, "late"), flags));
      expect(late!.told).toEqual([]);
      scene.dial(1).send(answerTo(query(scene, 1, "late")));
      expect(late!.told).toEqual(["answer 0"]);
    }
  });

  test("both connections die: it is sent again, and answered once", () => {
    const scene = measured();
    const [late] = scene.ask("late");
    scene.clock.advance(40);
    scene.dial(0).close();
    scene.dial(1).close();
    // The second had never answered; the first had, and may be asked once more.
    expect(scene.network.last.host).toBe("10.0.0.1");
    scene.network.last.secure().answerAll();
    expect(late!.told).toEqual(["answer 0"]);
  });

  test("with a third server: it is asked when neither answers in time", () => {
    const scene = measured(10, 100, {}, 3);
    const answered = [0, 1].map((server) => scene.dial(server).queries.length);
    const [late] = scene.ask("late");
    for (let i = 0; i < 32; i++) {
      scene.clock.advance(50);
      scene.ask(`n${i}`);
      for (const server of [0, 1]) {
        const queries = scene.dial(server).queries.slice(answered[server]);
        answered[server]! += queries.length;
        scene
          .dial(server)
          .send(...queries.filter((octets) => labelOf(octets) !== "late").map((octets) => answerTo(octets)));
      }
    }
    expect(late!.told).toEqual([]);
    scene.dial(2).send(answerTo(query(scene, 2, "late")));
    expect(late!.told).toEqual(["answer 0"]);
  });
});

describe("the budget", () => {
  test("one for twenty queries, and a store for a bad moment", () => {
    const budget = new HedgeBudget();
    expect([budget.spend(), budget.spend()]).toEqual([true, false]);
    for (let i = 0; i < 19; i++) budget.earn();
    expect(budget.spend()).toBe(false);
    for (let i = 0; i < 2; i++) budget.earn();
    expect([budget.spend(), budget.spend()]).toEqual([true, false]);
    for (let i = 0; i < 100_000; i++) budget.earn();
    let stored = 0;
    while (budget.spend()) stored++;
    expect(stored).toBe(50);
  });

  test("a server that becomes slow for everyone does not double the load", () => {
    const scene = measured();
    const answers = [];
    for (let i = 0; i < 400; i++) {
      const exchanges = scene.ask("slow");
      scene.clock.advance(60);
      scene.dial(0).answerAll();
      answers.push(...told(exchanges));
    }
    expect(answers).toEqual(new Array(400).fill("answer 0"));
    expect(count(scene, 1, "HEDGES")).toBeGreaterThan(5);
    expect(count(scene, 1, "HEDGES")).toBeLessThanOrEqual(1 + 0.05 * 500);
  });
});
