/**
 * Whether one upstream can be relied on. Transport failures open its breaker, never an RCODE: a name that does not
 * resolve says nothing about the upstream. Its probe is a question of our own.
 */

import type { Clock, Random } from "../../runtime/runtime.ts";
import { endsEarly, isOfThisHost } from "../blame.ts";
import type { UpstreamError } from "../exchange.ts";
import { type BackOff, Breaker, type BreakerState } from "./breaker.ts";

export interface HealthLimits extends BackOff {
  /** How long a failed dial is remembered, so that a burst of queries makes one dial and not a storm. */
  readonly redialMs: number;
}

/** An upstream whose connections end early, or which refuses them after it answered, is worth waiting for as long as most clients wait; then it is taken to be gone. */
const GONE_AFTER_MS = 4000;

export class Health {
  readonly #clock: Clock;
  readonly #limits: HealthLimits;
  readonly #breaker: Breaker;
  #failure: UpstreamError | undefined;
  #isPassing = false;
  #failedAtMs = 0;
  /** When the first of the failures in a row was. */
  #failingSinceMs = 0;

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
    // A connection that fell silent says nothing about the next one, one that ended early not much.
    if (!fresh || this.#failure?.code === "timeout" || (this.isPassing && !this.isGone)) return undefined;
    return this.#failure;
  }

  /** Whether what it failed of may be over in a moment. */
  get isPassing(): boolean {
    return this.#isPassing;
  }

  /** Whether it has failed for so long that it is no use to wait for it. */
  get isGone(): boolean {
    return !this.healthy && this.#clock.nowMs() - this.#failingSinceMs > GONE_AFTER_MS;
  }

  /** Whether a failing upstream should be asked something of our own now; true once for each back-off. */
  takeProbe(): boolean {
    return this.#breaker.takeProbe();
  }

  /**
   * Returns whether that is news: the first failure, or another than the last. That this host could not ask makes a healthy
   * upstream no worse: only a burst of dials is kept from being made. `isPassing`: it may be over in a moment.
   */
  failed(error: UpstreamError, isPassing = endsEarly(error)): boolean {
    this.#isPassing = isPassing;
    const isNews = this.#failure?.message !== error.message;
    this.#failure = error;
    this.#failedAtMs = this.#clock.nowMs();
    if (this.healthy && isOfThisHost(error)) return isNews;
    if (this.healthy) this.#failingSinceMs = this.#failedAtMs;
    this.#breaker.failed();
    return isNews;
  }

  /** A connection fell silent: one probe decides at once whether the upstream did. Returns false if it was failing already. */
  suspected(error: UpstreamError): boolean {
    if (!this.healthy) return false;
    this.#failure = error;
    this.#isPassing = endsEarly(error);
    this.#failedAtMs = this.#clock.nowMs();
    this.#failingSinceMs = this.#failedAtMs;
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
