import { describe, expect, test } from "bun:test";
import type { CacheStore } from "../../src/cache/store/store.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Boot } from "../../src/serving/messages.ts";
import { Workers } from "../../src/serving/workers.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeLog } from "../support/fake-log.ts";
import { FakeThreads } from "../support/fake-threads.ts";

const { config } = loadConfig(new Map([["upstream", ["127.0.0.1:1#a.test"]]]), {});

class Scene {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly threads = new FakeThreads();
  readonly closed: number[] = [];
  readonly released: number[] = [];
  wake: (thread: number) => void = () => {};
  readonly workers: Workers;

  constructor(count: number) {
    this.workers = new Workers(count, config, {
      clock: this.clock,
      log: this.log,
      startThread: this.threads.start,
      relayTo: (_places, wake) => {
        this.wake = wake;
        return { closeThoseOf: (thread) => void this.closed.push(thread) };
      },
    });
    const store = { releaseLockOf: (worker: number) => this.released.push(worker) > 0 };
    const sockets = [{ transport: "UDP", host: "127.0.0.1", port: 53 }] as const;
    this.workers.start({ config, roots: [], memory: undefined, sockets }, store as unknown as CacheStore);
  }

  /** Time passes for workers that live. */
  async live(seconds: number, beating: readonly number[]): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      for (const worker of beating) this.workers.figures.workers[worker]!.beats[0]!++;
      this.clock.advance(1000);
      await Promise.resolve();
    }
  }
}

test("one thread fewer than workers, each with its number, its places and the same memory", () => {
  const { threads } = new Scene(3);
  const boots = threads.started.map(({ options }) => options.boot as Boot);
  expect(boots.map(({ worker, workers, places }) => [worker, workers, places.length])).toEqual([
    [1, 3, 1],
    [2, 3, 1],
  ]);
  expect(boots[0]!.figures).toBe(boots[1]!.figures);
  expect(boots[0]!.shift).toBe(boots[1]!.shift);
  expect(boots[0]!.places.buffer).not.toBe(boots[1]!.places.buffer);
  expect(threads.started.map(({ options }) => options.name)).toEqual(["fdns-1", "fdns-2"]);
});

test("what concerns all is told to all, a readable socket to its worker", () => {
  const { workers, threads, wake } = new Scene(3);
  workers.tell("renew");
  wake(1);
  expect(threads.started.map(({ told }) => told)).toEqual([["renew"], ["renew", "wake"]]);
});

describe("a worker that is gone", () => {
  test("leaves nothing behind, and is replaced a second later", async () => {
    const scene = new Scene(2);
    const { figures } = scene.workers;
    figures.workers[1]!.waiting[0] = 5;
    figures.workers[1]!.udp.received = 7;
    scene.threads.last.options.onEnd("TypeError: for a test");
    expect(scene.log.lines).toEqual(["error worker 1 is gone: TypeError: for a test; another takes its place in 1 s"]);
    expect([scene.closed, scene.released]).toEqual([[0], [1]]);
    expect([figures.sum().waiting[0], figures.sum().udp.received, figures.workers[1]!.replaced[0]]).toEqual([0, 7, 1]);
    scene.workers.tell("renew");
    expect(scene.threads.started).toHaveLength(1);
    await scene.live(1, []);
    expect(scene.threads.started).toHaveLength(2);
    expect((scene.threads.last.options.boot as Boot).worker).toBe(1);
  });

  test("is replaced ever later while it keeps dying, up to 30 s, and soon again once one lived", async () => {
    const scene = new Scene(2);
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      scene.threads.last.options.onEnd("gone");
      expect(scene.log.lines.at(-1)).toEndWith(`in ${seconds} s`);
      scene.clock.advance(1000 * seconds);
    }
    expect(scene.threads.started).toHaveLength(8);
    await scene.live(60, [1]);
    scene.threads.last.options.onEnd("gone");
    expect(scene.log.lines.at(-1)).toEndWith("in 1 s");
  });

  test("is one that stands still, too; one that starts is given more time", async () => {
    const scene = new Scene(2);
    await scene.live(15, []);
    expect(scene.threads.last.hasEnded).toBe(false);
    scene.threads.last.options.onMessage("serving");
    await scene.live(30, [1]);
    expect(scene.log.lines).toEqual([]);
    await scene.live(4, []);
    expect(scene.threads.started[0]!.hasEnded).toBe(true);
    expect(scene.log.lines).toEqual([
      "error worker 1 is gone: it showed no life for 4 s; another takes its place in 1 s",
    ]);
    expect(scene.closed).toEqual([0]);
    await scene.live(1, []);
    expect(scene.threads.started).toHaveLength(2);
  });
});

describe("stopping", () => {
  test("waits for what each has in flight, then ends them", async () => {
    const scene = new Scene(3);
    let isStopped = false;
    const stopping = scene.workers.stop().then(() => {
      isStopped = true;
    });
    const [one, two] = scene.threads.started;
    expect([one!.told, two!.told]).toEqual([["stop"], ["stop"]]);
    one!.options.onMessage("stopped");
    await Bun.sleep(0);
    expect([isStopped, one!.hasEnded, two!.hasEnded]).toEqual([false, true, false]);
    two!.options.onMessage("stopped");
    await stopping;
    expect(two!.hasEnded).toBe(true);
    expect(scene.clock.timers).toBe(0);
  });

  test("does not wait for one that dies meanwhile, nor replaces it", async () => {
    const scene = new Scene(2);
    const stopping = scene.workers.stop();
    scene.threads.last.options.onEnd("gone");
    await stopping;
    scene.clock.advance(60_000);
    expect(scene.threads.started).toHaveLength(1);
    expect(scene.log.lines).toEqual([]);
  });

  test("while one is being replaced", async () => {
    const scene = new Scene(2);
    scene.threads.last.options.onEnd("gone");
    await scene.workers.stop();
    scene.clock.advance(60_000);
    expect(scene.threads.started).toHaveLength(1);
  });
});

describe("lines of workers", () => {
  const line = (message: string) => ({ level: "warn", message, fields: { code: "x" } }) as const;

  test("are written with who says it; what another said lately is not repeated", async () => {
    const scene = new Scene(3);
    const [one, two] = scene.threads.started.map(({ options }) => options);
    one!.onMessage(line("upstream a: gone"));
    two!.onMessage(line("upstream a: gone"));
    scene.workers.ownLog.info("upstream b: back");
    two!.onMessage({ ...line("upstream b: back"), level: "info" });
    expect(scene.log.lines).toEqual(["warn upstream a: gone", "info upstream b: back"]);
    expect(scene.log.fields).toEqual([{ code: "x", worker: 1 }, undefined]);
  });

  test("are repeated by whoever said it before, or when it is long ago", () => {
    const scene = new Scene(3);
    const [one, two] = scene.threads.started.map(({ options }) => options);
    one!.onMessage(line("a"));
    one!.onMessage(line("a"));
    two!.onMessage(line("a"));
    scene.clock.advance(10_000);
    two!.onMessage(line("a"));
    expect(scene.log.fields.map((fields) => fields?.worker)).toEqual([1, 1, 2]);
  });
});
