/**
 * What comes on a connection while answers are due: nothing at all (silence), no whole message (a stall, in which all
 * answers wait behind one), or one message that has begun and hardly goes on (a trickle).
 */

import type { FrameReader } from "../wire/frame.ts";

/** Slower than an octet a millisecond is slow: servers send a message whole, or in records of many octets. */
const OCTETS_A_MS = 1;

export class Progress {
  readonly #frames: FrameReader;
  /** Whether an answer is due. One that was given up is until anything else comes: it may be the connection's fault. */
  #due = false;
  #silentSinceMs = 0;
  #stalledSinceMs = 0;
  /** Since when a message has begun and is not whole. */
  #begunMs = 0;

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
    if (messages > 0 || !wasMidFrame) this.#begunMs = nowMs;
    this.#due = inFlight || this.#frames.midFrame;
  }

  /** How long answers have been due and nothing at all was heard; 0 while none is due. Sends do not shorten it. */
  silentForMs(nowMs: number): number {
    return this.#due ? nowMs - this.#silentSinceMs : 0;
  }

  /** How long answers have been due and none came whole; 0 while none is due. */
  stalledForMs(nowMs: number): number {
    return this.#due ? nowMs - this.#stalledSinceMs : 0;
  }

  /** Whether a message has been coming for so many milliseconds, and slowly. */
  tricklesFor(ms: number, nowMs: number): boolean {
    if (!this.#frames.midFrame) return false;
    const elapsedMs = nowMs - this.#begunMs;
    return elapsedMs >= ms && this.#frames.heldOctets < elapsedMs * OCTETS_A_MS;
  }
}
