/** What an upstream is like now, as each worker sees it: written by one thread, read and put together by another. */

import { Figures } from "../observe/figures.ts";
import type { BreakerState, UpstreamGauges } from "./counters.ts";
import type { ConnectionPool } from "./dot/connection-pool.ts";
import type { Health } from "./health/health.ts";

const FAMILIES = [4, 6] as const;
/** The worse, the later; a place holds the index and one more, 0 where there is no such family. */
const states: readonly BreakerState[] = ["closed", "half-open", "open"];

/** Places; 0 in those of times means that nothing is known. */
const IN_FLIGHT = 0;
const CONNECTIONS = 1;
const ANSWER_MS = 2;
const IDLE_HORIZON_MS = 3;
const NOT_AFTER_MS = 4;
const BREAKERS = 5;
const PLACES = BREAKERS + FAMILIES.length;

/** What an upstream is like; `meanMs`: what its answers take, 0 if it is not known. */
export function gaugesOf(inFlight: number, pool: ConnectionPool, health: Health, meanMs: number): UpstreamGauges {
  const { book } = pool;
  return {
    inFlight,
    connections: pool.size,
    breakers: book.families.map((family) => ({
      family,
      state: health.healthy ? book.stateOf(family) : health.state,
    })),
    answerMs: meanMs || undefined,
    idleHorizonMs: pool.idleHorizonMs,
    certificateNotAfterMs: pool.leaf?.notAfterMs,
  };
}

export class GaugeFigures {
  readonly #places: Float64Array;

  constructor(figures = new Figures()) {
    this.#places = figures.take(PLACES);
  }

  write(gauges: UpstreamGauges): void {
    this.#places[IN_FLIGHT] = gauges.inFlight;
    this.#places[CONNECTIONS] = gauges.connections;
    this.#places[ANSWER_MS] = gauges.answerMs ?? 0;
    this.#places[IDLE_HORIZON_MS] = gauges.idleHorizonMs ?? 0;
    this.#places[NOT_AFTER_MS] = gauges.certificateNotAfterMs ?? 0;
    for (const [i, family] of FAMILIES.entries()) {
      const breaker = gauges.breakers.find((one) => one.family === family);
      this.#places[BREAKERS + i] = breaker === undefined ? 0 : states.indexOf(breaker.state) + 1;
    }
  }

  read(): UpstreamGauges {
    return {
      inFlight: this.#places[IN_FLIGHT]!,
      connections: this.#places[CONNECTIONS]!,
      answerMs: this.#known(ANSWER_MS),
      idleHorizonMs: this.#known(IDLE_HORIZON_MS),
      certificateNotAfterMs: this.#known(NOT_AFTER_MS),
      breakers: FAMILIES.flatMap((family, i) => {
        const state = states[this.#places[BREAKERS + i]! - 1];
        return state === undefined ? [] : [{ family, state }];
      }),
    };
  }

  /** Whoever wrote it is gone: nothing in flight, nothing known. */
  clear(): void {
    this.#places.fill(0);
  }

  #known(place: number): number | undefined {
    return this.#places[place] || undefined;
  }
}

/** Of all workers: sums, means, and the worst that one of them sees. */
export function mergedGauges(all: readonly UpstreamGauges[]): UpstreamGauges {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const known = (of: (gauges: UpstreamGauges) => number | undefined) =>
    all.map(of).filter((value) => value !== undefined);
  const least = (values: readonly number[]) => (values.length === 0 ? undefined : Math.min(...values));
  const answers = known(({ answerMs }) => answerMs);
  return {
    inFlight: sum(all.map(({ inFlight }) => inFlight)),
    connections: sum(all.map(({ connections }) => connections)),
    answerMs: answers.length === 0 ? undefined : sum(answers) / answers.length,
    idleHorizonMs: least(known(({ idleHorizonMs }) => idleHorizonMs)),
    certificateNotAfterMs: least(known(({ certificateNotAfterMs }) => certificateNotAfterMs)),
    breakers: FAMILIES.flatMap((family) => {
      const seen = all.flatMap(({ breakers }) => breakers.filter((one) => one.family === family));
      const worst = Math.max(...seen.map(({ state }) => states.indexOf(state)));
      return seen.length === 0 ? [] : [{ family, state: states[worst]! }];
    }),
  };
}
