/** Ports for servers: free for UDP and TCP, and not among those that the kernel gives to outgoing connections. */

import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** Below the least of net.ipv4.ip_local_port_range's default. */
const FIRST = 20_000;
const LAST = 32_000;
const HOST = "127.0.0.1";

let next = FIRST + (process.pid % (LAST - FIRST));

/** One that was free a moment ago; another one each time. */
export async function freePort(): Promise<number> {
  for (;;) {
    next = next >= LAST ? FIRST : next + 1;
    if ((await freeForUdp(next)) && (await freeForTcp(next))) return next;
  }
}

function freeForUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.once("error", () => resolve(false));
    socket.bind({ port, address: HOST, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

function freeForTcp(port: number): Promise<boolean> {
  const listener = createServer();
  return new Promise((resolve) => {
    listener.once("error", () => resolve(false));
    listener.listen({ port, host: HOST, exclusive: true }, () => listener.close(() => resolve(true)));
  });
}
