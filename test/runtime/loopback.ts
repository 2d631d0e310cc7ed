/** What the UDP tests share: an echo on any engine, and a client that sends bursts and remembers what came back. */
import { expect } from "bun:test";
import {
  DATAGRAM_OCTETS,
  DATAGRAM_STRIDE,
  PEER_OCTETS,
  type Sharing,
  type UdpBatch,
  type UdpEngine,
  type UdpSocket,
} from "../../src/runtime/runtime.ts";
import { parseHost, readSockaddr, writeSockaddr } from "../../src/runtime/sockaddr.ts";

/** Datagram i of a batch, as a view. */
export function datagram(batch: UdpBatch, i: number): Uint8Array {
  return batch.octets.subarray(i * DATAGRAM_STRIDE, i * DATAGRAM_STRIDE + batch.lengths[i]!);
}

/** Sends back every datagram of a batch to whoever sent it. */
export function echoBatch(socket: UdpSocket, batch: UdpBatch): void {
  for (let i = 0; i < batch.count; i++) {
    const octets = datagram(batch, i);
    const start = socket.reserve();
    socket.room.set(octets, start);
    socket.commit(start, octets.length, batch.peers, i * PEER_OCTETS);
  }
}

export function rethrow(fault: Error): never {
  throw fault;
}

export async function openEcho(engine: UdpEngine, host = "127.0.0.1", port = 0, sharing?: Sharing): Promise<UdpSocket> {
  const socket: UdpSocket = await engine.open({
    address: { host, port },
    sharing,
    onBatch: (batch) => echoBatch(socket, batch),
    onFault: rethrow,
  });
  return socket;
}

export interface Client {
  readonly socket: UdpSocket;
  /** "HOST text of the datagram", in order of arrival. */
  readonly received: string[];
  send(host: string, port: number, text: string): void;
}

export async function openClient(engine: UdpEngine, host = "127.0.0.1"): Promise<Client> {
  const received: string[] = [];
  const peer = new Uint8Array(new ArrayBuffer(PEER_OCTETS));
  const socket = await engine.open({
    address: { host, port: 0 },
    onFault: rethrow,
    onBatch: (batch) => {
      for (let i = 0; i < batch.count; i++) {
        const from = readSockaddr(batch.peers, i * PEER_OCTETS).host;
        received.push(`${from} ${new TextDecoder().decode(datagram(batch, i))}`);
      }
    },
  });
  return {
    socket,
    received,
    send(to, port, text) {
      writeSockaddr(peer, 0, parseHost(to)!, port, 0);
      const start = socket.reserve();
      const { written } = new TextEncoder().encodeInto(text, socket.room.subarray(start, start + DATAGRAM_OCTETS));
      socket.commit(start, written, peer, 0);
    },
  };
}

/** Waits, turn by turn, until `condition` holds; fails after `withinMs`. */
export async function until(what: string, condition: () => boolean, withinMs = 2000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) expect.unreachable(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
