import { expect, test } from "bun:test";
import type { Clock } from "../../src/runtime/runtime.ts";
import { IdleTimer } from "../../src/upstream/connection/idle-timer.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A timer, and how many the clock was asked for. */
class Scene {
  readonly clock = new FakeClock();
  idleAtMs: number[] = [];
  asked = 0;
  readonly timer: IdleTimer;

  constructor() {
    const { clock } = this;
    const counting: Pick<Clock, "after" | "nowMs"> = {
      nowMs: () => clock.nowMs(),
      after: (ms, callback) => {
        this.asked++;
        return clock.after(ms, callback);
      },
    };
    this.timer = new IdleTimer(counting, () => this.idleAtMs.push(clock.nowMs() - this.startMs));
  }

  readonly startMs = this.clock.nowMs();
}

test("what stays idle is told of, once, after so long", () => {
  const { timer, clock, idleAtMs } = new Scene();
  expect(timer.isIdle).toBe(false);
  timer.idle(1000);
  expect(timer.isIdle).toBe(true);
  clock.advance(999);
  expect(idleAtMs).toEqual([]);
  clock.advance(5000);
  expect(idleAtMs).toEqual([1000]);
});

test("what was busy meanwhile is idle from the last time on, and the clock is asked for few timers", () => {
  const scene = new Scene();
  const { timer, clock } = scene;
  for (let query = 0; query < 100; query++) {
    timer.idle(1000);
    clock.advance(15);
    timer.busy();
    expect(timer.isIdle).toBe(false);
    clock.advance(10);
  }
  timer.idle(1000);
  clock.advance(10_000);
  expect(scene.idleAtMs).toEqual([100 * 25 + 1000]);
  expect(scene.asked).toBeLessThan(6);
});

test("what is busy when the timer ends is told of only after it was idle again", () => {
  const { timer, clock, idleAtMs } = new Scene();
  timer.idle(1000);
  clock.advance(500);
  timer.busy();
  clock.advance(3000);
  expect(idleAtMs).toEqual([]);
  timer.idle(200);
  clock.advance(1000);
  expect(idleAtMs).toEqual([3700]);
});

test("a shorter time than that of the timer that runs counts", () => {
  const { timer, clock, idleAtMs } = new Scene();
  timer.idle(30_000);
  timer.busy();
  timer.idle(100);
  clock.advance(60_000);
  expect(idleAtMs).toEqual([100]);
});

test("nothing is told after the end", () => {
  const { timer, clock, idleAtMs } = new Scene();
  timer.idle(100);
  timer.end();
  expect(timer.isIdle).toBe(false);
  clock.advance(1000);
  expect(idleAtMs).toEqual([]);
});
