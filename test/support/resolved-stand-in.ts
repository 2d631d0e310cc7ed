/**
 * A stand-in for the stub listener of systemd-resolved, run as a program: UDP and TCP on port 53 of the addresses
 * given, the UDP sockets with SO_REUSEADDR and bound to loopback as its are (systemd, resolved-dns-stub.c). It
 * answers NXDOMAIN to everything, which fdns would not; a line on standard output says that it is ready.
 */

import { type Libc, loadLibc, SO_REUSEADDR, SOL_SOCKET } from "../../src/runtime/libc.ts";
import { listenTcp } from "../../src/runtime/net/streams.ts";
import { DATAGRAM_STRIDE, PEER_OCTETS, type UdpSocket } from "../../src/runtime/runtime.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";

export const STAND_IN_RCODE = 3;

const SO_BINDTODEVICE = 25;

/** The C library, except that what is bound shares its port and stays on loopback. */
function asResolved(libc: Libc): Libc {
  const one = Uint8Array.of(1, 0, 0, 0);
  const loopback = new TextEncoder().encode("lo\0");
  return {
    ...libc,
    bind(descriptor, sockaddr, length) {
      for (const [option, value] of [
        [SO_REUSEADDR, one],
        [SO_BINDTODEVICE, loopback],
      ] as const) {
        if (libc.setsockopt(descriptor, SOL_SOCKET, option, value, value.length) !== 0) {
          throw new Error(`socket option ${option}: errno ${libc.errno()}`);
        }
      }
      return libc.bind(descriptor, sockaddr, length);
    },
  };
}

function answer(query: Uint8Array): Uint8Array {
  const octets = query.slice();
  octets[2] = octets[2]! | 0x80;
  octets[3] = STAND_IN_RCODE;
  return octets;
}

async function serve(host: string): Promise<void> {
  const onFault = (fault: Error) => {
    throw fault;
  };
  const engine = batchedUdpEngine(asResolved(await loadLibc()));
  const socket: UdpSocket = await engine.open({
    address: { host, port: 53 },
    onFault,
    onBatch(batch) {
      for (let i = 0; i < batch.count; i++) {
        const octets = answer(batch.octets.subarray(i * DATAGRAM_STRIDE, i * DATAGRAM_STRIDE + batch.lengths[i]!));
        const start = socket.reserve();
        socket.room.set(octets, start);
        socket.commit(start, octets.length, batch.peers, i * PEER_OCTETS);
      }
    },
  });
  await listenTcp({
    address: { host, port: 53 },
    onFault,
    onConnection: (stream) => ({
      // Its clients here send a query as one segment: length and message.
      onOctets(octets) {
        stream.write(Buffer.concat([octets.subarray(0, 2), answer(octets.subarray(2))]));
      },
      onEnd: () => stream.end(),
      onDrain() {},
      onClose() {},
    }),
  });
}

if (import.meta.main) {
  for (const host of process.argv.slice(2)) await serve(host);
  console.log("ready");
}
