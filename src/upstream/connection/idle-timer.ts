/**
 * Tells when a connection has been idle for long enough. A timer that runs is left to run while the connection is busy
 * in between, and looks again when it ends: one is not made and given up for each query.
 */

import type { Clock } from "../../runtime/runtime.ts";

export class IdleTimer {
  readonly #clock: Pick<Clock, "after" | "nowMs">;
  readonly #onIdle: () => void;
  /** When it will have been idle for long enough; infinite while it is busy. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** When the timer ends; infinite while none runs. */
  #endsMs = Number.POSITIVE_INFINITY;
  #cancel = () => {};

  constructor(clock: Pick<Clock, "after" | "nowMs">, onIdle: () => void) {
    this.#clock = clock;
    this.#onIdle = onIdle;
  }

  get isIdle(): boolean {
    return this.#dueMs < Number.POSITIVE_INFINITY;
  }

  /** It is idle from now on: onIdle is called after so long, unless busy() is before. */
  idle(forMs: number): void {
    this.#dueMs = this.#clock.nowMs() + forMs;
    if (this.#dueMs < this.#endsMs) this.#arm(forMs);
  }

  busy(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  end(): void {
    this.busy();
    this.#cancel();
    this.#endsMs = Number.POSITIVE_INFINITY;
  }

  #arm(ms: number): void {
    this.#cancel();
    this.#endsMs = this.#clock.nowMs() + ms;
    this.#cancel = this.#clock.after(ms, () => {
      this.#endsMs = Number.POSITIVE_INFINITY;
      const leftMs = this.#dueMs - this.#clock.nowMs();
      if (leftMs <= 0) this.#onIdle();
      else if (this.isIdle) this.#arm(leftMs);
    });
  }
}
