/** What joins a listener and whoever answers: the query's octets one way, a place to compose the response the other. */

import type { UdpBatch } from "../runtime/runtime.ts";

export type Transport = "udp" | "tcp";

/** Where the response to a query goes: one UDP socket, or one TCP connection. */
export interface ResponseSink {
  readonly transport: Transport;
  /** Where responses are composed; read it again after each reserve(). */
  readonly room: Uint8Array;
  /** The most octets a response may have when the client said it can take `udpPayloadSize` over UDP. */
  limitFor(udpPayloadSize: number): number;
  /** Whether the client does not take what it is sent, so that a response had better wait for whenRoom(). */
  readonly isFull: boolean;
  /** Calls back once, when there is room or the client is gone; then nothing may be committed. */
  whenRoom(answer: (isGone: boolean) => void): void;
  /** A place in `room` for a response of at most `octets`, valid until the next call. */
  reserve(octets: number): number;
  /** Sends the response composed at `start`, no later than the end of this turn. `peers`, `peerStart`: as they came. */
  commit(start: number, length: number, peers: Uint8Array, peerStart: number): void;
}

/**
 * Takes the query at octets[start, start + length), valid during the call only, from the client whose sockaddr
 * (runtime/sockaddr.ts) stands at peers[peerStart...], PEER_OCTETS long. Returns whether a response will be committed
 * to the sink, now or later; false if the octets deserve none. `nowMs` is the clock's, read once for all that came
 * together.
 */
export type QueryHandler = (
  octets: Uint8Array,
  start: number,
  length: number,
  sink: ResponseSink,
  peers: Uint8Array,
  peerStart: number,
  nowMs: number,
) => boolean;

/**
 * Takes queries that came together in one UDP socket, each as a QueryHandler does; the batch is valid during the call
 * only.
 */
export type BatchHandler = (batch: UdpBatch, sink: ResponseSink, nowMs: number) => void;
