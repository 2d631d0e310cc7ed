/** Sockets of one process on one port, and that no other program's are among them. */

import { describe, expect, test } from "bun:test";
import * as dgram from "node:dgram";
import * as net from "node:net";
import { loadLibc } from "../../src/runtime/libc.ts";
import { listenTcp } from "../../src/runtime/net/streams.ts";
import { BindError, type Sharing } from "../../src/runtime/runtime.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";
import { echoBatch, openClient, rethrow, until } from "./loopback.ts";

const engine = batchedUdpEngine(await loadLibc());

async function openShared(sharing: Sharing | undefined, host: string, port = 0) {
  const socket = await engine.open({
    address: { host, port },
    sharing,
    onBatch: (batch) => echoBatch(socket, batch),
    onFault: rethrow,
  });
  return socket;
}

async function refusal(opening: Promise<unknown>): Promise<string> {
  const failure = await opening.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(BindError);
  return (failure as BindError).reason;
}

describe("UDP", () => {
  test.each(["127.0.0.1", "::1", "0.0.0.0", "::"])(
    "%s: each of two gets a part of what is sent, and all is answered",
    async (host) => {
      const first = await openShared("first", host);
      const { port } = first.address;
      const second = await openShared("further", host, port);
      const to = host.includes(":") ? "::1" : "127.0.0.1";
      const clients = await Promise.all(Array.from({ length: 32 }, () => openClient(engine, to)));
      for (const client of clients) client.send(to, port, "q");
      await until("answered", () => clients.every(({ received }) => received.length === 1));
      expect(first.counters.received + second.counters.received).toBe(32);
      expect(Math.min(first.counters.received, second.counters.received)).toBeGreaterThan(0);
      for (const client of clients) client.socket.close();
      for (const socket of [first, second]) socket.close();
    },
  );

  test("what one leaves, the other gets", async () => {
    const first = await openShared("first", "127.0.0.1");
    const second = await openShared("further", "127.0.0.1", first.address.port);
    second.close();
    const clients = await Promise.all(Array.from({ length: 16 }, () => openClient(engine)));
    for (const client of clients) client.send("127.0.0.1", first.address.port, "q");
    await until("answered", () => clients.every(({ received }) => received.length === 1));
    for (const client of clients) client.socket.close();
    first.close();
  });

  test("another program's port is not joined, even where it lets others in", async () => {
    const other = dgram.createSocket({ type: "udp4", reusePort: true } as dgram.SocketOptions);
    await new Promise<void>((resolve) => other.bind(0, "127.0.0.1", resolve));
    expect(await refusal(openShared("first", "127.0.0.1", other.address().port))).toBe("in-use");
    other.close();
  });

  test("a socket that does not share finds the port in use", async () => {
    const first = await openShared("first", "0.0.0.0");
    expect(await refusal(openShared(undefined, "0.0.0.0", first.address.port))).toBe("in-use");
    expect(await refusal(openShared("first", "0.0.0.0", first.address.port))).toBe("in-use");
    first.close();
  });
});

describe("TCP", () => {
  const open = (sharing: Sharing | undefined, port = 0, onConnection = () => {}) =>
    listenTcp({
      address: { host: "127.0.0.1", port },
      sharing,
      onConnection: () => {
        onConnection();
        return undefined;
      },
      onFault: rethrow,
    });

  test("each of two gets a part of the connections", async () => {
    const taken = [0, 0];
    const first = await open("first", 0, () => taken[0]!++);
    const { port } = first.address;
    const second = await open("further", port, () => taken[1]!++);
    const sockets = Array.from({ length: 32 }, () => net.connect(port, "127.0.0.1").on("error", () => {}));
    await until("taken", () => taken[0]! + taken[1]! === 32);
    expect(Math.min(...taken)).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
    for (const listener of [first, second]) listener.close();
  });

  test("another program's port is not joined, even where it lets others in", async () => {
    const other = net.createServer();
    await new Promise<void>((resolve) =>
      other.listen({ host: "127.0.0.1", port: 0, reusePort: true } as net.ListenOptions, resolve),
    );
    const { port } = other.address() as net.AddressInfo;
    expect(await refusal(open("first", port))).toBe("in-use");
    await new Promise((resolve) => other.close(resolve));
  });

  test("one that does not share finds the port in use", async () => {
    const first = await open("first");
    expect(await refusal(open(undefined, first.address.port))).toBe("in-use");
    first.close();
  });
});
