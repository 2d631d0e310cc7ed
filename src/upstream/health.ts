/**
 * Whether one server can be relied on. Transport failures open its breaker, never an RCODE: a name that does not
 * resolve says nothing about the server. Its probe is a question of our own.
 */

import type { Clock, Random } from "../runtime/runtime.ts";
import { type BackOff, Breaker, type BreakerState } from "./breaker.ts";
import type { UpstreamError } from "./exchange.ts";

export interface HealthLimits extends BackOff {
  /** How long a failed dial is remembered, so that a burst of queries makes one dial and not a storm. */
  readonly redialMs: number;
}

export class Health {
  readonly #clock: Clock;
  readonly #limits: HealthLimits;
  readonly #breaker: Breaker;
  #failure: UpstreamError | undefined;
  #failedAtMs = 0;

  constructor(clock: Clock, random: Random, limits: HealthLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#breaker = new Breaker(clock, random, limits);
  }

  get state(): BreakerState {
    return this.#breaker.state;
  }

  get healthy(): boolean {
    return this.#breaker.isClosed;
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
    return this.#breaker.takeProbe();
  }

  /** Returns whether that is news: the first failure, or another than the last. */
  failed(error: UpstreamError): boolean {
    const isNews = this.#failure?.message !== error.message;
    this.#failure = error;
    this.#failedAtMs = this.#clock.nowMs();
    this.#breaker.failed();
    return isNews;
  }

  /** This host could not ask it, which makes it no worse: only a burst of dials is kept from being made. Returns as failed() does. */
  hindered(error: UpstreamError): boolean {
    if (!this.healthy) return this.failed(error);
    const isNews = this.#failure?.message !== error.message;
    this.#failure = error;
    this.#failedAtMs = this.#clock.nowMs();
    return isNews;
  }

  /** A connection fell silent: one probe decides at once whether the server did. Returns false if it was failing already. */
  suspected(error: UpstreamError): boolean {
    if (!this.healthy) return false;
    this.#failure = error;
    this.#failedAtMs = this.#clock.nowMs();
    this.#breaker.suspected();
    return true;
  }

  /** What it failed of may be over: it is tried at the next occasion, as if every back-off had passed. */
  retryNow(): void {
    this.#failedAtMs = Number.NEGATIVE_INFINITY;
    this.#breaker.retryNow();
  }

  /** Returns whether that is news. */
  worked(): boolean {
    const isNews = !this.healthy;
    this.#failure = undefined;
    this.#breaker.worked();
    return isNews;
  }
}
