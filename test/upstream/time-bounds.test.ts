import { describe, expect, test } from "bun:test";
import { answerTo, type FakeExchange } from "../support/fake-upstream.ts";
import { labels, one, told, two } from "../support/fake-upstream-set.ts";

describe("time", () => {
  test("a query fails when its time is over, and its late answer is dropped", () => {
    const scene = one();
    const [asked] = scene.ask("a");
    scene.dial(0).secure();
    scene.clock.advance(3000);
    const [younger] = scene.ask("b");
    scene.dial(0).send(answerTo(scene.dial(0).queries[1]!));
    scene.clock.advance(999);
    expect(asked!.told).toEqual([]);
    scene.clock.advance(51);
    expect(asked!.told).toEqual(["timeout"]);
    scene.dial(0).answerAll();
    expect(told([asked!, younger!])).toEqual(["timeout", "answer 0"]);
    expect(scene.set.inFlight).toBe(0);
  });

  test("one name that is slow leaves the connection to the others", () => {
    const scene = one();
    scene.ask("slow");
    scene.dial(0).secure();
    for (let i = 0; i < 10; i++) {
      scene.clock.advance(500);
      const [asked] = scene.ask(`n${i}`);
      const { queries } = scene.dial(0);
      scene.dial(0).send(answerTo(queries.at(-1)!));
      expect(asked!.told).toEqual(["answer 0"]);
    }
    expect(scene.network.dials).toHaveLength(1);
    expect(scene.network.log.told).toEqual([]);
  });

  test("a connection on which nothing is heard is dead: the others are sent again on a new one", () => {
    const scene = one();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(10);
    const [lost] = scene.ask("lost");
    scene.clock.advance(2000);
    const [younger] = scene.ask("younger");
    scene.clock.advance(2050);
    expect(lost!.told).toEqual(["timeout"]);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).secure().answerAll();
    expect(younger!.told).toEqual(["answer 0"]);
  });

  test("what was in flight on a dead connection does not end the one dialled after it", () => {
    const scene = one();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.stepMs = 0.001;
    scene.clock.advance(10);
    const asked: FakeExchange[] = [];
    // Fifty a second, into the void; the new connection needs 300 ms for its handshake.
    for (let i = 0; i < 203; i++) {
      asked.push(...scene.ask(`n${i}`));
      scene.clock.advance(20);
    }
    expect(scene.network.dials).toHaveLength(2);
    for (let i = 0; i < 15; i++) {
      scene.ask(`m${i}`);
      scene.clock.advance(20);
    }
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).secure().answerAll();
    const answers = told(asked).filter((what) => what === "answer 0");
    expect(answers.length).toBeGreaterThan(180);
    expect(scene.set.inFlight).toBe(0);
  });

  test("a burst into a dead connection fails with one more dial and not one each", () => {
    const scene = one();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(5);
    const asked = scene.ask(...labels(500));
    scene.clock.advance(4100);
    expect(told(asked)).toEqual(new Array(500).fill("timeout"));
    expect(scene.network.dials).toHaveLength(2);
  });

  test("with another upstream left, an attempt is shorter", () => {
    const scene = two();
    const [asked] = scene.ask("a");
    scene.dial(0).secure();
    scene.clock.advance(1499);
    expect(scene.hosts).toEqual(["10.0.0.1"]);
    scene.clock.advance(51);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    scene.dial(1).secure();
    scene.clock.advance(2440);
    expect(asked!.told).toEqual([]);
    scene.dial(1).answerAll();
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test("no timer runs when nothing is in flight but the connection's own", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(100);
    expect(scene.clock.timers).toBe(1);
    scene.clock.advance(8000);
    expect(scene.clock.timers).toBe(0);
  });
});
