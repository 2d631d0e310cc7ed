import { describe, expect, test } from "bun:test";
import { IdleHorizon } from "../../src/upstream/dot/idle-horizon.ts";
import { opt, option, question, response } from "../support/fake-messages.ts";
import { answerTo, idOf } from "../support/fake-upstream.ts";
import { one, type Scene, told } from "../support/fake-upstream-group.ts";

const horizon = () => new IdleHorizon({ idleMs: 8000, maxIdleMs: 60_000 });

describe("how long an idle connection is kept", () => {
  test("before anything is known, as configured", () => {
    expect(horizon().retireAfterMs).toBe(8000);
    expect(horizon().learnedMs).toBeUndefined();
  });

  test("four fifths of what the server says, but not without bound", () => {
    const learned = horizon();
    learned.announced(30_000);
    expect(learned.retireAfterMs).toBe(24_000);
    learned.announced(2000);
    expect(learned.retireAfterMs).toBe(1600);
    learned.announced(6_553_500);
    expect(learned.retireAfterMs).toBe(60_000);
  });

  test("four fifths of when the server was seen to close", () => {
    const learned = horizon();
    learned.sawIdleClose(2000);
    expect(learned.retireAfterMs).toBe(1600);
    learned.sawIdleClose(1000);
    expect(learned.retireAfterMs).toBe(800);
  });

  test("a server that closes well before the time it named is not believed until it names another", () => {
    const learned = horizon();
    learned.announced(10_000);
    learned.sawIdleClose(9000);
    expect(learned.retireAfterMs).toBe(8000);
    learned.sawIdleClose(3000);
    expect(learned.retireAfterMs).toBe(2400);
    learned.announced(5000);
    expect(learned.retireAfterMs).toBe(4000);
  });

  test("longer again with each connection that outlives it, until the bound", () => {
    const learned = horizon();
    learned.sawIdleClose(2000);
    learned.outlived(1600);
    expect(learned.retireAfterMs).toBe(2000);
    learned.outlived(2000);
    expect(learned.retireAfterMs).toBe(2500);
    for (let i = 0; i < 50; i++) learned.outlived(learned.retireAfterMs);
    expect(learned.retireAfterMs).toBe(60_000);
  });

  test("a connection that ended before its time outlived nothing", () => {
    const learned = horizon();
    learned.sawIdleClose(2000);
    learned.outlived(1599);
    expect(learned.retireAfterMs).toBe(1600);
  });

  test("even a close at once is not held against a server for ever", () => {
    const learned = horizon();
    learned.sawIdleClose(0);
    expect(learned.retireAfterMs).toBe(0);
    for (let i = 0; i < 30; i++) learned.outlived(learned.retireAfterMs);
    expect(learned.retireAfterMs).toBeGreaterThan(30_000);
  });
});

describe("connections", () => {
  /** Answers the only open query, with an edns-tcp-keepalive of so many 100 ms. */
  function answerWithKeepalive(scene: Scene, units: number): void {
    const { last } = scene.network;
    const query = last.queries.at(-1)!;
    const asked = [...query.subarray(12, query.indexOf(0, 12) + 5)];
    const options = option(11, [units >> 8, units & 255]);
    last.send(response({ id: idOf(query), questions: [asked], additional: [opt({ options })] }));
  }

  test("a keepalive of 30 s: kept for 24 s, and then retired", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure();
    answerWithKeepalive(scene, 300);
    scene.clock.advance(23_999);
    expect(scene.dial(0).stream.destroyed).toBe(false);
    expect(scene.set.members[0]!.gauges().idleHorizonMs).toBe(30_000);
    scene.clock.advance(1);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    scene.ask("b");
    expect(scene.network.dials).toHaveLength(2);
  });

  test("a keepalive of 0 (RFC 7828, 3.4): what is in flight is answered, then the connection ends", () => {
    const scene = one();
    const asked = scene.ask("a", "b");
    const [a] = scene.dial(0).secure().queries;
    answerWithKeepalive(scene, 0); // to "b"
    expect(scene.dial(0).stream.destroyed).toBe(false);
    const [c] = scene.ask("c");
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(0).send(response({ id: idOf(a!), questions: [question("a.test")] }));
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    scene.dial(1).secure().answerAll();
    expect(c!.told).toEqual(["answer 0"]);
  });

  test("a server seen to close after 2 s idle: the next connection is retired after 1.6 s, and nobody is to blame", () => {
    const scene = one();
    const asked = scene.ask("a");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(2000);
    scene.dial(0).close();
    asked.push(...scene.ask("b"));
    scene.dial(1).secure().answerAll();
    scene.clock.advance(1599);
    expect(scene.dial(1).stream.destroyed).toBe(false);
    scene.clock.advance(1);
    expect(scene.dial(1).stream.destroyed).toBe(true);
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    expect(scene.network.log.told).toEqual([]);
    expect(scene.set.members[0]!.gauges().breakers).toEqual([{ family: 4, state: "closed" }]);
  });

  test("whose timer is late, as after a suspend, are not used", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure().answerAll();
    // The clock went on, and no timer with it.
    const nowMs = scene.clock.nowMs.bind(scene.clock);
    scene.clock.nowMs = () => nowMs() + 3_600_000;
    scene.ask("b");
    expect(scene.dial(0).queries).toHaveLength(1);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    expect(scene.network.dials).toHaveLength(2);
  });

  test("the time in use is not idle time", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(2000);
    scene.dial(0).close(); // learned: 2 s
    scene.ask("b");
    const { last } = scene.network;
    last.secure().answerAll();
    // Never idle for a minute, then told to close.
    scene.ask("n");
    for (let i = 0; i < 600; i++) {
      scene.clock.advance(100);
      scene.ask(`n${i}`);
      last.send(answerTo(last.queries.at(-2)!));
    }
    answerWithKeepalive(scene, 0);
    expect(last.stream.destroyed).toBe(true);
    expect(scene.set.members[0]!.gauges().idleHorizonMs).toBe(2000);
  });
});
