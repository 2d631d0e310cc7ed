import { describe, expect, test } from "bun:test";
import * as dgram from "node:dgram";
import { loadLibc } from "../../src/runtime/libc.ts";
import { BindError, type UdpSocket } from "../../src/runtime/runtime.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";
import { portableUdpEngine } from "../../src/runtime/udp/portable.ts";
import { echoBatch, openClient, openEcho, rethrow, until } from "./loopback.ts";

const batched = batchedUdpEngine(await loadLibc());

describe.each([batched, portableUdpEngine()])("UDP engine %#", (engine) => {
  test.each([1, 1000, 5000])("%i datagrams sent at once are all answered, none crossed", async (count) => {
    const echo = await openEcho(engine);
    const client = await openClient(batched);
    const sent = Array.from({ length: count }, (_, i) => `127.0.0.1 query ${i}`);
    for (let i = 0; i < count; i++) client.send("127.0.0.1", echo.address.port, `query ${i}`);
    // A burst fits when the kernel granted the buffer; each small datagram is charged 768 octets of twice that.
    expect(echo.receiveBufferOctets * 2).toBeGreaterThan(count * 768);
    await until("all answered", () => client.received.length === count);
    expect(client.received.toSorted()).toEqual(sent.toSorted());
    expect(echo.counters).toMatchObject({ received: count, sent: count, oversize: 0, sendFailures: 0 });
    echo.close();
    client.socket.close();
  });

  test("a socket that has waited is awake again for the next datagram, each time", async () => {
    const echo = await openEcho(engine);
    const client = await openClient(batched);
    for (let i = 1; i <= 30; i++) {
      await new Promise((resolve) => setTimeout(resolve, i % 3));
      client.send("127.0.0.1", echo.address.port, "x");
      // Well below the sweep, which would hide a lost wake-up.
      await until("answered", () => client.received.length === i, 500);
    }
    echo.close();
    client.socket.close();
  });

  test("IPv6 alone: ::1 is answered and the same IPv4 port stays free", async () => {
    const echo = await openEcho(engine, "::1");
    const other = await openEcho(engine, "127.0.0.1", echo.address.port);
    const client = await openClient(batched, "::1");
    client.send("::1", echo.address.port, "six");
    await until("answered", () => client.received.length === 1);
    expect(client.received).toEqual(["::1 six"]);
    for (const socket of [echo, other, client.socket]) socket.close();
  });

  test("a datagram longer than a slot is dropped and counted, its neighbours are answered", async () => {
    const echo = await openEcho(engine);
    const client = dgram.createSocket("udp4");
    const received: string[] = [];
    client.on("message", (octets) => received.push(octets.toString()));
    for (const text of ["before", "x".repeat(4097), "after", "y".repeat(9000), "z".repeat(4096)]) {
      client.send(text, echo.address.port, "127.0.0.1");
    }
    await until("answered", () => received.length === 3);
    expect(received).toEqual(["before", "after", "z".repeat(4096)]);
    expect(echo.counters).toMatchObject({ received: 3, oversize: 2 });
    echo.close();
    client.close();
  });

  test("dead clients cost living ones nothing", async () => {
    const echo = await openEcho(engine);
    const live = await openClient(batched);
    const rounds = 300;
    for (let i = 1; i <= rounds; i++) {
      // Closed before its answer comes: the kernel reports port unreachable to the echo.
      const dead = await openClient(batched);
      dead.send("127.0.0.1", echo.address.port, "dead");
      dead.socket.close();
      live.send("127.0.0.1", echo.address.port, "live");
      await until(`round ${i} answered`, () => live.received.length === i);
    }
    expect(echo.counters.received).toBe(2 * rounds);
    echo.close();
    live.socket.close();
  });

  test("many dead clients in one burst among living ones", async () => {
    const echo = await openEcho(engine);
    const live = await openClient(batched);
    for (let i = 0; i < 200; i++) {
      const dead = await openClient(batched);
      dead.send("127.0.0.1", echo.address.port, "dead");
      dead.socket.close();
      live.send("127.0.0.1", echo.address.port, "live");
    }
    await until("the living answered", () => live.received.length === 200);
    echo.close();
    live.socket.close();
  });

  test("why an address cannot be bound is told in a form to decide on", async () => {
    const held = await openEcho(engine);
    const reasonFor = async (host: string, port: number) => {
      const failure = await openEcho(engine, host, port).catch((fault: unknown) => fault);
      expect(failure).toBeInstanceOf(BindError);
      expect((failure as BindError).message).toContain(host);
      return (failure as BindError).reason;
    };
    expect(await reasonFor("127.0.0.1", held.address.port)).toBe("in-use");
    expect(await reasonFor("192.0.2.200", 0)).toBe("no-such-address");
    held.close();
    const wildcard = await openEcho(engine, "0.0.0.0");
    expect(await reasonFor("0.0.0.0", wildcard.address.port)).toBe("in-use");
    wildcard.close();
  });

  test("a handler that throws is reported and the next datagram is handled", async () => {
    const faults: string[] = [];
    let batches = 0;
    const socket: UdpSocket = await engine.open({
      address: { host: "127.0.0.1", port: 0 },
      onBatch: (batch) => {
        if (batches++ === 0) throw new Error("first batch");
        echoBatch(socket, batch);
      },
      onFault: (fault) => faults.push(fault.message),
    });
    const client = await openClient(batched);
    client.send("127.0.0.1", socket.address.port, "one");
    await until("the fault", () => faults.length === 1);
    client.send("127.0.0.1", socket.address.port, "two");
    await until("answered", () => client.received.length === 1);
    expect(faults).toEqual(["first batch"]);
    socket.close();
    client.socket.close();
  });

  test("answers committed after the batch, and those queued when it closes, are sent", async () => {
    const kept: Uint8Array[] = [];
    const socket = await engine.open({
      address: { host: "127.0.0.1", port: 0 },
      onBatch: (batch) => kept.push(batch.peers.slice(0, 96)),
      onFault: rethrow,
    });
    const client = await openClient(batched);
    client.send("127.0.0.1", socket.address.port, "q");
    await until("received", () => kept.length === 1);
    // More than one sendmmsg(2) takes.
    for (let i = 0; i < 150; i++) {
      const start = socket.reserve();
      socket.room[start] = 65;
      socket.commit(start, 1, kept[0]!, 0);
    }
    socket.close();
    await until("answered", () => client.received.length === 150);
    const start = socket.reserve();
    socket.commit(start, 1, kept[0]!, 0);
    socket.close();
    client.socket.close();
  });

  test("closing inside the handler stops at once, and frees the port", async () => {
    let handled = 0;
    const socket: UdpSocket = await engine.open({
      address: { host: "127.0.0.1", port: 0 },
      onBatch: (batch) => {
        handled += batch.count;
        echoBatch(socket, batch);
        socket.close();
      },
      onFault: rethrow,
    });
    const client = await openClient(batched);
    for (let i = 0; i < 500; i++) client.send("127.0.0.1", socket.address.port, "q");
    await until("answered", () => client.received.length > 0);
    expect(handled).toBeLessThanOrEqual(64);
    await until("all that was handled is answered", () => client.received.length === handled);
    await until("the port is free", () => socket.counters.sent === handled);
    const again = await openEcho(engine, "127.0.0.1", socket.address.port);
    again.close();
    client.socket.close();
  });

  test("a commit that reserve() did not allow is refused before memory is touched", async () => {
    const socket = await openEcho(engine);
    const peer = new Uint8Array(96);
    const start = socket.reserve();
    expect(() => socket.commit(start + 1, 1, peer, 0)).toThrow(RangeError);
    expect(() => socket.commit(start, 4097, peer, 0)).toThrow(RangeError);
    expect(() => socket.commit(start, -1, peer, 0)).toThrow(RangeError);
    expect(() => socket.commit(start, Number.NaN, peer, 0)).toThrow(RangeError);
    expect(() => socket.commit(start, 1, peer, 0)).toThrow(RangeError);
    expect(() => socket.commit(start, 1, peer, 1)).toThrow(RangeError);
    socket.close();
  });
});
