/**
 * A client, a program of its own, that asks much over TCP and never reads: one name whose answer is large, over and
 * over, as many queries as it is told in one write on each of its connections.
 *
 *   bun greedy-client.ts PORT CONNECTIONS QUERIES FOR_MS
 */

import { connect } from "node:net";
import { framed, query } from "../support/ask.ts";

const [port, connections, queries, forMs] = process.argv.slice(2).map(Number) as [number, number, number, number];
const asked = framed(query({ name: "big-62000.example.net", type: "TXT" }));

/** The answer is in the cache before it is asked for so often. */
await new Promise<void>((resolve, reject) => {
  const socket = connect(port, "127.0.0.1", () => socket.write(asked));
  let octets = 0;
  socket.on("data", (some) => {
    octets += some.length;
    if (octets < 60_000) return;
    socket.destroy();
    resolve();
  });
  socket.on("error", reject);
});

const all = Buffer.concat(Array.from({ length: queries }, () => asked));
for (let i = 0; i < connections; i++) {
  const socket = connect(port, "127.0.0.1", () => socket.write(all));
  socket.pause();
  // How it ends is the resolver's to decide.
  socket.on("error", () => {});
}
setTimeout(() => process.exit(), forMs);
