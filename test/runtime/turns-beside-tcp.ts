/**
 * Run by a test, on Deno: 16 datagrams go to and fro between two sockets for ever, and an octet over TCP 100 times.
 * Prints how many batches of datagrams were had meanwhile.
 */

import * as net from "node:net";
import { loadLibc } from "../../src/runtime/libc.ts";
import { DATAGRAM_STRIDE, PEER_OCTETS, type UdpSocket } from "../../src/runtime/runtime.ts";
import { parseHost, writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { batchedUdpEngine } from "../../src/runtime/udp-batched.ts";

const ROUND_TRIPS = 100;
const HOST = "127.0.0.1";

const engine = batchedUdpEngine(await loadLibc());
let batches = 0;

async function openEcho(): Promise<UdpSocket> {
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
}

const [one, other] = await Promise.all([openEcho(), openEcho()]);
const peer = new Uint8Array(new ArrayBuffer(PEER_OCTETS));
writeSockaddr(peer, 0, parseHost(HOST)!, other.address.port, 0);
for (let i = 0; i < 16; i++) one.commit(one.reserve(), 40, peer, 0);

const server = net.createServer((socket) => socket.on("data", (octets) => socket.write(octets)));
server.listen(0, HOST, () => {
  const { port } = server.address() as net.AddressInfo;
  const client = net.connect(port, HOST, () => client.write("x"));
  let roundTrips = 0;
  let before = 0;
  client.on("data", () => {
    // The first ones, with the sockets' beginning, do not count.
    if (roundTrips === ROUND_TRIPS) before = batches;
    if (++roundTrips <= 2 * ROUND_TRIPS) {
      client.write("x");
      return;
    }
    process.stdout.write(`${batches - before}\n`);
    process.exit(0);
  });
});
