/**
 * A circuit breaker: what fails is passed over while something else works, and tried again by one probe of our own.
 *
 *   closed --failure--> open --back-off over--> half-open (one probe) --works--> closed
 *                        ^____________________________________failure_____|
 */

import type { Clock, Random } from "../../runtime/runtime.ts";

export interface BackOff {
  /** How long it is passed over: doubled with each failure, from min to max. */
  readonly minBackOffMs: number;
  readonly maxBackOffMs: number;
}

export type BreakerState = "closed" | "open" | "half-open";

export class Breaker {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: BackOff;
  readonly #octet = new Uint8Array(1);
  #failures = 0;
  #probeAtMs = 0;
  #probing = false;

  constructor(clock: Clock, random: Random, limits: BackOff) {
    this.#clock = clock;
    this.#random = random;
    this.#limits = limits;
  }

  get state(): BreakerState {
    if (this.#failures === 0) return "closed";
    return this.#probing ? "half-open" : "open";
  }

  get isClosed(): boolean {
    return this.#failures === 0;
  }

  /** Whether a probe should be made now; true once for each back-off. */
  takeProbe(): boolean {
    if (this.isClosed || this.#probing || this.#clock.nowMs() < this.#probeAtMs) return false;
    this.#probing = true;
    return true;
  }

  failed(): void {
    this.#probing = false;
    const nowMs = this.#clock.nowMs();
    // What was begun together fails together; within the back-off it is still the same failure.
    if (nowMs < this.#probeAtMs) return;
    this.#failures++;
    this.#probeAtMs = nowMs + this.#jittered(this.#backOffMs());
  }

  /** What was closed may have failed: a probe decides at once. */
  suspected(): void {
    this.#failures = 1;
    this.retryNow();
  }

  /** The next probe is due, as if every back-off had passed. */
  retryNow(): void {
    this.#probeAtMs = this.#clock.nowMs();
  }

  worked(): void {
    this.#failures = 0;
    this.#probing = false;
    this.#probeAtMs = 0;
  }

  #backOffMs(): number {
    const { minBackOffMs, maxBackOffMs } = this.#limits;
    return Math.min(maxBackOffMs, minBackOffMs * 2 ** Math.min(this.#failures - 1, 16));
  }

  /** A quarter shorter to none: forwarders that lost an upstream together do not come back to it together. */
  #jittered(ms: number): number {
    this.#random.fill(this.#octet);
    return ms * (1 - this.#octet[0]! / 1024);
  }
}
