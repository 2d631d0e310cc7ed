/**
 * The message IDs of one connection: which are in flight, and for whom.
 *
 * IDs are unpredictable and never in flight twice (RFC 7766, 6.2.1). One whose query was given up stays in
 * quarantine until its late answer comes or the connection ends, else that answer would meet the next query that
 * happens to get the ID.
 *
 *   slotOfId[id]:  0 free   QUARANTINED   else slot + 1
 *   exchanges[slot]: who waits
 */

import type { Random } from "../../runtime/runtime.ts";
import type { Exchange } from "../exchange.ts";

const QUARANTINED = 0xffff;
/** IDs drawn from the operating system at a time. */
const DRAW_COUNT = 512;

export class IdTable {
  readonly #random: Random;
  readonly #slotOfId = new Uint16Array(65_536);
  readonly #exchanges: (Exchange | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #drawn = new Uint16Array(DRAW_COUNT);
  #drawnLeft = 0;
  #inFlight = 0;
  #quarantined = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** IDs that cannot be given out: in flight or in quarantine. */
  get taken(): number {
    return this.#inFlight + this.#quarantined;
  }

  /** Gives the exchange an ID that is free. The caller keeps `taken` well below 65,536, so a draw or two suffices. */
  take(exchange: Exchange): number {
    let id = this.#draw();
    while (this.#slotOfId[id] !== 0) id = this.#draw();
    const slot = this.#freeSlots.pop() ?? this.#exchanges.length;
    this.#exchanges[slot] = exchange;
    this.#slotOfId[id] = slot + 1;
    this.#inFlight++;
    return id;
  }

  /** Who waits for an answer with this ID. */
  find(id: number): Exchange | undefined {
    const slot = this.#slotOfId[id]!;
    return slot === 0 || slot === QUARANTINED ? undefined : this.#exchanges[slot - 1];
  }

  /** The answer came: the ID is free again. */
  release(id: number): void {
    this.#vacate(id, 0);
  }

  /** The query was given up: the ID must not be given out until its answer came. */
  quarantine(id: number): void {
    this.#vacate(id, QUARANTINED);
    this.#quarantined++;
  }

  /** The late answer of a query that was given up came. False if the ID was not in quarantine. */
  endQuarantine(id: number): boolean {
    if (this.#slotOfId[id] !== QUARANTINED) return false;
    this.#slotOfId[id] = 0;
    this.#quarantined--;
    return true;
  }

  /** Everyone who waits for an answer, now. */
  waiting(): Exchange[] {
    return this.#exchanges.filter((exchange) => exchange !== undefined);
  }

  /** Takes out everyone who still waits. */
  drain(): Exchange[] {
    const waiting = this.waiting();
    this.#slotOfId.fill(0);
    this.#exchanges.length = 0;
    this.#freeSlots.length = 0;
    this.#inFlight = 0;
    this.#quarantined = 0;
    return waiting;
  }

  #vacate(id: number, mark: number): void {
    const slot = this.#slotOfId[id]! - 1;
    this.#exchanges[slot] = undefined;
    this.#freeSlots.push(slot);
    this.#slotOfId[id] = mark;
    this.#inFlight--;
  }

  #draw(): number {
    if (this.#drawnLeft === 0) {
      this.#random.fill(new Uint8Array(this.#drawn.buffer));
      this.#drawnLeft = DRAW_COUNT;
    }
    return this.#drawn[--this.#drawnLeft]!;
  }
}
