/** Queries that are kept for a moment when no upstream is left to ask: what went wrong may be over at the next try. */

import type { Random } from "../../runtime/runtime.ts";
import { isOfThisHost } from "../blame.ts";
import type { DotUpstream } from "../dot/dot-upstream.ts";
import { pauseMs } from "../dot/guilt.ts";
import type { Exchange, UpstreamError } from "../exchange.ts";

/** How long a query waits for the host to have a way out again, and how often it is tried. */
const NO_WAY_MS = 2000;
const NO_WAY_RETRY_MS = 100;

export class Hold {
  readonly #members: readonly DotUpstream[];
  readonly #random: Random;

  constructor(upstreams: readonly DotUpstream[], random: Random) {
    this.#members = upstreams;
    this.#random = random;
  }

  /**
   * Whether the query, which died of `error`, waits for another try of all upstreams: this host has no way to any, as while
   * its address changes, or connections were refused or ended before they answered anything, as while an upstream restarts.
   */
  keeps(exchange: Exchange, error: UpstreamError | undefined, nowMs: number): boolean {
    exchange.heldFor = error;
    if (isOfThisHost(error)) return this.#wait(exchange, nowMs, nowMs + NO_WAY_MS, NO_WAY_RETRY_MS);
    if (!this.#members.some((one) => one.isPassing(error))) return false;
    return this.#wait(exchange, nowMs, exchange.deadlineMs, pauseMs(exchange.holds, this.#random));
  }

  #wait(exchange: Exchange, nowMs: number, untilMs: number, retryMs: number): boolean {
    if (exchange.heldUntilMs === 0) exchange.heldUntilMs = Math.min(exchange.deadlineMs, untilMs);
    if (nowMs >= exchange.heldUntilMs) return false;
    exchange.holds++;
    exchange.triedUpstreams.clear();
    exchange.attemptEndsMs = Math.min(exchange.heldUntilMs, nowMs + retryMs);
    return true;
  }
}
