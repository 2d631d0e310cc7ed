/**
 * Whose fault it is that a server ends connections: its own, as it may after any answer or while it restarts, or that of one
 * query. What was in flight together is under the same suspicion, so suspects are asked apart (isolation.ts), and a
 * query that ends connections which carry nothing else, while the server answers others, is the cause.
 */

import type { Random } from "../runtime/runtime.ts";
import type { DotConnection } from "./connection.ts";
import { type Exchange, UpstreamError } from "./exchange.ts";
import { Probe } from "./probe.ts";

/** A connection that ends so soon after the last one makes suspects of what it carried. Servers end them now and then. */
const SOON_MS = 500;
/** Connections that have to end under a query before it is asked apart in any case, and alone. */
const ALONE_AFTER_DEATHS = 2;
/** ...and on a new one: that it ends then is no rule of the server's about how long connections live. */
const AFRESH_AFTER_DEATHS = 3;
/** New connections with nothing else on them that have to end under a query before it is called the cause. */
const PROOF = 2;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;

/** One for all: an error notes where it was made, which takes long. */
export const GUILTY = new UpstreamError("closed", "connections end when they carry this query");

/** Whether it has to be asked alone: beside it another query would be in danger. */
export function mustBeAlone(exchange: Exchange): boolean {
  return exchange.deaths >= ALONE_AFTER_DEATHS;
}

/**
 * A connection ended with these unanswered, `sinceLastMs` after the last one did so: notes which of them may be why. Only what
 * the server ended tells of that, and a message that trickled in.
 */
export function weigh(
  connection: DotConnection,
  { code }: UpstreamError,
  unanswered: readonly Exchange[],
  sinceLastMs: number,
  nowMs: number,
): void {
  if (code === "timeout" && connection.begunAtEnd !== undefined) condemn(connection.begunAtEnd);
  if (code !== "closed") return;
  const clients = unanswered.filter((exchange) => !(exchange instanceof Probe));
  // One that answered before may have ended for that: servers allow so many answers, or so much time (RFC 7766, 6.2.4).
  const isAlone = clients.length === 1 && connection.owedAtEnd === unanswered.length && connection.answered === 0;
  for (const exchange of clients) {
    if (exchange.deaths++ === 0) exchange.firstDeathMs = nowMs;
    if (isAlone) exchange.lonelyDeaths++;
    if (sinceLastMs < SOON_MS || mustBeAlone(exchange)) exchange.isSuspect = true;
  }
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

/** What became of the same query at a second server counts as well. */
export function inherit(exchange: Exchange, from: Exchange): void {
  if (from.deaths > exchange.deaths && exchange.deaths === 0) exchange.firstDeathMs = from.firstDeathMs;
  exchange.deaths = Math.max(exchange.deaths, from.deaths);
  exchange.lonelyDeaths += from.lonelyDeaths;
  exchange.isSuspect ||= from.isSuspect;
}

/** Whether the exchange is why connections ended; `answeredMs`: when that server last answered anything. */
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
