/** Messages on a byte stream: each behind two octets of length (RFC 1035, 4.2.2), split anywhere by the network. */

import { readUint16 } from "./octets.ts";

/** Called with each whole message, without its length; valid during the call only. Returns false to read no further. */
export type OnFrame = (octets: Uint8Array, start: number, length: number) => boolean;

const NOTHING = new Uint8Array(0);
const FIRST_HELD_OCTETS = 512;
/** Room for an unfinished message is kept for the next one up to this: few streams ever need more. */
const MAX_KEPT_OCTETS = 4096;

/** Cuts one stream into messages. Holds at most one unfinished message, 65,537 octets. */
export class FrameReader {
  #held: Uint8Array = NOTHING;
  #heldOctets = 0;

  /** Octets held of a message that is not whole yet, its length included. */
  get heldOctets(): number {
    return this.#heldOctets;
  }

  /** Octets that the message is short of, as far as its length is known. */
  get missingOctets(): number {
    return this.#heldOctets < 2 ? 2 - this.#heldOctets : 2 + readUint16(this.#held, 0) - this.#heldOctets;
  }

  /** The ID of the message that is not whole (RFC 1035, 4.1.1), -1 if it has not come. */
  get heldId(): number {
    return this.#heldOctets < 4 ? -1 : readUint16(this.#held, 2);
  }

  /** Whether the stream stands in the middle of a message. */
  get midFrame(): boolean {
    return this.#heldOctets > 0;
  }

  /**
   * Takes the next octets of the stream, from chunk[start] on; whole messages among them are handed on in place.
   * Returns the end of what was taken, which is not all of it only if `onFrame` said so: the rest is to be pushed later.
   */
  push(chunk: Uint8Array, onFrame: OnFrame, start = 0): number {
    if (this.#heldOctets === 0) return this.#cut(chunk, start, onFrame);
    const at = this.#complete(chunk, start);
    const length = this.#heldOctets - 2;
    if (length < 0 || length < readUint16(this.#held, 0)) return at;
    const message = this.#held;
    this.#heldOctets = 0;
    if (message.length > MAX_KEPT_OCTETS) this.#held = NOTHING;
    return onFrame(message, 2, length) ? this.#cut(chunk, at, onFrame) : at;
  }

  /** Adds to the held message what `chunk` has of it from `start`; returns the offset behind that. */
  #complete(chunk: Uint8Array, start: number): number {
    // The length itself may have been split.
    const at = this.#heldOctets < 2 ? this.#hold(chunk, start, 2) : start;
    return this.#heldOctets < 2 ? at : this.#hold(chunk, at, 2 + readUint16(this.#held, 0));
  }

  /** Hands on the whole messages of `chunk` from `at`, and holds the unfinished one at its end. */
  #cut(chunk: Uint8Array, at: number, onFrame: OnFrame): number {
    while (chunk.length - at >= 2) {
      const length = readUint16(chunk, at);
      if (chunk.length - at - 2 < length) break;
      at += 2 + length;
      if (!onFrame(chunk, at - length, length)) return at;
    }
    if (at === chunk.length) return at;
    return this.#hold(chunk, at, chunk.length - at < 2 ? 2 : 2 + readUint16(chunk, at));
  }

  /** Keeps octets of `chunk` from `at` until `wanted` are held; returns the offset behind what was taken. */
  #hold(chunk: Uint8Array, at: number, wanted: number): number {
    const taken = Math.min(wanted - this.#heldOctets, chunk.length - at);
    const heldOctets = this.#heldOctets + taken;
    if (this.#held.length < heldOctets) {
      // Room for what came and as much again, not for what was announced: announcing costs the peer nothing.
      const larger = new Uint8Array(Math.max(Math.min(wanted, heldOctets * 2), FIRST_HELD_OCTETS));
      larger.set(this.#held.subarray(0, this.#heldOctets));
      this.#held = larger;
    }
    this.#held.set(chunk.subarray(at, at + taken), this.#heldOctets);
    this.#heldOctets = heldOctets;
    return at + taken;
  }
}
