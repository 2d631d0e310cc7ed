/** How long no connection is made because the last ones ended before they answered anything: no storm of handshakes. */

import type { Clock, Random } from "../../runtime/runtime.ts";
import { pauseMs } from "./guilt.ts";

export class DialPause {
  readonly #clock: Clock;
  readonly #random: Random;
  #endings = 0;
  #untilMs = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get isOn(): boolean {
    return this.#untilMs > 0 && this.#clock.nowMs() < this.#untilMs;
  }

  /** Whether it happened more than once in a row: then one connection at a time is tried. */
  get isRepeated(): boolean {
    return this.#endings > 1;
  }

  /** A connection ended before it answered anything. The pause doubles each time. */
  begin(): void {
    // What was begun together ends together.
    if (!this.isOn) this.#untilMs = this.#clock.nowMs() + pauseMs(this.#endings++, this.#random);
  }

  /** An answer came. */
  end(): void {
    this.#endings = 0;
    this.#untilMs = 0;
  }
}
