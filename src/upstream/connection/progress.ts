/**
 * What comes on a connection while answers are due: nothing at all (silence), no whole message (a stall, in which all
 * answers wait behind one), or one message that has begun and comes in drops (a trickle).
 *
 * A message may well come slowly: its length before it, or a segment for each round trip, as Nagle's algorithm and delayed
 * acknowledgements have it (RFC 1122, 4.2.3). That takes few pieces, or pieces of many octets.
 */

import type { FrameReader } from "../../wire/frame.ts";

/** Octets that come closer together are one piece, however TCP and TLS cut them. */
const PIECE_GAP_MS = 5;
/** No message is written in so many pieces and sent in as many: what is written while another is on its way is gathered. */
const MANY_PIECES = 6;
const SMALL_PIECE_OCTETS = 64;
/** A message that needs so long for its rest is of no use to anyone: clients have left by then. */
const USELESS_AFTER_MS = 4000;

export class Progress {
  readonly #frames: FrameReader;
  /** Whether an answer is due. One that was given up is until anything else comes: it may be the connection's fault. */
  #due = false;
  #silentSinceMs = 0;
  #stalledSinceMs = 0;
  /** Since when a message has begun and is not whole, in how many pieces it came, and when the last of them did. */
  #begunMs = 0;
  #pieces = 0;
  #pieceMs = 0;

  constructor(frames: FrameReader) {
    this.#frames = frames;
  }

  get answerDue(): boolean {
    return this.#due;
  }

  /** A query was sent: what it waits for counts from here, unless others wait already. */
  asked(nowMs: number): void {
    if (this.#due) return;
    this.#due = true;
    this.#silentSinceMs = nowMs;
    this.#stalledSinceMs = nowMs;
  }

  /** Octets were read, and so many whole messages with them; whether any query is in flight still. */
  heard(nowMs: number, messages: number, wasMidFrame: boolean, inFlight: boolean): void {
    this.#silentSinceMs = nowMs;
    if (messages > 0) this.#stalledSinceMs = nowMs;
    if (messages > 0 || !wasMidFrame) {
      this.#begunMs = nowMs;
      this.#pieceMs = nowMs;
      this.#pieces = 1;
    } else if (nowMs - this.#pieceMs >= PIECE_GAP_MS) {
      this.#pieceMs = nowMs;
      this.#pieces++;
    }
    this.#due = inFlight || this.#frames.midFrame;
  }

  /** How long answers have been due and nothing at all was heard; 0 while none is due. Sends do not shorten it. */
  silentForMs(nowMs: number): number {
    return this.#due ? nowMs - this.#silentSinceMs : 0;
  }

  /** When the answers stopped: what was asked before may be why. A message that has begun came after its query. */
  get stoppedMs(): number {
    return this.#frames.midFrame ? this.#begunMs : this.#silentSinceMs;
  }

  /** How long answers have been due and none came whole; 0 while none is due. */
  stalledForMs(nowMs: number): number {
    return this.#due ? nowMs - this.#stalledSinceMs : 0;
  }

  /** How long a message has been coming that is not whole; 0 while there is none. */
  unfinishedForMs(nowMs: number): number {
    return this.#frames.midFrame ? nowMs - this.#begunMs : 0;
  }

  /** Whether a message comes in drops, or so slowly that nobody will be there when it is whole. */
  trickles(nowMs: number): boolean {
    if (!this.#frames.midFrame || this.#pieces < MANY_PIECES) return false;
    const { heldOctets, missingOctets } = this.#frames;
    if (heldOctets < this.#pieces * SMALL_PIECE_OCTETS) return true;
    return missingOctets * (nowMs - this.#begunMs) > heldOctets * USELESS_AFTER_MS;
  }

  /** Whether a message began so long ago that nobody waits for it any more. */
  isUseless(nowMs: number): boolean {
    return this.unfinishedForMs(nowMs) > USELESS_AFTER_MS;
  }
}
