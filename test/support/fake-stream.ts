/** A byte stream whose other end is the test. */

import type { AcceptedStream, Clock, SocketAddress, StreamHandler } from "../../src/runtime/runtime.ts";
import { unframed } from "./fake-messages.ts";

export class FakeStream implements AcceptedStream {
  readonly remote: SocketAddress;
  readonly local: SocketAddress = { host: "127.0.0.1", port: 53 };
  readonly #clock: Clock;
  handler: StreamHandler | undefined;
  /** Each write() by itself. */
  readonly writes: Uint8Array[] = [];
  /** Whether what is written stays here, as when the peer does not read. */
  stuck = false;
  unsentOctets = 0;
  unacknowledgedOctets = 0;
  ended = false;
  destroyed = false;
  paused = false;
  #closing = false;

  constructor(clock: Clock, remote: SocketAddress = { host: "192.168.1.7", port: 40_000 }) {
    this.#clock = clock;
    this.remote = remote;
  }

  /** Every message written so far. */
  get messages(): Uint8Array[] {
    return unframed(Uint8Array.from(this.writes.flatMap((one) => [...one])));
  }

  get closed(): boolean {
    return this.#closing;
  }

  write(octets: Uint8Array): void {
    if (this.ended) throw new Error("written after end()");
    if (this.destroyed) throw new Error("written after destroy()");
    this.writes.push(octets);
    if (this.stuck) this.unsentOctets += octets.length;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
    this.close();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  /** Octets arrive from the peer. */
  receive(octets: Uint8Array): void {
    if (!this.#closing) this.handler?.onOctets(octets);
  }

  /** The stream is gone; its handler hears it at the end of the turn, as sockets tell it. */
  close(cause?: Error): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#clock.endOfTurn(() => {
      const { handler } = this;
      this.handler = undefined;
      handler?.onClose(cause);
    });
  }
}
