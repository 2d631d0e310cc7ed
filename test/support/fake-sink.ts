/** A place for responses that keeps each one, and who it is for. */

import type { ResponseSink, Transport } from "../../src/listener/query-handler.ts";
import { PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { parseIpAddress } from "../../src/wire/ip-address.ts";

export class FakeSink implements ResponseSink {
  readonly transport: Transport;
  room = new Uint8Array(0);
  isFull = false;
  /** Who waits for room; the test calls them. */
  readonly heldBack: ((isGone: boolean) => void)[] = [];
  readonly sent: { octets: Uint8Array; port: number }[] = [];
  readonly #maxOctets: number;
  #reserved = -1;

  /** `maxOctets` as a UDP listener has it; without it any response fits. */
  constructor(maxOctets = 65_535) {
    this.#maxOctets = maxOctets;
    this.transport = maxOctets === 65_535 ? "tcp" : "udp";
  }

  limitFor(udpPayloadSize: number): number {
    return this.#maxOctets === 65_535 ? 65_535 : Math.min(udpPayloadSize, this.#maxOctets);
  }

  whenRoom(answer: (isGone: boolean) => void): void {
    this.heldBack.push(answer);
  }

  reserve(octets: number): number {
    // Exactly as much as asked for, with old octets in it: writing more, or relying on zeros, shows.
    this.room = new Uint8Array(8 + octets).fill(0xee);
    this.#reserved = octets;
    return 8;
  }

  commit(start: number, length: number, peers: Uint8Array, peerStart: number): void {
    if (start !== 8 || length > this.#reserved) throw new Error(`committed ${length} of ${this.#reserved} octets`);
    this.#reserved = -1;
    const port = (peers[peerStart + 2]! << 8) | peers[peerStart + 3]!;
    this.sent.push({ octets: this.room.slice(start, start + length), port });
  }
}

/** Who asks, at PEER_OCTETS of the array. */
export function peerOf(host: string, port = 5353): Uint8Array {
  const peers = new Uint8Array(2 * PEER_OCTETS);
  writeSockaddr(peers, PEER_OCTETS, parseIpAddress(host)!, port, 0);
  return peers;
}
