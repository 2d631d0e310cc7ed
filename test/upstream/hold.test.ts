import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/upstream/counters.ts";
import { told, two } from "../support/fake-upstream-set.ts";

describe("a host that has no way to any upstream", () => {
  test("keeps queries for a moment, and sends them when it has one again", () => {
    const scene = two();
    const asked = scene.ask("a");
    scene.dial(0).fail("ENETUNREACH");
    scene.dial(1).fail("EADDRNOTAVAIL");
    scene.clock.advance(900);
    expect(told(asked)).toEqual([]);
    scene.clock.advance(300);
    for (const dial of scene.network.dials) if (!dial.stream.closed) dial.secure().answerAll();
    expect(told(asked)).toEqual(["answer 0"]);
    for (const { counters } of scene.set.servers) expect(counters.of(COUNTER.HEDGES)).toBe(0);
  });

  test("fails them after two seconds", () => {
    const scene = two();
    const asked = scene.ask("a");
    for (let i = 0; i < 30; i++) {
      for (const dial of scene.network.dials) if (!dial.stream.closed) dial.fail("ENETUNREACH");
      scene.clock.advance(100);
    }
    expect(told(asked)).toEqual(["connect"]);
    expect(scene.network.dials.length).toBeLessThan(10);
  });

  test("a server that refuses is another matter: the query fails at once", () => {
    const scene = two();
    const asked = scene.ask("a");
    scene.dial(0).fail("ENETUNREACH");
    scene.dial(1).fail("ECONNREFUSED");
    expect(told(asked)).toEqual(["connect"]);
  });
});
