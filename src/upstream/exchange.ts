/** One question on its way to the upstreams and back, and the ways that can fail. */

import { Query } from "../wire/query.ts";
import type { ResponseLayout } from "../wire/response.ts";
import { TriedUpstreams } from "./group/tried-upstreams.ts";

/** Stable codes of what goes wrong with an upstream; log lines and Extended DNS Errors follow from them. */
export type UpstreamErrorCode =
  /** No connection: refused, unreachable, or not within the bound. */
  | "connect"
  /** The handshake failed, or the upstream could not be authenticated. Not one octet of a query was sent. */
  | "authentication"
  /** No answer within the bound. */
  | "timeout"
  /** The connection ended before the answer. */
  | "closed"
  /** What came cannot be the answer: not DNS, another question's, or a complaint about fdns' own message. */
  | "malformed"
  /** More queries in flight, or more octets queued, than the bounds allow. */
  | "overloaded"
  /** The host name of the upstream has no known address yet. */
  | "unresolved"
  /** fdns is stopping. */
  | "stopping";

export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode;
  constructor(code: UpstreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UpstreamError";
    this.code = code;
  }
}

/** Who has an exchange in flight; told to forget it when its time is over. */
export interface Carrier {
  cancel(exchange: Exchange): void;
}

/**
 * A query with the state of its attempts. Reused: begin() resets what the upstreams keep here. Exactly one of
 * onResponse() and onFailure() is called for each begin().
 */
export abstract class Exchange {
  readonly query = new Query();
  /** When the client gives up, on the clock's nowMs. */
  deadlineMs = 0;
  /** Until when it waits for any upstream to be asked again (hold.ts); 0 while it need not. */
  heldUntilMs = 0;
  /** How often it waited so, and for what to be over. */
  holds = 0;
  heldFor: UpstreamError | undefined = undefined;
  /** When the attempt now under way is given up. */
  attemptEndsMs = 0;
  /** When it was given to its upstream, on the clock's nowMs. */
  sentMs = 0;
  /** How long the upstream took to answer it, from the writing, in milliseconds. */
  tookMs = 0;
  readonly triedUpstreams = new TriedUpstreams();
  /** The upstream that has it now, or had it last. */
  upstream: unknown = undefined;
  /** The same question on its way to a second upstream, because the first is late. */
  hedge: Exchange | undefined = undefined;
  /** How often it was sent once more because a connection died under it. */
  resends = 0;
  /** Connections that the upstream ended under it, those among them that carried nothing else, and when the first did (guilt.ts). */
  deaths = 0;
  lonelyDeaths = 0;
  firstDeathMs = 0;
  /** Whether it may be why connections die, and is kept from all others (isolation.ts). */
  isSuspect = false;
  /** Whether an upstream answered SERVFAIL or REFUSED and another was asked for that. */
  secondOpinion = false;
  /** ...and that answer (opinion.ts). */
  opinion: Uint8Array | undefined = undefined;
  /** The form of the upstream that complained of it: there it goes plainly (query-form.ts). */
  complained: unknown = undefined;
  /** Whether it goes without what fdns adds to a query (wire/upstream-query.ts). */
  isPlain = false;
  /** The connection that carries it, and under which ID. */
  carrier: Carrier | undefined = undefined;
  upstreamId = 0;
  /** Its neighbours among those in flight (in-flight-list.ts). */
  older: Exchange | undefined = undefined;
  younger: Exchange | undefined = undefined;

  begin(deadlineMs: number): void {
    this.deadlineMs = deadlineMs;
    this.attemptEndsMs = deadlineMs;
    this.sentMs = 0;
    this.triedUpstreams.clear();
    this.resends = 0;
    this.deaths = 0;
    this.lonelyDeaths = 0;
    this.isSuspect = false;
    this.secondOpinion = false;
    this.opinion = undefined;
    this.complained = undefined;
    this.isPlain = false;
    this.heldUntilMs = 0;
    this.holds = 0;
    this.heldFor = undefined;
    this.upstream = undefined;
    this.hedge = undefined;
    this.carrier = undefined;
  }

  /** The response; its octets and layout are valid during the call only. */
  abstract onResponse(octets: Uint8Array, start: number, layout: ResponseLayout): void;
  abstract onFailure(error: UpstreamError): void;
}
