/**
 * One DNS over TLS connection (RFC 7858): many queries at once, answers in any order, one TLS write for all that are asked
 * together.
 *
 *   dialling --authenticated--> ready --close()--> retiring (answers what is in flight) --> closed
 *        \________________________\____________________any failure______________________/
 *
 * Queries may be given to it while it is dialling; they are held here, outside the TLS library, so that not one octet
 * of them can leave before the upstream has proved who it is.
 */

import type { ByteStream, TlsOutcome } from "../../runtime/runtime.ts";
import { FrameReader } from "../../wire/frame.ts";
import { readUint16 } from "../../wire/octets.ts";
import { keepaliveMsOf } from "../../wire/options.ts";
import { HEADER_OCTETS } from "../../wire/protocol.ts";
import { ResponseLayout } from "../../wire/response.ts";
import { checkOutcome } from "../dial/authentication.ts";
import { type Carrier, type Exchange, UpstreamError } from "../exchange.ts";
import { describeFailure, isNetworkFailure } from "../failure-words.ts";
import type { ConnectionParts } from "./connection-parts.ts";
import { IdTable } from "./id-table.ts";
import { IdleTimer } from "./idle-timer.ts";
import { OTHER_QUESTION, whyNoAnswer } from "./matching.ts";
import { OutgoingQueries } from "./outgoing.ts";
import { Progress } from "./progress.ts";

export type { ConnectionLimits, ConnectionOwner, ConnectionParts } from "./connection-parts.ts";

/**
 * With so few in flight none but those asked together will share a write, so it waits for no others: at 20,000 queries
 * a second, a tenth of them forwarded, the p99 of all is a tenth lower.
 */
const FEW_IN_FLIGHT = 4;

/** A message that has begun and is not whole after so long holds up what is asked now; another connection would not. */
const HELD_UP_MS = 20;

export class DotConnection implements Carrier {
  readonly #parts: ConnectionParts;
  readonly #ids: IdTable;
  readonly #frames = new FrameReader();
  readonly #progress = new Progress(this.#frames);
  readonly #layout = new ResponseLayout();
  readonly #stream: ByteStream;
  #state: "dialling" | "ready" | "retiring" | "closed" = "dialling";
  readonly #outgoing = new OutgoingQueries();
  #flushDue = false;
  #unsolicited = 0;
  #framesSeen = 0;
  #cancelDial: () => void;
  readonly #idle: IdleTimer;
  #idleSinceMs: number;
  #sent = 0;
  /** When the upstream had proved who it is: what was waiting for that is not counted as its answer's time. */
  #readyMs = 0;
  /** Why we ended it, when we did. */
  #reason: UpstreamError | undefined;

  /** Whether the upstream ended it, and not we. */
  endedByPeer = false;
  /** Answers received; a connection that answered and then ended is not at fault (RFC 7766, 6.2.4). */
  answered = 0;
  /** When it was begun and when octets last arrived, on the clock's nowMs. */
  readonly madeMs: number;
  lastHeardMs: number;
  /** Whether it is for queries that are kept from all others (isolation.ts). */
  isolated = false;
  /** Once it ended: answers that it owed, to queries given up as well, and the one that had begun. */
  owedAtEnd = 0;
  begunAtEnd: Exchange | undefined;
  /** ...and when the last of the answers had come. */
  stoppedMs = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#ids = new IdTable(parts.random);
    this.madeMs = parts.clock.nowMs();
    this.lastHeardMs = this.madeMs;
    this.#idleSinceMs = this.madeMs;
    this.#idle = new IdleTimer(parts.clock, () => this.#fail(new UpstreamError("closed", "idle")));
    this.#cancelDial = parts.clock.after(parts.limits.dialMs, () =>
      this.#fail(new UpstreamError("connect", `no connection within ${parts.limits.dialMs} ms`)),
    );
    this.#stream = parts.dial((outcome) => this.#onSecure(outcome), {
      onOctets: (octets) => this.#onOctets(octets),
      onEnd: () => this.#stream.destroy(),
      onDrain: () => this.#outgoing.allWritten(),
      onClose: (cause) => this.#onClose(cause),
    });
  }

  get inFlight(): number {
    return this.#ids.inFlight;
  }

  get dialling(): boolean {
    return this.#state === "dialling";
  }

  get ready(): boolean {
    return this.#state === "ready";
  }

  /** Whether the upstream ever proved who it is. */
  get wasReady(): boolean {
    return this.#readyMs > 0;
  }

  /** Whether it takes one more query. */
  get accepts(): boolean {
    if (this.#state !== "dialling" && this.#state !== "ready") return false;
    if (this.#sent >= this.#parts.maxQueries) return false;
    const { maxTakenIds, maxUnsentOctets } = this.#parts.limits;
    return this.#ids.taken < maxTakenIds && this.#stream.unsentOctets + this.#outgoing.octets < maxUnsentOctets;
  }

  /** Whether it takes a query and owes nothing, not even to queries that were given up. */
  get isEmpty(): boolean {
    return this.#ids.taken === 0 && !this.#frames.midFrame && this.accepts;
  }

  /** Whether what is asked now would wait behind a message that has begun. */
  get isHeldUp(): boolean {
    return this.#frames.midFrame && this.#progress.unfinishedForMs(this.#parts.clock.nowMs()) >= HELD_UP_MS;
  }

  /** Queries in flight as a share of what it can carry at once. */
  get load(): number {
    return this.#ids.taken / this.#parts.limits.maxTakenIds;
  }

  /** How long nothing has been in flight on it, in milliseconds; 0 while something is. */
  idleForMs(nowMs: number): number {
    return this.#ids.inFlight > 0 ? 0 : nowMs - this.#idleSinceMs;
  }

  /** How long answers have been due and nothing at all was heard; 0 while none is due. Sends do not shorten it. */
  silentForMs(nowMs: number): number {
    return this.#state === "dialling" ? 0 : this.#progress.silentForMs(nowMs);
  }

  /** How long answers have been due and none came whole, so that a new query would wait too; 0 while none is due. */
  stalledForMs(nowMs: number): number {
    return this.#state === "dialling" ? 0 : this.#progress.stalledForMs(nowMs);
  }

  /** Whether it owes an answer, if only to a query given up: it has to be watched. */
  get answerDue(): boolean {
    return this.#progress.answerDue;
  }

  /** Whether a message comes so slowly that others should not wait for it any longer, or nobody does. */
  isTrickling(nowMs: number): boolean {
    const behind = this.#ids.inFlight - (this.#begun === undefined ? 0 : 1);
    return (behind > 0 && this.#progress.trickles(nowMs)) || this.#progress.isUseless(nowMs);
  }

  /** Takes the exchange; only when `accepts`. */
  send(exchange: Exchange): void {
    this.#progress.asked(exchange.sentMs);
    this.#sent++;
    exchange.upstreamId = this.#ids.take(exchange);
    exchange.carrier = this;
    this.#idle.busy();
    if (this.#state !== "dialling") this.#queue(exchange);
  }

  /** Forgets the exchange: it is not written if it was not yet, else its late answer will be dropped. */
  cancel(exchange: Exchange): void {
    exchange.carrier = undefined;
    if (this.#state === "dialling") this.#ids.release(exchange.upstreamId);
    else this.#ids.quarantine(exchange.upstreamId);
    this.#afterSettling();
  }

  /** Takes no more queries, and ends once those in flight are answered. */
  retire(): void {
    if (this.#state === "dialling") this.#fail(new UpstreamError("closed", "not needed any more"));
    else if (this.#state === "ready") {
      this.#state = "retiring";
      this.#afterSettling();
    }
  }

  /** Ends it now; what is in flight goes back to the owner with this error. */
  abort(error: UpstreamError): void {
    this.#fail(error);
  }

  /** Puts the query into the next write. */
  #queue({ upstreamId, query, isPlain }: Exchange): void {
    this.#outgoing.add(upstreamId, query, isPlain);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    const { clock } = this.#parts;
    if (this.#ids.inFlight <= FEW_IN_FLIGHT) clock.endOfTask(this.#flush);
    else clock.endOfTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushDue = false;
    if (this.#outgoing.octets === 0 || this.#state === "closed") return;
    this.#stream.write(this.#outgoing.take());
    this.#afterSettling(); // all of it may have been given up before it was written
  };

  #onSecure(outcome: TlsOutcome): void {
    if (this.#state !== "dialling") return;
    const refusal = checkOutcome(outcome);
    if (refusal !== undefined) {
      this.#fail(new UpstreamError("authentication", refusal.message));
      return;
    }
    this.#cancelDial();
    this.#state = "ready";
    this.#readyMs = this.#parts.clock.nowMs();
    this.lastHeardMs = this.#readyMs;
    this.#progress.heard(this.#readyMs, 1, false, this.#ids.inFlight > 0);
    for (const exchange of this.#ids.waiting()) this.#queue(exchange);
    this.#parts.owner.onReady(this, outcome);
    this.#flush();
    this.#afterSettling();
  }

  #onOctets(octets: Uint8Array): void {
    if (this.#state === "closed") return;
    this.lastHeardMs = this.#parts.clock.nowMs();
    const framesBefore = this.#framesSeen;
    const wasMidFrame = this.#frames.midFrame;
    this.#frames.push(octets, this.#onFrame);
    const messages = this.#framesSeen - framesBefore;
    this.#progress.heard(this.lastHeardMs, messages, wasMidFrame, this.#ids.inFlight > 0);
    this.#afterSettling();
  }

  readonly #onFrame = (octets: Uint8Array, start: number, length: number): boolean => {
    this.#framesSeen++;
    if (length < HEADER_OCTETS) {
      this.#fail(new UpstreamError("closed", `it sent a frame of ${length} octets, which is no DNS message`));
      return false;
    }
    const id = readUint16(octets, start);
    const exchange = this.#ids.find(id);
    if (exchange === undefined) {
      // The late answer to a query given up is expected; anything else answers nothing that was asked.
      return this.#ids.endQuarantine(id) || this.#toleratesStray();
    }
    exchange.carrier = undefined;
    const layout = this.#layout;
    const whyNot = whyNoAnswer(exchange, octets, start, length, layout);
    if (whyNot === undefined) {
      this.#ids.release(id);
      this.answered++;
      exchange.tookMs = this.lastHeardMs - Math.max(exchange.sentMs, this.#readyMs);
      this.#parts.owner.onResponse(exchange, octets, start, layout);
      this.#readKeepalive(octets, start, layout);
    } else {
      // Nobody forges frames on an authenticated connection, so there is no better answer to wait for.
      this.#ids.quarantine(id);
      this.#parts.owner.onMalformed(exchange, whyNot);
      if (whyNot === OTHER_QUESTION && !this.#toleratesStray()) return false;
    }
    return this.#state !== "closed";
  };

  /** A frame answers nothing that was asked. Returns whether the connection goes on. */
  #toleratesStray(): boolean {
    this.#parts.onUnsolicited?.();
    if (++this.#unsolicited <= this.#parts.limits.maxUnsolicited) return this.#state !== "closed";
    this.#fail(new UpstreamError("closed", `it sent ${this.#unsolicited} frames that answer nothing that was asked`));
    return false;
  }

  #readKeepalive(octets: Uint8Array, start: number, layout: ResponseLayout): void {
    const keepaliveMs = keepaliveMsOf(octets, start, layout);
    if (keepaliveMs < 0) return;
    // RFC 7828, 3.4: 0 asks to close as soon as everything is answered.
    if (keepaliveMs === 0) this.retire();
    else this.#parts.owner.onKeepalive(keepaliveMs);
  }

  /** Nothing in flight: a retiring connection ends, a ready one ends after a while (idle ones die unnoticed). */
  #afterSettling(): void {
    if (this.#ids.inFlight > 0 || this.#outgoing.octets > 0) return;
    if (!this.#idle.isIdle) this.#idleSinceMs = this.#parts.clock.nowMs();
    if (this.#state === "retiring") this.#fail(new UpstreamError("closed", "closed by fdns"));
    else if (this.#state === "ready" && this.#sent >= this.#parts.maxQueries) this.retire();
    else if (this.#state === "ready" && !this.#idle.isIdle) this.#idle.idle(this.#parts.retireAfterMs());
  }

  /** Who waits for the message that has begun and is not whole. */
  get #begun(): Exchange | undefined {
    const { heldId } = this.#frames;
    return heldId < 0 ? undefined : this.#ids.find(heldId);
  }

  #fail(error: UpstreamError): void {
    if (this.#state === "closed") return;
    this.#reason = error;
    this.#stream.destroy();
    this.#finish(error);
  }

  /** The stream ended by itself. */
  #onClose(cause: Error | undefined): void {
    if (this.#state === "closed") return;
    const authenticated = this.#state !== "dialling";
    this.endedByPeer = true;
    if (authenticated) {
      this.#finish(
        new UpstreamError("closed", cause === undefined ? "it closed the connection" : describeFailure(cause)),
      );
    } else {
      const code = cause === undefined || isNetworkFailure(cause) ? "connect" : "authentication";
      this.#finish(new UpstreamError(code, describeFailure(cause), { cause }));
    }
  }

  #finish(error: UpstreamError): void {
    this.#state = "closed";
    this.#cancelDial();
    this.#idle.end();
    this.#outgoing.drop();
    this.owedAtEnd = this.#ids.taken;
    this.begunAtEnd = this.#begun;
    this.stoppedMs = this.#progress.stoppedMs;
    const unanswered = this.#ids.drain();
    for (const exchange of unanswered) exchange.carrier = undefined;
    this.#parts.owner.onClosed(this, this.#reason ?? error, unanswered);
  }
}
