/** Time that stands still until a test moves it. */

import type { Clock } from "../../src/runtime/runtime.ts";

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #nowMs = 1000;
  readonly #timers = new Set<Timer>();
  #endOfTask: (() => void)[] = [];
  #endOfTurn: (() => void)[] = [];

  /** How much passes with each look at the clock: real ones never show the same time twice. */
  stepMs = 0;

  nowMs(): number {
    this.#nowMs += this.stepMs;
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  eachSecond(callback: () => void): () => void {
    let cancel = () => {};
    const wait = () => {
      cancel = this.after(1000, () => {
        wait();
        callback();
      });
    };
    wait();
    return () => cancel();
  }

  endOfTask(callback: () => void): void {
    this.#endOfTask.push(callback);
  }

  endOfTurn(callback: () => void): void {
    this.#endOfTurn.push(callback);
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Ends this task, and those that follow from it. */
  task(): void {
    for (let tasks = 0; this.#endOfTask.length > 0; tasks++) {
      if (tasks > 10_000) throw new Error("tasks without end");
      this.#endOfTask.shift()?.();
    }
  }

  /** Ends this turn, and those that follow from it. */
  turn(): void {
    this.task();
    for (let turns = 0; this.#endOfTurn.length > 0; turns++) {
      if (turns > 10_000) throw new Error("turns without end");
      const due = this.#endOfTurn;
      this.#endOfTurn = [];
      for (const callback of due) {
        callback();
        this.task();
      }
    }
  }

  /** Lets time pass; each timer that is due gets a turn of its own, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    this.turn();
    for (let timer = this.#next(untilMs); timer !== undefined; timer = this.#next(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      this.#timers.delete(timer);
      timer.callback();
      this.turn();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}
