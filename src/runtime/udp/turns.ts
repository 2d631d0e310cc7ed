/**
 * When a socket looks for datagrams again.
 *
 * On Bun: at the end of this turn of the event loop, so that TLS reads and timers have theirs in between. While each
 * turn schedules the next, Deno's loop looks only every 61st time for what can be read or has been written (its
 * runtime's event_interval, which only the environment sets): at 60,000 forwarded queries a second an answer took 14 to
 * 105 ms. So there another thread stops for a socket that polls, and the loop goes on.
 */

import { type Libc, pollfds } from "../libc.ts";
import { DOZE_MS } from "./doze.ts";

export class UdpTurns {
  readonly #libc: Libc;
  readonly #descriptors: Uint8Array;
  readonly #gatherMicroseconds: number;
  readonly #onTurn: () => void;
  #scheduled = false;

  /** `onTurn` looks; it may be called once more after the descriptor was closed. */
  constructor(libc: Libc, descriptor: number, gatherMicroseconds: number, onTurn: () => void) {
    this.#libc = libc;
    this.#descriptors = pollfds([descriptor]).octets;
    this.#gatherMicroseconds = gatherMicroseconds;
    this.#onTurn = onTurn;
  }

  get isScheduled(): boolean {
    return this.#scheduled;
  }

  /** One more look before it waits. */
  last(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#look);
  }

  /** `gather`: not at once, so that more come together. */
  next(gather: boolean): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const { aside } = this.#libc;
    if (aside === undefined) setImmediate(gather ? this.#gatherAndLook : this.#look);
    else if (gather) aside.usleep(this.#gatherMicroseconds).then(this.#look);
    else aside.poll(this.#descriptors, 1, DOZE_MS).then(this.#look);
  }

  readonly #gatherAndLook = (): void => {
    this.#libc.usleep(this.#gatherMicroseconds);
    this.#look();
  };

  readonly #look = (): void => {
    this.#scheduled = false;
    this.#onTurn();
  };
}
