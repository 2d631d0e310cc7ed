/**
 * Notices that the way to the upstreams may have changed: another address or default route of the host, or a host that
 * slept. Connections of before may be dead without a word, and the first queries would find out the slow way.
 */

import type { Clock } from "../runtime/runtime.ts";

const LOOK_EVERY_MS = 1000;
/** How much later than it should a look may come, before the host is taken to have slept. */
const LATE_MS = 5000;

export class PathWatch {
  readonly #clock: Clock;
  readonly #isAtStake: () => boolean;
  readonly #pathNow: () => string;
  readonly #onChange: (what: string) => void;
  #path: string;
  readonly #endLooks: () => void;
  #lookedMs: number;
  #lookedWallMs: number;

  /**
   * Looks once a second while `isAtStake`: while there are connections, or failures that are remembered. What changes
   * meanwhile is noticed once there are. `pathNow`: text that differs when the host's addresses or routes do;
   * reading it may cost some 0.2 ms. `onChange` is told what changed, for the log.
   */
  constructor(clock: Clock, isAtStake: () => boolean, pathNow: () => string, onChange: (what: string) => void) {
    this.#clock = clock;
    this.#isAtStake = isAtStake;
    this.#pathNow = pathNow;
    this.#onChange = onChange;
    this.#path = pathNow();
    this.#lookedMs = clock.nowMs();
    this.#lookedWallMs = clock.wallMs();
    this.#endLooks = clock.eachSecond(this.#look);
  }

  stop(): void {
    this.#endLooks();
  }

  readonly #look = (): void => {
    const path = this.#isAtStake() ? this.#pathNow() : this.#path;
    const elapsedMs = this.#clock.nowMs() - this.#lookedMs;
    const elapsedWallMs = this.#clock.wallMs() - this.#lookedWallMs;
    // A sleeping host's clocks: the one of the day goes on, the other may stand still (clock_gettime(2), CLOCK_MONOTONIC).
    const lateMs = Math.max(elapsedMs, elapsedWallMs) - LOOK_EVERY_MS;
    if (path !== this.#path) this.#onChange("the addresses or routes of this host changed");
    else if (lateMs > LATE_MS) this.#onChange("this host slept, stood still, or had its clock set");
    this.#path = path;
    this.#lookedMs += elapsedMs;
    this.#lookedWallMs += elapsedWallMs;
  };
}
