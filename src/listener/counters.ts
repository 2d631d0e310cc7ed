/** What happened at the sockets of clients, counted in memory that may be shared (observe/figures.ts). */

import { Figures } from "../observe/figures.ts";
import type { UdpCounters } from "../runtime/runtime.ts";

export class UdpFigures implements UdpCounters {
  readonly #counts: Float64Array;

  constructor(figures = new Figures()) {
    this.#counts = figures.take(4);
  }

  get received(): number {
    return this.#counts[0]!;
  }
  set received(count: number) {
    this.#counts[0] = count;
  }

  get sent(): number {
    return this.#counts[1]!;
  }
  set sent(count: number) {
    this.#counts[1] = count;
  }

  get oversize(): number {
    return this.#counts[2]!;
  }
  set oversize(count: number) {
    this.#counts[2] = count;
  }

  get sendFailures(): number {
    return this.#counts[3]!;
  }
  set sendFailures(count: number) {
    this.#counts[3] = count;
  }
}

/** Connections taken and turned away since the start. */
export class TcpFigures {
  readonly #counts: Float64Array;

  constructor(figures = new Figures()) {
    this.#counts = figures.take(2);
  }

  get accepted(): number {
    return this.#counts[0]!;
  }
  set accepted(count: number) {
    this.#counts[0] = count;
  }

  get refused(): number {
    return this.#counts[1]!;
  }
  set refused(count: number) {
    this.#counts[1] = count;
  }
}
