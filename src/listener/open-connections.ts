/** How many connections clients have open, in all and each client: with every worker that takes some of them. */

import { Figures, Gauge } from "../observe/figures.ts";

/**
 * Places for clients' addresses where workers share the counts. Two clients on one place are counted together, so there
 * are four times as many as connections by default.
 */
const PLACES = 4096;

/** What one worker writes. */
export class OpenFigures {
  readonly all: Float64Array;
  /** By the address' place. */
  readonly byClient: Float64Array;

  constructor(figures = new Figures()) {
    this.all = figures.take(1);
    this.byClient = figures.take(PLACES);
  }

  /** None is open any more: the worker is gone. */
  clear(): void {
    this.all.fill(0);
    this.byClient.fill(0);
  }
}

export interface OpenConnections {
  /** Of this worker. */
  readonly own: number;
  /** Of all workers. */
  readonly total: number;
  ofClient(host: string): number;
  add(host: string): void;
  remove(host: string): void;
}

/** Of the only worker. */
export class OwnConnections implements OpenConnections {
  readonly #perClient = new Map<string, number>();
  own = 0;

  get total(): number {
    return this.own;
  }

  ofClient(host: string): number {
    return this.#perClient.get(host) ?? 0;
  }

  add(host: string): void {
    this.own++;
    this.#perClient.set(host, this.ofClient(host) + 1);
  }

  remove(host: string): void {
    this.own--;
    const left = this.ofClient(host) - 1;
    if (left > 0) this.#perClient.set(host, left);
    else this.#perClient.delete(host);
  }
}

/** Of this worker among others. */
export class SharedConnections implements OpenConnections {
  readonly #gauge: Gauge;
  readonly #figures: OpenFigures;
  readonly #all: readonly OpenFigures[];

  /** `all`: of every worker, this one included. */
  constructor(own: OpenFigures, all: readonly OpenFigures[]) {
    this.#figures = own;
    this.#all = all;
    this.#gauge = new Gauge(
      own.all,
      all.filter((one) => one !== own).map((one) => one.all),
    );
  }

  get own(): number {
    return this.#gauge.own;
  }

  get total(): number {
    return this.#gauge.total;
  }

  ofClient(host: string): number {
    const place = placeOf(host);
    return this.#all.reduce((total, { byClient }) => total + byClient[place]!, 0);
  }

  add(host: string): void {
    this.#gauge.add(1);
    this.#figures.byClient[placeOf(host)]!++;
  }

  remove(host: string): void {
    this.#gauge.add(-1);
    this.#figures.byClient[placeOf(host)]!--;
  }
}

/** FNV-1a: who wanted to share a place with another client would need its neighbours' addresses. */
function placeOf(host: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < host.length; i++) hash = Math.imul(hash ^ host.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % PLACES;
}
