import { describe, expect, test } from "bun:test";
import { answerTo, identity } from "../support/fake-upstream.ts";
import { one, Scene, told, two } from "../support/fake-upstream-group.ts";

describe("stop()", () => {
  test("waits for what is in flight, then ends every connection and says nothing", async () => {
    const scene = two();
    const asked = scene.ask("a", "b");
    scene.dial(0).secure();
    let stopped = false;
    const stopping = scene.set.stop(3000).then(() => {
      stopped = true;
    });
    scene.dial(0).send(answerTo(scene.dial(0).queries[0]!));
    await Promise.resolve();
    expect(stopped).toBe(false);
    scene.dial(0).send(answerTo(scene.dial(0).queries[1]!));
    await stopping;
    scene.clock.turn();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    scene.clock.advance(100);
    expect(scene.clock.timers).toBe(0);
    expect(scene.network.log.told).toEqual([]);
  });

  test("waits no longer than its bound, and who is left is told once", async () => {
    const scene = one();
    const asked = scene.ask("a", "b");
    const stopping = scene.set.stop(3000);
    scene.clock.advance(2999);
    expect(told(asked)).toEqual(["connect", "connect"].slice(0, told(asked).length));
    scene.clock.advance(1);
    await stopping;
    expect(asked.every((exchange) => exchange.told.length === 1)).toBe(true);
  });

  test("in the middle of everything: a look-up, a dial, a probe", async () => {
    const scene = new Scene([
      identity("10.0.0.1"),
      identity("10.0.0.2"),
      identity("dns.test", { addresses: [], hostName: "dns.test" }),
    ]);
    scene.set.warm();
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure();
    scene.clock.advance(1000);
    const asked = scene.ask("a");
    scene.clock.advance(20);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]); // the last is a probe
    const lines = scene.network.log.told.length;
    const stopping = scene.set.stop(500);
    scene.clock.advance(500);
    await stopping;
    expect(told(asked)).toEqual(["stopping"]);
    scene.network.lookUps[0]!.done(["10.0.0.9"]);
    scene.clock.advance(100_000);
    expect(scene.network.dials).toHaveLength(3);
    expect(scene.network.dials.every(({ stream }) => stream.closed)).toBe(true);
    expect(scene.network.log.told).toHaveLength(lines);
    expect(scene.clock.timers).toBe(0);
  });

  test("with nothing in flight it ends at once", async () => {
    const scene = one();
    scene.set.warm();
    await scene.set.stop(3000);
    expect(scene.dial(0).stream.destroyed).toBe(true);
  });
});
