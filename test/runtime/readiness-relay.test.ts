/** The two sides of the relay, here on one thread. */

import { expect, test } from "bun:test";
import * as c from "../../src/runtime/libc.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";
import { bindUdp } from "../../src/runtime/udp/bind.ts";
import { ReadinessRelay, relayedReadiness } from "../../src/runtime/udp/readiness-relay.ts";
import { openClient, openEcho, until } from "./loopback.ts";

const libc = await c.loadLibc();
const plain = batchedUdpEngine(libc);
const newPlaces = (count: number) => new Int32Array(new SharedArrayBuffer(count * 4));

test("a thread is woken for its descriptors alone, and only while it waits", async () => {
  const places = [newPlaces(2), newPlaces(1)];
  const sides = places.map((own) => relayedReadiness(libc, own));
  const woken = [0, 0];
  new ReadinessRelay(libc, places, (thread) => {
    woken[thread]!++;
    sides[thread]!.wakeAll();
  });
  const engines = sides.map(({ readiness }) => batchedUdpEngine(libc, undefined, readiness));
  const [one, two] = await Promise.all(engines.map((engine) => openEcho(engine)));
  await until("waiting", () => places.every((own) => own[0]! > 0));
  const client = await openClient(plain);
  for (let i = 1; i <= 20; i++) {
    client.send("127.0.0.1", one!.address.port, "q");
    // Well below the sweep, which would hide a lost wake-up.
    await until("answered", () => client.received.length === i, 500);
    await until("waiting again", () => places[0]![0]! > 0);
  }
  expect(woken[0]).toBeGreaterThan(0);
  expect(woken[1]).toBe(0);
  client.send("127.0.0.1", two!.address.port, "q");
  await until("answered", () => client.received.length === 21, 500);
  expect(woken[1]).toBeGreaterThan(0);
  for (const socket of [one!, two!, client.socket]) socket.close();
  expect(places.map((own) => [...own])).toEqual([[0, 0], [0]]);
});

test("what a thread that is gone left open is closed", async () => {
  const places = [newPlaces(2)];
  const { readiness, wakeAll } = relayedReadiness(libc, places[0]!);
  const relay = new ReadinessRelay(libc, places, wakeAll);
  const { descriptor, address } = bindUdp(libc, { host: "127.0.0.1", port: 0 });
  const watch = readiness(descriptor, () => {});
  await expect(openEcho(plain, "127.0.0.1", address.port)).rejects.toThrow("in use");
  relay.closeThoseOf(0);
  expect([...places[0]!]).toEqual([0, 0]);
  const next = await openEcho(plain, "127.0.0.1", address.port);
  next.close();
  watch.end();
});

test("more sockets than there are places are an error", async () => {
  const engine = batchedUdpEngine(libc, undefined, relayedReadiness(libc, newPlaces(0)).readiness);
  await expect(openEcho(engine)).rejects.toThrow("more than 0 sockets");
});
