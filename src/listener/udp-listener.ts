/** Queries over UDP: batches in, handed on in place, responses composed in the socket's own room. */

import type { Clock, UdpBatch, UdpEngine, UdpOpenOptions, UdpSocket } from "../runtime/runtime.ts";
import type { BatchHandler, ResponseSink } from "./query-handler.ts";

export class UdpListener implements ResponseSink {
  readonly transport = "udp";
  readonly isFull = false;
  readonly #socket: UdpSocket;
  readonly #maxOctets: number;

  private constructor(socket: UdpSocket, maxOctets: number) {
    this.#socket = socket;
    this.#maxOctets = maxOctets;
  }

  /** `maxOctets`: the largest response, whatever the client offers. @throws BindError (as a rejection) */
  static async open(
    engine: UdpEngine,
    options: Omit<UdpOpenOptions, "onBatch">,
    maxOctets: number,
    clock: Pick<Clock, "nowMs">,
    onQueries: BatchHandler,
  ): Promise<UdpListener> {
    let listener: UdpListener | undefined;
    const onBatch = (batch: UdpBatch): void => {
      // Before that the stub asks again; nothing else can be in flight yet.
      if (listener !== undefined) onQueries(batch, listener, clock.nowMs());
    };
    listener = new UdpListener(await engine.open({ ...options, onBatch }), maxOctets);
    return listener;
  }

  get socket(): UdpSocket {
    return this.#socket;
  }

  get port(): number {
    return this.#socket.address.port;
  }

  get room(): Uint8Array {
    return this.#socket.room;
  }

  limitFor(udpPayloadSize: number): number {
    return Math.min(udpPayloadSize, this.#maxOctets);
  }

  whenRoom(answer: (isGone: boolean) => void): void {
    answer(false);
  }

  reserve(): number {
    return this.#socket.reserve();
  }

  commit(start: number, length: number, peers: Uint8Array, peerStart: number): void {
    this.#socket.commit(start, length, peers, peerStart);
  }

  close(): void {
    this.#socket.close();
  }
}
