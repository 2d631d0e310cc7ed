/** The answer to one order: lines, written in pieces and no faster than they are read. */

import { escapeControls } from "../observe/log.ts";
import type { ByteStream } from "../runtime/runtime.ts";
import { DONE, FAILED_MARK, LINE_MARK } from "./protocol.ts";

/** Lines are gathered up to this before they are written. Little more than this and one entry's lines wait unread. */
const PIECE_OCTETS = 65_536;

export class Answer {
  readonly #stream: ByteStream;
  #piece = "";
  #isGone = false;
  #resume: (() => void) | undefined;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** One line, without its end; control characters in it are escaped. */
  line(text: string): void {
    this.#piece += `${LINE_MARK}${escapeControls(text)}\n`;
    if (this.#piece.length >= PIECE_OCTETS) this.#write();
  }

  /** Whether there is more than the reader takes at once: then wait for room(). */
  get isFull(): boolean {
    return this.#piece.length + this.#stream.unsentOctets > PIECE_OCTETS;
  }

  /** Resolves at once, or when the reader has caught up. Rejects once it is gone: then there is nothing more to do. */
  async room(): Promise<void> {
    if (!this.#isGone && this.#stream.unsentOctets > PIECE_OCTETS) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
    }
    if (this.#isGone) throw new Error("the reader is gone");
  }

  done(): void {
    this.#end(DONE);
  }

  failed(why: string): void {
    this.#end(FAILED_MARK + escapeControls(why));
  }

  onDrain(): void {
    this.#resume?.();
  }

  onClose(): void {
    this.#isGone = true;
    this.#resume?.();
  }

  #end(last: string): void {
    this.#piece += `${last}\n`;
    this.#write();
    if (!this.#isGone) this.#stream.end();
  }

  #write(): void {
    if (!this.#isGone) this.#stream.write(new TextEncoder().encode(this.#piece));
    this.#piece = "";
  }
}
