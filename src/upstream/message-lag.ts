/** Whether a message that has begun comes so slowly that everything behind it on the connection waits. */

import type { FrameReader } from "../wire/frame.ts";

/** Slower than an octet a millisecond is slow: servers send a message whole, or in records of many octets. */
const OCTETS_A_MS = 1;

export class MessageLag {
  readonly #frames: FrameReader;
  /** Since when a message has begun and is not whole. */
  #sinceMs = 0;

  constructor(frames: FrameReader) {
    this.#frames = frames;
  }

  /** To be told after octets were read: when, and whether they began the message that is not whole now. */
  read(nowMs: number, begun: boolean): void {
    if (begun) this.#sinceMs = nowMs;
  }

  /** Whether the message has been coming for so many milliseconds, and slowly. */
  isOver(ms: number, nowMs: number): boolean {
    if (!this.#frames.midFrame) return false;
    const elapsedMs = nowMs - this.#sinceMs;
    return elapsedMs >= ms && this.#frames.heldOctets < elapsedMs * OCTETS_A_MS;
  }
}
