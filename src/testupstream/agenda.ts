/** Callbacks for later, grouped by the millisecond they are due: one timer for all answers of a millisecond, not one each. */

import type { Clock } from "../runtime/runtime.ts";

export class Agenda {
  readonly #clock: Clock;
  readonly #due = new Map<number, (() => void)[]>();
  readonly #cancels = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(ms: number, callback: () => void): void {
    const nowMs = this.#clock.nowMs();
    const at = Math.ceil(nowMs + ms);
    const group = this.#due.get(at);
    if (group) {
      group.push(callback);
      return;
    }
    const callbacks = [callback];
    this.#due.set(at, callbacks);
    const cancel = this.#clock.after(at - nowMs, () => {
      this.#cancels.delete(cancel);
      this.#due.delete(at);
      for (const due of callbacks) due();
    });
    this.#cancels.add(cancel);
  }

  /** Forgets everything. */
  clear(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#due.clear();
  }
}
