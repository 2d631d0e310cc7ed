/**
 * The circuit breaker of one server. Transport failures open it, never an RCODE: a name that does not resolve says
 * nothing about the server.
 *
 *   closed --failure--> open --back-off over--> half-open (one question of our own) --answer--> closed
 *                        ^________________________________________failure_______|
 */

import type { Clock, Random } from "../runtime/runtime.ts";
import type { UpstreamError } from "./exchange.ts";

export interface HealthLimits {
  /** How long a failed dial is remembered, so that a burst of queries makes one dial and not a storm. */
  readonly redialMs: number;
  /** How long a failing server is passed over while another works: doubled with each failure, from min to max. */
  readonly minBackOffMs: number;
  readonly maxBackOffMs: number;
}

export type BreakerState = "closed" | "open" | "half-open";

export class Health {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: HealthLimits;
  readonly #octet = new Uint8Array(1);
  #failures = 0;
  #failure: UpstreamError | undefined;
  #failedAtMs = 0;
  #probeAtMs = 0;
  #probing = false;

  constructor(clock: Clock, random: Random, limits: HealthLimits) {
    this.#clock = clock;
    this.#random = random;
    this.#limits = limits;
  }

  get state(): BreakerState {
    if (this.#failures === 0) return "closed";
    return this.#probing ? "half-open" : "open";
  }

  get healthy(): boolean {
    return this.#failures === 0;
  }

  /** What the last dial died of, while it is remembered: another would die of the same. */
  get remembered(): UpstreamError | undefined {
    const { redialMs } = this.#limits;
    const fresh = this.#clock.nowMs() - this.#failedAtMs < redialMs;
    // A connection that fell silent says nothing about the next one.
    return fresh && this.#failure?.code !== "timeout" ? this.#failure : undefined;
  }

  /** Whether a failing server should be asked something of our own now; true once for each back-off. */
  takeProbe(): boolean {
    if (this.healthy || this.#probing || this.#clock.nowMs() < this.#probeAtMs) return false;
    this.#probing = true;
    return true;
  }

  /** Returns whether that is news: the first failure, or another than the last. */
  failed(error: UpstreamError): boolean {
    const isNews = this.#failure?.message !== error.message;
    this.#failure = error;
    this.#probing = false;
    this.#failedAtMs = this.#clock.nowMs();
    // Connections that were begun together fail together; within the back-off it is still the same failure.
    if (this.#failedAtMs >= this.#probeAtMs) {
      this.#failures++;
      this.#probeAtMs = this.#failedAtMs + this.#jittered(this.#backOffMs());
    }
    return isNews;
  }

  /** A connection fell silent: one probe decides at once whether the server did. Returns false if it was failing already. */
  suspected(error: UpstreamError): boolean {
    if (!this.healthy) return false;
    this.#failures = 1;
    this.#failure = error;
    this.#failedAtMs = this.#clock.nowMs();
    this.#probeAtMs = this.#failedAtMs;
    return true;
  }

  /** What it failed of may be over: it is tried at the next occasion, as if every back-off had passed. */
  retryNow(): void {
    this.#failedAtMs = Number.NEGATIVE_INFINITY;
    this.#probeAtMs = this.#clock.nowMs();
  }

  /** Returns whether that is news. */
  worked(): boolean {
    const isNews = this.#failures > 0;
    this.#failures = 0;
    this.#failure = undefined;
    this.#probing = false;
    this.#probeAtMs = 0;
    return isNews;
  }

  #backOffMs(): number {
    const { minBackOffMs, maxBackOffMs } = this.#limits;
    return Math.min(maxBackOffMs, minBackOffMs * 2 ** Math.min(this.#failures - 1, 16));
  }

  /** A quarter shorter to none: forwarders that lost a server together do not come back to it together. */
  #jittered(ms: number): number {
    this.#random.fill(this.#octet);
    return ms * (1 - this.#octet[0]! / 1024);
  }
}
