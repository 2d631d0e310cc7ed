import { describe, expect, test } from "bun:test";
import { answerTo, connectionLimits, type FakeDial, labelOf, upstreamLimits } from "../support/fake-upstream.ts";
import { one, told, two } from "../support/fake-upstream-group.ts";

describe("more than one upstream", () => {
  test("the first is preferred; the next takes over when it fails, and a query fails when all have", () => {
    const scene = two();
    const [asked] = scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    scene.dial(1).fail("CERT_HAS_EXPIRED");
    expect(asked!.told).toEqual(["authentication"]);
  });

  test.each([
    ["SERVFAIL", 0x8182, "answer 0"],
    ["REFUSED", 0x8185, "answer 0"],
    ["NXDOMAIN", 0x8183, "answer 3"],
    ["FORMERR, twice,", 0x8181, "answer 0"],
    ["NOTIMP, twice,", 0x8184, "answer 0"],
  ])("%s of the first", (_name, flags, becomes) => {
    const scene = two();
    const [asked] = scene.ask("a");
    scene.dial(0).secure().answerAll(flags);
    scene.dial(0).answerAll(flags);
    if (becomes === "answer 0") scene.dial(1).secure().answerAll();
    expect(asked!.told).toEqual([becomes]);
  });

  test("SERVFAIL and REFUSED of the last are answers, and so is what it says of the question when asked plainly", () => {
    for (const [flags, becomes] of [
      [0x8182, "answer 2"],
      [0x8185, "answer 5"],
      [0x8181, "answer 1"],
      [0x8184, "answer 4"],
    ] as const) {
      const scene = one();
      const [asked] = scene.ask("a");
      scene.dial(0).secure().answerAll(flags);
      scene.dial(0).answerAll(flags);
      expect(asked!.told).toEqual([becomes]);
    }
  });

  test("a malformed answer: the next is asked", () => {
    const scene = two();
    const [asked] = scene.ask("a");
    const { queries } = scene.dial(0).secure();
    scene.dial(0).send(answerTo(queries[0]!).map((octet, i) => (i === 7 ? 1 : octet)));
    scene.dial(1).secure().answerAll();
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test("a failing one is passed over, probed after its back-off, and preferred again when the probe is answered", () => {
    const scene = two();
    scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure().answerAll();
    scene.clock.advance(700); // the back-off of 1 s is up to a quarter shorter
    scene.ask("b");
    scene.clock.advance(20);
    scene.dial(1).answerAll();
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    scene.clock.advance(280);
    scene.ask("c", "d");
    scene.clock.advance(20);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    // The clients' queries are not at stake.
    expect(scene.dial(1).queries.map(labelOf)).toEqual(["a", "b", "c", "d"]);
    scene.dial(2).secure();
    expect(scene.dial(2).queries.map((query) => [...query.subarray(12, 17)])).toEqual([[0, 0, 2, 0, 1]]);
    scene.dial(2).answerAll();
    expect(scene.network.log.told.at(-1)).toBe("info upstream 10.0.0.1: works again");
    const asked = scene.ask("e");
    expect(scene.dial(2).queries).toHaveLength(2);
    scene.dial(2).answerAll();
    expect(told(asked)).toEqual(["answer 0"]);
  });

  test("the back-off doubles with each failed probe, up to its bound", () => {
    const scene = two({ health: { ...upstreamLimits.health, maxBackOffMs: 5000 } });
    scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure().answerAll();
    const probesMs: number[] = [];
    const startMs = scene.clock.nowMs();
    for (let i = 0; i < 220; i++) {
      scene.clock.advance(100);
      scene.ask(`n${i}`);
      scene.dial(1).answerAll();
      if (scene.network.last.host === "10.0.0.1" && !scene.network.last.stream.closed) {
        probesMs.push(scene.clock.nowMs() - startMs);
        scene.network.last.fail("ECONNREFUSED");
      }
    }
    const gapsMs = probesMs.map((ms, i) => ms - (probesMs[i - 1] ?? 0));
    for (const [i, backOffMs] of [1000, 2000, 4000, 5000, 5000].entries()) {
      expect(gapsMs[i]).toBeGreaterThanOrEqual(0.75 * backOffMs);
      expect(gapsMs[i]).toBeLessThanOrEqual(backOffMs + 120); // noticed with the next query
    }
    expect(new Set(gapsMs).size).toBeGreaterThan(3); // jittered
  });

  test("a probe that nobody answers is a failure too, and the next is made on a new connection", () => {
    const scene = two();
    scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure().answerAll();
    const probes: FakeDial[] = [];
    for (let i = 0; i < 200 && probes.length < 3; i++) {
      scene.clock.advance(100);
      scene.ask(`n${i}`);
      scene.dial(1).answerAll();
      const { last } = scene.network;
      if (last.host === "10.0.0.1" && last !== probes.at(-1) && !last.stream.closed) probes.push(last.secure());
    }
    expect(probes.map(({ queries }) => queries.length)).toEqual([1, 1, 1]);
    expect(probes.map(({ stream }) => stream.destroyed)).toEqual([true, true, false]);
  });

  test("a second probe is not sent while the first is on its way, though the server failed again meanwhile", () => {
    const scene = one({ connection: { ...connectionLimits, maxTakenIds: 2 } });
    scene.ask("a");
    scene.dial(0).secure();
    scene.clock.advance(1520); // silent: suspected, and probed on the next connection
    const probed = scene.network.last.secure();
    expect(probed.queries.map(labelOf).sort()).toEqual(["", "a"]);
    scene.ask("b");
    const next = scene.network.last.secure(); // that one is full
    expect(next.queries.map(labelOf)).toEqual(["b"]);
    next.close(); // without an answer
    for (let i = 0; i < 3; i++) {
      scene.clock.advance(800);
      const stray = answerTo(probed.queries[0]!).map((octet, at) => (at === 0 ? octet ^ 1 : octet));
      probed.send(stray); // no answer, and yet a sign of life
    }
    // The first connection was asked whether it was silent or its name slow.
    const probes = scene.network.dials
      .slice(1)
      .flatMap(({ queries }) => queries.filter((query) => labelOf(query) === ""));
    expect(probes).toHaveLength(1);
  });

  test("a probe that is never answered does not keep a working connection from idling out", () => {
    const scene = two();
    scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure().answerAll();
    scene.clock.advance(1000);
    scene.ask("b");
    scene.clock.advance(20);
    const probed = scene.network.last.secure();
    scene.dial(1).close();
    scene.network.last.fail("ECONNREFUSED"); // the second upstream, dialled for "b" again
    const answered = probed.queries.find((query) => labelOf(query) === "b")!;
    probed.send(answerTo(answered));
    expect(scene.network.log.told.at(-1)).toBe("info upstream 10.0.0.1: works again");
    scene.clock.advance(8000);
    expect(probed.stream.destroyed).toBe(true);
  });

  test("a dead connection: what was in flight goes to the healthy one", () => {
    const scene = two();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(5);
    const asked = scene.ask("a");
    scene.clock.advance(300);
    asked.push(...scene.ask("b"));
    scene.clock.advance(220);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    expect(scene.dial(1).host).toBe("10.0.0.2");
    expect(scene.dial(1).secure().queries.map(labelOf)).toEqual(["a", "b"]);
    scene.dial(1).answerAll();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
  });
});
