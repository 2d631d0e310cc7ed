/** Queries over UDP: batches in, each query handed on in place, responses composed in the socket's own room. */

import {
  type Clock,
  DATAGRAM_STRIDE,
  PEER_OCTETS,
  type UdpBatch,
  type UdpEngine,
  type UdpOpenOptions,
  type UdpSocket,
} from "../runtime/runtime.ts";
import type { QueryHandler, ResponseSink } from "./query-handler.ts";

export class UdpListener implements ResponseSink {
  readonly transport = "udp";
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
    onQuery: QueryHandler,
  ): Promise<UdpListener> {
    let listener: UdpListener | undefined;
    const onBatch = (batch: UdpBatch): void => {
      if (listener === undefined) return; // the stub asks again; nothing else can be in flight yet
      const nowMs = clock.nowMs();
      for (let i = 0; i < batch.count; i++) {
        onQuery(batch.octets, i * DATAGRAM_STRIDE, batch.lengths[i]!, listener, batch.peers, i * PEER_OCTETS, nowMs);
      }
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
