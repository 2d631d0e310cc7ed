/** Watches over resolutions whose clients could have a stale answer: after a while they do (RFC 8767, 5). */

import type { Clock } from "../runtime/runtime.ts";
import type { Resolution } from "./resolution.ts";

export class StaleWatch {
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #onOverdue: (resolution: Resolution) => void;
  /** When each began, in the order they did, and so in the order they are due. */
  readonly #began = new Map<Resolution, number>();
  #timerSet = false;

  /** `onOverdue` is told once of each resolution that is watched for `afterMs`. */
  constructor(clock: Clock, afterMs: number, onOverdue: (resolution: Resolution) => void) {
    this.#clock = clock;
    this.#afterMs = afterMs;
    this.#onOverdue = onOverdue;
  }

  add(resolution: Resolution, nowMs: number): void {
    this.#began.set(resolution, nowMs);
    this.#schedule(this.#afterMs);
  }

  /** It is over. */
  remove(resolution: Resolution): void {
    // Nearly always empty, and asking it with an object is a call into the runtime.
    if (this.#began.size > 0) this.#began.delete(resolution);
  }

  #schedule(ms: number): void {
    if (this.#timerSet) return;
    this.#timerSet = true;
    this.#clock.after(ms, () => {
      this.#timerSet = false;
      this.#look();
    });
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    for (const [resolution, beganMs] of this.#began) {
      const leftMs = beganMs + this.#afterMs - nowMs;
      if (leftMs > 0) {
        this.#schedule(leftMs);
        return;
      }
      this.#began.delete(resolution);
      this.#onOverdue(resolution);
    }
  }
}
