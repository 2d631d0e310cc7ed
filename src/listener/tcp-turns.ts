/**
 * One turn of the event loop, shared by all TCP clients: so much is read and composed in it, in equal parts where many
 * wait, and the rest in the next ones. However much clients pipeline, everything else has its turn in between.
 */

import type { Clock } from "../runtime/runtime.ts";

/** Work is counted in octets composed, a few milliseconds' worth in a turn. */
const TURN_OCTETS = 1_048_576;
/** A query that is answered at once takes as long as composing so many octets, about 1 µs. */
const QUERY_OCTETS = 512;
/** One that is sent on to an upstream takes some 20 µs more. */
const FORWARDED_OCTETS = 8192;
/** The least that one client gets, so that a turn is not spent on going from one to the next. */
const MIN_SLICE_OCTETS = 16_384;

export interface TurnTaker {
  /** Writes what was composed in the turn. */
  flush(): void;
  /** Goes on with what it had to leave, as long as `hasLeft`. */
  goOn(): void;
}

export class TcpTurns {
  readonly #clock: Pick<Clock, "endOfTurn">;
  #left = TURN_OCTETS;
  #toFlush: TurnTaker[] = [];
  #waiting: TurnTaker[] = [];
  #isDue = false;

  constructor(clock: Pick<Clock, "endOfTurn">) {
    this.#clock = clock;
  }

  /** Whether this turn, or one client's part of it, has room for one more query. */
  get hasLeft(): boolean {
    return this.#left > 0;
  }

  spendQuery(): void {
    this.#left -= QUERY_OCTETS;
    this.#schedule();
  }

  spendForwarded(): void {
    this.#left -= FORWARDED_OCTETS;
  }

  spendOctets(octets: number): void {
    this.#left -= octets;
    this.#schedule();
  }

  /** Calls its flush() at the end of this turn; to be asked for once a turn. */
  flushLater(taker: TurnTaker): void {
    this.#toFlush.push(taker);
    this.#schedule();
  }

  /** Calls its goOn() in one of the next turns; to be asked for again then. */
  goOnLater(taker: TurnTaker): void {
    this.#waiting.push(taker);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.endOfTurn(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#isDue = false;
    if (this.#toFlush.length > 0) {
      const toFlush = this.#toFlush;
      this.#toFlush = [];
      for (const taker of toFlush) taker.flush();
    }
    this.#left = TURN_OCTETS;
    if (this.#waiting.length > 0) this.#serveWaiting();
  };

  #serveWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const slice = Math.max(MIN_SLICE_OCTETS, TURN_OCTETS / waiting.length);
    let left = TURN_OCTETS;
    let served = 0;
    for (; served < waiting.length && left > 0; served++) {
      const part = Math.min(slice, left);
      this.#left = part;
      waiting[served]!.goOn();
      left -= part - this.#left;
    }
    this.#left = left;
    // Those who had no turn are first in the next one.
    if (served < waiting.length) this.#waiting = [...waiting.slice(served), ...this.#waiting];
    if (this.#waiting.length > 0) this.#schedule();
  }
}
