/** Messages on a byte stream: each behind two octets of length (RFC 1035, 4.2.2), split anywhere by the network. */

import { readUint16 } from "./octets.ts";

/** Called with each whole message, without its length; valid during the call only. Returns false to read no further. */
export type OnFrame = (octets: Uint8Array, start: number, length: number) => boolean;

/** Cuts one stream into messages. Holds at most one unfinished message, 65,537 octets. */
export class FrameReader {
  #held: Uint8Array = new Uint8Array(0);
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

  /** Takes the next octets of the stream; whole messages among them are handed on in place. False if `onFrame` said so. */
  push(chunk: Uint8Array, onFrame: OnFrame): boolean {
    let at = 0;
    if (this.#heldOctets > 0) {
      at = this.#complete(chunk);
      const length = this.#heldOctets - 2;
      if (length < 0 || length < readUint16(this.#held, 0)) return true;
      this.#heldOctets = 0;
      if (!onFrame(this.#held, 2, length)) return false;
    }
    return this.#cut(chunk, at, onFrame);
  }

  /** Adds to the held message what `chunk` has of it; returns the offset behind that. */
  #complete(chunk: Uint8Array): number {
    // The length itself may have been split.
    const at = this.#heldOctets < 2 ? this.#hold(chunk, 0, 2) : 0;
    return this.#heldOctets < 2 ? at : this.#hold(chunk, at, 2 + readUint16(this.#held, 0));
  }

  /** Hands on the whole messages of `chunk` from `at`, and holds the unfinished one at its end. */
  #cut(chunk: Uint8Array, at: number, onFrame: OnFrame): boolean {
    while (chunk.length - at >= 2) {
      const length = readUint16(chunk, at);
      if (chunk.length - at - 2 < length) break;
      if (!onFrame(chunk, at + 2, length)) return false;
      at += 2 + length;
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length - at < 2 ? 2 : 2 + readUint16(chunk, at));
    return true;
  }

  /** Keeps octets of `chunk` from `at` until `wanted` are held; returns the offset behind what was taken. */
  #hold(chunk: Uint8Array, at: number, wanted: number): number {
    if (this.#held.length < wanted) {
      const larger = new Uint8Array(Math.max(wanted, 512));
      larger.set(this.#held.subarray(0, this.#heldOctets));
      this.#held = larger;
    }
    const taken = Math.min(wanted - this.#heldOctets, chunk.length - at);
    this.#held.set(chunk.subarray(at, at + taken), this.#heldOctets);
    this.#heldOctets += taken;
    return at + taken;
  }
}
