import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LogQueue } from "../../src/observe/log-queue.ts";
import type { LogOutlet } from "../../src/runtime/runtime.ts";
import { FakeClock } from "../support/fake-clock.ts";

const LIMITS = { octets: 400, lines: 5 };

/** A reader with room for so many octets; -1: writing fails. */
class Scene implements LogOutlet {
  readonly clock = new FakeClock();
  readonly queue: LogQueue;
  room = Number.POSITIVE_INFINITY;
  text = "";
  tries = 0;
  readonly told: number[] = [];

  private constructor() {
    this.queue = new LogQueue({
      outlet: Promise.resolve(this),
      clock: this.clock,
      limits: LIMITS,
      onRecovered: (lost, sinceMs) => {
        this.told.push(lost, sinceMs);
        this.queue.write(`lost ${lost}\n`);
      },
    });
  }

  static async open(): Promise<Scene> {
    const scene = new Scene();
    await Promise.resolve();
    return scene;
  }

  write(octets: Uint8Array): number | Promise<number> {
    this.tries++;
    if (this.room < 0) return -1;
    const taken = Math.min(this.room, octets.length);
    this.text += new TextDecoder().decode(octets.subarray(0, taken));
    this.room -= taken;
    return taken;
  }

  lines(from: number, to: number): void {
    for (let i = from; i <= to; i++) this.queue.write(`${i}\n`);
  }
}

test("lines leave at once while they are read", async () => {
  const scene = await Scene.open();
  scene.queue.write("a\n");
  expect(scene.text).toBe("a\n");
  expect(scene.clock.timers).toBe(0);
});

test("lines that come before there is an outlet wait for it", async () => {
  const scene = new (Scene as unknown as new () => Scene)();
  scene.lines(1, 3);
  expect(scene.text).toBe("");
  await Promise.resolve();
  expect(scene.text).toBe("1\n2\n3\n");
});

describe("a reader that stands still", () => {
  test("costs a try now and then, and no line that fits", async () => {
    const scene = await Scene.open();
    scene.room = 3;
    scene.lines(1, 4);
    expect(scene.text).toBe("1\n2");
    scene.clock.advance(60_000);
    expect(scene.tries).toBeLessThan(300);
    scene.room = 100;
    scene.clock.advance(250);
    expect(scene.text).toBe("1\n2\n3\n4\n");
    expect([scene.told, scene.clock.timers]).toEqual([[], 0]);
  });

  test("loses what does not fit, tells how much since when, once, at its place", async () => {
    const scene = await Scene.open();
    scene.room = 0;
    scene.lines(1, 5);
    const sinceMs = scene.clock.wallMs();
    scene.lines(6, 20);
    scene.clock.advance(5000);
    // Room for one, as for a reader that is slow: the gap stays one.
    scene.room = 2;
    scene.clock.advance(250);
    scene.lines(21, 22);
    scene.room = 100;
    scene.clock.advance(250);
    scene.lines(23, 23);
    expect(scene.text).toBe("1\n2\n3\n4\n5\nlost 17\n23\n");
    expect(scene.told).toEqual([17, sinceMs]);
  });

  test("is bounded in octets too, and a line alone always fits", async () => {
    const scene = await Scene.open();
    scene.room = 0;
    scene.queue.write(`${"x".repeat(1000)}\n`);
    scene.queue.write("y\n");
    scene.room = 10_000;
    scene.clock.advance(250);
    expect(scene.text).toBe(`${"x".repeat(1000)}\nlost 1\n`);
  });
});

test("lines that fail are counted, and told after the first that does not", async () => {
  const scene = await Scene.open();
  scene.room = -1;
  scene.lines(1, 3);
  expect([scene.text, scene.told, scene.clock.timers]).toEqual(["", [], 0]);
  scene.room = 100;
  scene.lines(4, 4);
  expect(scene.text).toBe("4\nlost 3\n");
});

describe("the end", () => {
  test("waits for lines that are still read, tried often", async () => {
    const scene = await Scene.open();
    scene.room = 0;
    scene.lines(1, 2);
    scene.clock.advance(10_000);
    let isOver = false;
    void scene.queue.flush(200).then(() => {
      isOver = true;
    });
    scene.clock.advance(50);
    scene.room = 100;
    scene.clock.advance(10);
    await Promise.resolve();
    expect([scene.text, isOver, scene.clock.timers]).toEqual(["1\n2\n", true, 0]);
  });

  test("waits no longer than it may", async () => {
    const scene = await Scene.open();
    scene.room = 0;
    scene.lines(1, 2);
    const flushed = scene.queue.flush(200);
    scene.clock.advance(200);
    await flushed;
  });

  test("comes at once where nothing waits", async () => {
    const scene = await Scene.open();
    await scene.queue.flush(200);
    expect(scene.clock.timers).toBe(0);
  });
});

test("another thread writes one line at a time", async () => {
  const clock = new FakeClock();
  const written: string[] = [];
  let done = (_taken: number) => {};
  const outlet: LogOutlet = {
    write(octets) {
      written.push(new TextDecoder().decode(octets));
      return new Promise((resolve) => {
        done = resolve;
      });
    },
  };
  const queue = new LogQueue({ outlet: Promise.resolve(outlet), clock, limits: LIMITS, onRecovered() {} });
  await Promise.resolve();
  queue.write("first\n");
  queue.write("second\n");
  expect(written).toEqual(["first\n"]);
  done(3);
  await Promise.resolve();
  expect(written).toEqual(["first\n", "st\n"]);
  done(3);
  await Promise.resolve();
  expect(written.at(-1)).toBe("second\n");
});

test("whatever the reader does, lines are whole, in order, and those missing are told", async () => {
  const steps = fc.array(
    fc.oneof(
      fc.nat(9).map((room) => ({ room })),
      fc.constant("line" as const),
    ),
    { maxLength: 80 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (todo) => {
      const scene = await Scene.open();
      scene.room = 0;
      let count = 0;
      for (const step of todo) {
        if (step === "line") scene.lines(++count, count);
        else scene.room = step.room;
        scene.clock.advance(250);
      }
      scene.room = Number.POSITIVE_INFINITY;
      scene.clock.advance(250);
      let next = 1;
      for (const line of scene.text.split("\n").slice(0, -1)) {
        const lost = /^lost (\d+)$/.exec(line)?.[1];
        if (lost === undefined) expect(line).toBe(`${next++}`);
        else next += Number(lost);
      }
      expect(next).toBe(count + 1);
    }),
  );
});
