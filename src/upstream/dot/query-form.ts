/**
 * In which form one upstream is asked. fdns adds an OPT with options of its own to each query; an upstream, or what stands
 * before it, that knows none of this complains (RFC 6891, 7: FORMERR; others say NOTIMP or BADVERS). What was complained
 * of is asked once more plainly, on the same upstream. Where that is answered, all queries go plainly for a while.
 */

import type { Log } from "../../observe/log.ts";
import type { Clock } from "../../runtime/runtime.ts";
import { RCODE } from "../../wire/protocol.ts";
import { isComplaint } from "../blame.ts";
import type { Exchange } from "../exchange.ts";

export class QueryForm {
  readonly #upstream: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #rememberMs: number;
  #plainUntilMs = Number.NEGATIVE_INFINITY;

  /** `rememberMs`: how long an upstream that has to be asked plainly is. */
  constructor(upstream: string, clock: Clock, log: Log, rememberMs: number) {
    this.#upstream = upstream;
    this.#clock = clock;
    this.#log = log;
    this.#rememberMs = rememberMs;
  }

  /** Chooses the form in which the exchange goes to the upstream. */
  choose(exchange: Exchange, nowMs: number): void {
    exchange.isPlain = exchange.complained === this || nowMs < this.#plainUntilMs;
  }

  /** Whether a response with this RCODE may complain of what fdns added: the exchange is then to be sent once more. */
  isToRepeat(exchange: Exchange, rcode: number): boolean {
    if (exchange.complained === this) this.#learn(rcode);
    if (exchange.isPlain || !isComplaint(rcode)) return false;
    exchange.complained = this;
    return true;
  }

  forget(): void {
    this.#plainUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** What it says when asked plainly. Only an answer shows that the complaint was not of the question. */
  #learn(rcode: number): void {
    if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return;
    const nowMs = this.#clock.nowMs();
    const isNews = nowMs >= this.#plainUntilMs;
    this.#plainUntilMs = nowMs + this.#rememberMs;
    if (!isNews) return;
    const words = "it complains of EDNS options, and is asked without them (without padding, too) for a while";
    this.#log.warn(`upstream ${this.#upstream}: ${words}`, { upstream: this.#upstream });
  }
}
