/**
 * Whose fault it is that an upstream ends connections: its own, as it may after any answer or while it restarts, or that of one
 * query. What was in flight together is under the same suspicion, so suspects are asked apart (isolation.ts), and a
 * query that ends connections which carry nothing else, while the upstream answers others, is the cause.
 */

import type { Random } from "../../runtime/runtime.ts";
import type { DotConnection } from "../connection/connection.ts";
import { type Exchange, UpstreamError } from "../exchange.ts";
import { Probe } from "./probe.ts";

/** A connection that ends so soon after the last one makes suspects of what it carried. Upstreams end them now and then. */
const SOON_MS = 500;
/** The same of one that fell silent, which takes longer to notice; and paths lose their state seldom. */
const SOON_SILENCE_MS = 10_000;
/** Queries asked so close together may have been read by the upstream in one piece. */
const TOGETHER_MS = 20;
/** Connections that have to end under a query before it is asked apart in any case, and alone. */
const ALONE_AFTER_DEATHS = 2;
/** ...and on a new one: that it ends then is no rule of the upstream's about how long connections live. */
const AFRESH_AFTER_DEATHS = 3;
/** New connections with nothing else on them that have to end under a query before it is called the cause; or one that is silent. */
const PROOF = 2;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;

/** One for all: an error notes where it was made, which takes long. */
export const GUILTY = new UpstreamError("closed", "connections end when they carry this query");

/** Whether it has to be asked alone: beside it another query would be in danger. */
export function mustBeAlone(exchange: Exchange): boolean {
  return exchange.deaths >= ALONE_AFTER_DEATHS;
}

/** The ends of connections: which of the queries that were in flight may be why. */
export class Suspicion {
  /** When it last ended a connection under queries, and when one last fell silent. */
  #endedMs = Number.NEGATIVE_INFINITY;
  #silencedMs = Number.NEGATIVE_INFINITY;

  /**
   * A connection ended with these unanswered: notes which of them may be why. Only what the upstream ended tells of that, and
   * what stopped to be answered.
   */
  weigh(connection: DotConnection, { code }: UpstreamError, unanswered: readonly Exchange[], nowMs: number): void {
    const clients = unanswered.filter((exchange) => !(exchange instanceof Probe));
    // One that answered before may have ended for that: upstreams allow so many answers, or so much time (RFC 7766, 6.2.4).
    const isAlone = clients.length === 1 && connection.owedAtEnd === unanswered.length && connection.answered === 0;
    if (code === "timeout") {
      this.#weighSilence(connection, clients, isAlone, nowMs);
    } else if (code === "closed" && unanswered.length > 0) {
      const isSoon = nowMs - this.#endedMs < SOON_MS;
      this.#endedMs = nowMs;
      for (const exchange of clients) {
        note(exchange, isAlone ? 1 : 0, nowMs);
        if (isSoon || mustBeAlone(exchange)) exchange.isSuspect = true;
      }
    }
  }

  /** The cause was asked before the answers stopped, and is among those that met with this most often. */
  #weighSilence(connection: DotConnection, clients: readonly Exchange[], isAlone: boolean, nowMs: number): void {
    const { begunAtEnd, stoppedMs } = connection;
    if (begunAtEnd !== undefined) {
      condemn(begunAtEnd);
      return;
    }
    const isSoon = nowMs - this.#silencedMs < SOON_SILENCE_MS;
    this.#silencedMs = nowMs;
    const early = clients.filter((exchange) => exchange.sentMs <= stoppedMs + TOGETHER_MS);
    let most = 0;
    for (const exchange of early) {
      note(exchange, isAlone && connection.isolated ? PROOF : 0, nowMs);
      most = Math.max(most, exchange.deaths);
    }
    for (const exchange of early) {
      if (exchange.deaths === most && (isSoon || mustBeAlone(exchange))) exchange.isSuspect = true;
    }
  }
}

function note(exchange: Exchange, lonelyDeaths: number, nowMs: number): void {
  if (exchange.deaths++ === 0) exchange.firstDeathMs = nowMs;
  exchange.lonelyDeaths += lonelyDeaths;
}

/** Its answer trickled in, so it holds up what is behind it. */
function condemn(exchange: Exchange): void {
  exchange.deaths = Math.max(exchange.deaths, ALONE_AFTER_DEATHS);
  exchange.isSuspect = true;
}

/** Whether a connection that answered others before would tell too little if it ended. */
export function needsNewConnection(exchange: Exchange): boolean {
  return exchange.deaths >= AFRESH_AFTER_DEATHS;
}

/** What became of the same query at a second upstream counts as well. */
export function inherit(exchange: Exchange, from: Exchange): void {
  if (from.deaths > exchange.deaths && exchange.deaths === 0) exchange.firstDeathMs = from.firstDeathMs;
  exchange.deaths = Math.max(exchange.deaths, from.deaths);
  exchange.lonelyDeaths += from.lonelyDeaths;
  exchange.isSuspect ||= from.isSuspect;
}

/** Whether the exchange is why connections ended; `answeredMs`: when that upstream last answered anything. */
export function isGuilty(exchange: Exchange, answeredMs: number): boolean {
  return exchange.lonelyDeaths >= PROOF && answeredMs >= exchange.firstDeathMs;
}

const octet = new Uint8Array(1);

/** How long to wait before the next try after so many: doubled with each, and up to a quarter shorter. */
export function pauseMs(tries: number, random: Random): number {
  random.fill(octet);
  const wholeMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 8));
  return wholeMs * (1 - octet[0]! / 1024);
}
