/** paced.c: queries at an even rate, and how long their answers take. */

import { outputOf } from "../support/tied-children.ts";

/** Of the queries that count. */
export interface PacedReport {
  readonly sent: number;
  readonly answered: number;
  /** Answers with another RCODE than NOERROR. */
  readonly failed: number;
  readonly lost: number;
  /** Sent over 1 ms after their time: the generator did not get its core. */
  readonly late: number;
  /** How long queries were sent, those that lead in among them. */
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly worstUs: number;
}

export interface PacedOptions {
  readonly program: string;
  readonly core: number;
  readonly port: number;
  readonly file: string;
  /** Asked before, at the same rate, and not counted. */
  readonly leadIn?: number;
  readonly queries: number;
  /** A second; Infinity sends all at once. */
  readonly rate: number;
}

export async function runPaced(options: PacedOptions): Promise<PacedReport> {
  const { program, core, port, file, leadIn = 0, queries, rate } = options;
  const numbers = [leadIn, queries, rate === Infinity ? 1e12 : rate].map(String);
  return JSON.parse(await outputOf(["taskset", "-c", `${core}`, program, `${port}`, file, ...numbers]));
}
