import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/upstream/counters.ts";
import { labels, one, told, two } from "../support/fake-upstream-group.ts";

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
    for (const { counters } of scene.set.members) expect(counters.of(COUNTER.HEDGES)).toBe(0);
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

  test("a server that refuses and never answered is another matter: the query fails at once", () => {
    const scene = two();
    const asked = scene.ask("a");
    scene.dial(0).fail("ENETUNREACH");
    scene.dial(1).fail("ECONNREFUSED");
    expect(told(asked)).toEqual(["connect"]);
  });

  test.each([
    "EMFILE",
    "ENFILE",
    "ENOBUFS",
    "ENOMEM",
    "EADDRNOTAVAIL",
    "EAFNOSUPPORT",
    "EACCES",
    "EPERM",
    "ENETUNREACH",
  ])("costs none its good name, and it is used once the cause is over: %s", (code) => {
    const scene = two();
    const asked = scene.ask("a");
    scene.dial(0).fail(code);
    scene.dial(1).fail(code);
    expect(scene.set.members.map(({ healthy }) => healthy)).toEqual([true, true]);
    // A burst makes no further dial for a moment.
    scene.clock.advance(500);
    expect(scene.network.dials).toHaveLength(2);
    scene.clock.advance(700);
    scene.dial(2).secure().answerAll();
    expect(told(asked)).toEqual(["answer 0"]);
    expect(scene.set.members.map(({ healthy }) => healthy)).toEqual([true, true]);
  });

  test.each(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])("%s says nothing of an address family", (code) => {
    const scene = two();
    scene.ask("a");
    scene.dial(0).fail(code);
    expect(scene.set.members[0]!.gauges().breakers.map(({ state }) => state)).toEqual(["closed"]);
  });
});

describe("the only upstream, which answered before and refuses", () => {
  const refuseFor = (scene: ReturnType<typeof one>, ms: number): void => {
    for (let passed = 0; passed < ms; passed += 20) {
      for (const dial of scene.network.dials) if (!dial.stream.closed) dial.fail("ECONNREFUSED");
      scene.clock.advance(20);
    }
  };
  const restarting = () => {
    const scene = one();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.dial(0).close();
    return scene;
  };

  test("for a second, as while it restarts, costs no query its answer, and few dials", () => {
    const scene = restarting();
    const asked = scene.ask(...labels(500));
    refuseFor(scene, 1000);
    asked.push(...scene.ask("later"));
    for (let ms = 0; ms < 1500; ms += 20) {
      for (const dial of scene.network.dials) if (!dial.stream.closed) dial.secure().answerAll();
      scene.clock.advance(20);
    }
    expect(told(asked)).toEqual(asked.map(() => "answer 0"));
    expect(scene.network.dials.length).toBeLessThan(10);
    expect(scene.network.log.told).toEqual([
      "warn upstream 10.0.0.1: connection refused",
      "info upstream 10.0.0.1: works again",
    ]);
  });

  test("for longer than clients wait makes queries fail at once", () => {
    const scene = restarting();
    const asked = scene.ask("a");
    refuseFor(scene, 4400);
    expect(told(asked)).toEqual(["connect"]);
    const later = scene.ask("b", "c");
    refuseFor(scene, 20);
    later.push(...scene.ask("d"));
    expect(told(later)).toEqual(["connect", "connect", "connect"]);
    expect(scene.network.dials.length).toBeLessThan(15);
  });
});
