/**
 * Run by a test, on Deno: 16 datagrams go to and fro between two sockets for ever, and an octet over TCP beside them.
 * Prints how many batches of datagrams were had for each round trip over TCP, as an array: first as the engine is, then
 * with one that schedules each turn from the one before. Counts and no times, so that other load makes no difference.
 */

import { once } from "node:events";
import * as net from "node:net";
import { loadLibc } from "../../src/runtime/libc.ts";
import { DATAGRAM_STRIDE, PEER_OCTETS, type UdpEngine, type UdpSocket } from "../../src/runtime/runtime.ts";
import { parseHost, writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";

/** A measurement goes on until it had so many: where another thread waits for a core, octets may be the quicker ones. */
const BATCHES = 100;
const HOST = "127.0.0.1";

async function batchesPerRoundTrip(engine: UdpEngine, leastRoundTrips: number): Promise<number> {
  let batches = 0;
  const openEcho = async (): Promise<UdpSocket> => {
    const socket: UdpSocket = await engine.open({
      address: { host: HOST, port: 0 },
      onFault(fault) {
        throw fault;
      },
      onBatch({ octets, lengths, peers, count }) {
        batches++;
        for (let i = 0; i < count; i++) {
          const from = i * DATAGRAM_STRIDE;
          const start = socket.reserve();
          socket.room.set(octets.subarray(from, from + lengths[i]!), start);
          socket.commit(start, lengths[i]!, peers, i * PEER_OCTETS);
        }
      },
    });
    return socket;
  };
  const [one, other] = await Promise.all([openEcho(), openEcho()]);
  const peer = new Uint8Array(new ArrayBuffer(PEER_OCTETS));
  writeSockaddr(peer, 0, parseHost(HOST)!, other.address.port, 0);
  for (let i = 0; i < 16; i++) one.commit(one.reserve(), 40, peer, 0);

  const server = net.createServer((socket) => socket.on("data", (octets) => socket.write(octets)));
  await once(server.listen(0, HOST), "listening");
  const client = net.connect((server.address() as net.AddressInfo).port, HOST, () => client.write("x"));
  return new Promise((resolve) => {
    let roundTrips = 0;
    let before = 0;
    client.on("data", () => {
      // The first ones, with the sockets' beginning, do not count.
      if (++roundTrips === leastRoundTrips) before = batches;
      const counted = roundTrips - leastRoundTrips;
      if (counted < leastRoundTrips || batches - before < BATCHES) {
        client.write("x");
        return;
      }
      client.destroy();
      server.close();
      one.close();
      other.close();
      resolve((batches - before) / counted);
    });
  });
}

const libc = await loadLibc();
const { aside: _, ...inTurn } = libc;
const measured = [
  await batchesPerRoundTrip(batchedUdpEngine(libc), 100),
  // Its round trips take some 50 ms each.
  await batchesPerRoundTrip(batchedUdpEngine(inTurn), 5),
];
process.stdout.write(`${JSON.stringify(measured)}\n`);
process.exit(0);
