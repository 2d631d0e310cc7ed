/**
 * Clients that send and are gone before their answer comes, between clients that wait. The kernel tells fdns of each
 * (ICMP port unreachable), and on some sockets reports it to the next send, which is someone else's answer.
 */

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { loadLibc } from "../../src/runtime/libc.ts";
import { PEER_OCTETS, type UdpBatch, type UdpSocket } from "../../src/runtime/runtime.ts";
import { writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";
import { query, rcodeOf } from "../support/ask.ts";
import { formsAndEngines, type RunningFdns, startFdns } from "../support/fdns.ts";
import { chaosQuery } from "../support/first-answer.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const LIVE_CLIENTS = 2000;
const MAY_BE_LOST = LIVE_CLIENTS / 1000;
/** Live clients whose answers are awaited together, so that dead ones are between them in every batch. */
const AT_ONCE = 20;
const WAIT_MS = 1000;
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

const folder = temporaryFolder();
// Its sockets are opened and closed at once, which those of the runtime are not: thousands of clients take a second.
const engine = batchedUdpEngine(await loadLibc());
let upstream: ScriptedUpstream;
const running: RunningFdns[] = [];

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder, ["--delay", "0-3"]);
});

// What did not end as it should.
afterEach(() => {
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});

afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

function open(onBatch: (batch: UdpBatch) => void): Promise<UdpSocket> {
  const onFault = (fault: Error) => {
    throw fault;
  };
  return engine.open({ address: { host: "127.0.0.1", port: 0 }, onBatch, onFault });
}

function send(socket: UdpSocket, port: number, octets: Uint8Array): void {
  const peer = new Uint8Array(new ArrayBuffer(PEER_OCTETS));
  writeSockaddr(peer, 0, LOOPBACK, port, 0);
  const start = socket.reserve();
  socket.room.set(octets, start);
  socket.commit(start, octets.length, peer, 0);
}

/** Sends and is gone. close() lets go what is queued first. */
async function dead(port: number, octets: Uint8Array): Promise<void> {
  const socket = await open(() => {});
  send(socket, port, octets);
  socket.close();
}

/** Sends and waits for an answer with RCODE NOERROR; the query is sent once. */
async function live(port: number, name: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = await open(({ octets, lengths }) => resolve(rcodeOf(octets.subarray(0, lengths[0])) === 0));
  send(socket, port, query({ name }));
  const giveUp = setTimeout(() => resolve(false), WAIT_MS);
  const answered = await promise;
  clearTimeout(giveUp);
  socket.close();
  return answered;
}

test.each(formsAndEngines)("%s, %s: dead clients cost living ones no answer", async (form, udpEngine) => {
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--udp-engine", udpEngine];
  const fdns = await startFdns({ form, flags: [...flags, "--listen", "127.0.0.1:0"] });
  running.push(fdns);
  let lost = 0;
  for (let done = 0; done < LIVE_CLIENTS && lost <= MAY_BE_LOST; done += AT_ONCE) {
    const waiting: Promise<boolean>[] = [];
    for (let i = done; i < done + AT_ONCE; i++) {
      // Asked of the upstream, the answer comes when they are long gone; refused at once, in the batch they came in.
      await dead(fdns.port, i % 2 === 0 ? query({ name: `dead-${i}.test` }) : chaosQuery);
      waiting.push(live(fdns.port, `live-${i}.test`));
    }
    lost += (await Promise.all(waiting)).filter((answered) => !answered).length;
  }
  expect(lost).toBeLessThanOrEqual(MAY_BE_LOST);
  // Ended by us, not by the storm.
  expect(await fdns.stop()).toBe(0);
  expect(fdns.log.filter(({ level }) => level !== "info")).toEqual([]);
});
