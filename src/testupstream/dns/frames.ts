/** Cuts a stream into frames: two octets of length, then the message (RFC 1035, 4.2.2). */

const NOTHING = new Uint8Array(0);

export class FrameReader {
  /** The start of a frame whose end has not come; room for the longest, made when first needed. */
  #held = NOTHING;
  #heldLength = 0;

  /** Gives each whole frame's message as a range of octets, valid during the call. */
  push(octets: Uint8Array, onMessage: (octets: Uint8Array, start: number, length: number) => void): void {
    let at = 0;
    while (at < octets.length) {
      const left = octets.length - at;
      const length = left >= 2 ? (octets[at]! << 8) | octets[at + 1]! : 0;
      if (this.#heldLength === 0 && left >= 2 && left - 2 >= length) {
        onMessage(octets, at + 2, length);
        at += 2 + length;
      } else {
        at = this.#hold(octets, at, onMessage);
      }
    }
  }

  /** Takes as much as completes the frame begun, at most. @returns where the rest starts. */
  #hold(
    octets: Uint8Array,
    at: number,
    onMessage: (octets: Uint8Array, start: number, length: number) => void,
  ): number {
    if (this.#held === NOTHING) this.#held = new Uint8Array(2 + 65_535);
    const held = this.#held;
    const wanted = this.#heldLength < 2 ? 2 : 2 + ((held[0]! << 8) | held[1]!);
    const taken = octets.subarray(at, at + wanted - this.#heldLength);
    held.set(taken, this.#heldLength);
    this.#heldLength += taken.length;
    const length = (held[0]! << 8) | held[1]!;
    if (this.#heldLength === 2 + length) {
      this.#heldLength = 0;
      onMessage(held, 2, length);
    }
    return at + taken.length;
  }
}
