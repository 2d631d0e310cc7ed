/** A path that loses ClientHellos which do not fit into one packet: a TCP relay before a server, on loopback. */

import { connect, createServer, type Socket } from "node:net";

/** What becomes of a connection whose first flight is longer than a packet holds. */
export type Fate = "reset" | "close" | "swallow";

/** Ethernet's 1,500 octets without headers and what a tunnel may take. */
const MAX_HELLO_OCTETS = 1400;
const RECORD_HEADER_OCTETS = 5;

export interface HelloRelay {
  readonly port: number;
  /** Octets of each first flight, in the order of connections. */
  readonly hellos: readonly number[];
  /** Ends the connections there are. */
  drop(): void;
  close(): void;
}

const fates: Readonly<Record<Fate, (client: Socket) => void>> = {
  reset: (client) => client.resetAndDestroy(),
  close: (client) => client.end(),
  swallow: (client) => client.resume(),
};

function passOn(client: Socket, first: Uint8Array, port: number): void {
  const upstream = connect({ port, host: "127.0.0.1" });
  upstream.on("error", () => client.destroy());
  upstream.write(first);
  client.pipe(upstream).pipe(client);
}

/** Relays 127.0.0.1 to this port; only the first record of a connection is looked at. */
export async function startHelloRelay(upstreamPort: number, fate: Fate): Promise<HelloRelay> {
  const hellos: number[] = [];
  const open = new Set<Socket>();
  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  const server = createServer((client) => {
    open.add(client);
    client.on("error", () => {});
    client.on("close", () => open.delete(client));
    let held = Buffer.alloc(0);
    const onData = (octets: Buffer): void => {
      held = Buffer.concat([held, octets]);
      if (held.length < RECORD_HEADER_OCTETS) return;
      const length = RECORD_HEADER_OCTETS + held.readUInt16BE(3);
      if (held.length < length) return;
      client.off("data", onData);
      hellos.push(length);
      if (length <= MAX_HELLO_OCTETS) passOn(client, held, upstreamPort);
      else fates[fate](client);
    };
    client.on("data", onData);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    hellos,
    drop,
    close() {
      server.close();
      drop();
    },
  };
}
