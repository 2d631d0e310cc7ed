/**
 * What leaves on one connection. Whole frames of one event-loop turn go out in one TLS write; frames that are to be
 * split leave piece by piece, each a TLS write of its own that starts when the one before has left.
 */

import type { Clock } from "../runtime/runtime.ts";
import type { SecureStream } from "../runtime/tls/listen.ts";
import type { Behaviour } from "./behaviour.ts";
import type { SeededRandom } from "./random.ts";

const FIRST_BATCH_OCTETS = 16_384;

/** Time for what was sent to be read before an RST, which makes the peer's kernel drop what it holds. */
const BEFORE_RESET_MS = 20;

/** How slowly a frame leaves (behaviour.ts). */
type Pace = Pick<Behaviour, "trickleMs" | "trickleOctets" | "lengthAheadMs">;

const AT_ONCE: Pace = { trickleMs: 0, trickleOctets: 1, lengthAheadMs: 0 };

interface Piece {
  readonly octets: Uint8Array;
  /** Before it leaves. */
  readonly pauseMs: number;
}

export class Outbox {
  readonly #stream: SecureStream;
  readonly #random: SeededRandom;
  readonly #clock: Clock;
  #batch = new Uint8Array(FIRST_BATCH_OCTETS);
  #batchLength = 0;
  #flushing = false;
  /** Pieces that wait their turn, each after its pause; the next is at #nextPiece. */
  #pieces: Piece[] = [];
  #nextPiece = 0;
  #closing: "fin" | "rst" | undefined;
  #pausing = false;

  constructor(stream: SecureStream, random: SeededRandom, clock: Clock) {
    this.#stream = stream;
    this.#random = random;
    this.#clock = clock;
  }

  /** True when everything handed over has left. */
  get empty(): boolean {
    return (
      !this.#pausing &&
      this.#batchLength === 0 &&
      this.#nextPiece === this.#pieces.length &&
      this.#stream.unsentOctets === 0
    );
  }

  /** Copies the octets; drops them once the connection is closing. */
  send(octets: Uint8Array, split: Behaviour["split"], pace: Pace = AT_ONCE): void {
    if (this.#closing) return;
    const { trickleMs, trickleOctets, lengthAheadMs } = pace;
    if (trickleMs > 0) this.#sendPieces(octets.slice(), () => trickleOctets, trickleMs);
    else if (lengthAheadMs > 0) this.#sendAfterLength(octets.slice(), lengthAheadMs);
    else if (split !== "whole" || this.#nextPiece < this.#pieces.length) {
      this.#sendPieces(octets.slice(), (left) => this.#pieceOctets(split, left), 0);
    } else this.#sendBatched(octets);
  }

  /** Closes once everything has left. */
  close(how: "fin" | "rst"): void {
    this.#closing ??= how;
    this.#schedule();
  }

  /** Sends RST at once, whatever waits. */
  reset(): void {
    this.#closing = "rst";
    this.#stream.reset();
  }

  /** To be called when everything written has left. */
  onDrain(): void {
    if (this.#pausing) return;
    if (this.#nextPiece < this.#pieces.length) {
      this.#sendNextPiece();
      return;
    }
    this.#pieces = [];
    this.#nextPiece = 0;
    this.#closeIfDone();
  }

  #sendNextPiece(): void {
    const { octets, pauseMs } = this.#pieces[this.#nextPiece++]!;
    if (pauseMs === 0) {
      this.#stream.write(octets);
      return;
    }
    this.#pausing = true;
    this.#clock.after(pauseMs, () => {
      this.#pausing = false;
      this.#stream.write(octets);
    });
  }

  #sendBatched(octets: Uint8Array): void {
    const needed = this.#batchLength + octets.length;
    if (needed > this.#batch.length) {
      const larger = new Uint8Array(Math.max(needed, this.#batch.length * 2));
      larger.set(this.#batch.subarray(0, this.#batchLength));
      this.#batch = larger;
    }
    this.#batch.set(octets, this.#batchLength);
    this.#batchLength = needed;
    this.#schedule();
  }

  #sendPieces(octets: Uint8Array, lengthOf: (left: number) => number, pauseMs: number): void {
    this.#flush();
    for (let at = 0; at < octets.length; ) {
      const length = lengthOf(octets.length - at);
      this.#pieces.push({ octets: octets.subarray(at, at + length), pauseMs });
      at += length;
    }
    this.#begin();
  }

  #sendAfterLength(frame: Uint8Array, pauseMs: number): void {
    this.#flush();
    this.#pieces.push({ octets: frame.subarray(0, 2), pauseMs: 0 }, { octets: frame.subarray(2), pauseMs });
    this.#begin();
  }

  #pieceOctets(split: Behaviour["split"], left: number): number {
    if (split === "whole") return left;
    return split === "octets" ? 1 : this.#random.between(1, Math.min(left, 64));
  }

  #begin(): void {
    if (this.#stream.unsentOctets === 0) this.onDrain();
  }

  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#clock.endOfTurn(() => {
      this.#flushing = false;
      this.#flush();
      this.#closeIfDone();
    });
  }

  #flush(): void {
    if (this.#batchLength === 0) return;
    this.#stream.write(this.#batch.slice(0, this.#batchLength));
    this.#batchLength = 0;
  }

  #closeIfDone(): void {
    if (!this.#closing || !this.empty) return;
    if (this.#closing === "fin") this.#stream.end();
    else this.#clock.after(BEFORE_RESET_MS, () => this.#stream.reset());
  }
}
