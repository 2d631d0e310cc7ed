/** Clients over TCP: many queries on one connection, half-closed and idle ones, and how many there may be. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { askTcp, framed, query, rcodeOf } from "../support/ask.ts";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";
import { Ledger, QUERY_OCTETS, totals } from "../support/volume.ts";

const PIPELINED = 1000;
const IDLE_MS = 1000;

const folder = temporaryFolder();
const running: RunningFdns[] = [];
const clients: Socket[] = [];
let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder, ["--delay", "0-50"]);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(running.splice(0).map(({ stop }) => stop()));
});

afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

async function start(form: Form, ...flags: string[]): Promise<RunningFdns> {
  const asking = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--listen", "127.0.0.1:0"];
  const fdns = await startFdns({ form, flags: [...asking, ...flags] });
  running.push(fdns);
  return fdns;
}

interface Client {
  /** Asks once; resolves to whether an answer came before the connection ended. */
  ask(): Promise<boolean>;
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** A connection from an address of 127.0.0.0/8. */
async function open(port: number, localAddress = "127.0.0.1"): Promise<Client> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  clients.push(socket);
  const ended = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
    socket.on("end", () => resolve());
  });
  await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), ended]);
  return {
    ask() {
      const answered = new Promise<boolean>((resolve) => socket.once("data", () => resolve(true)));
      socket.write(framed(query({ name: "x.test" })));
      return Promise.race([answered, ended.then(() => false)]);
    },
    ended,
    async close() {
      socket.destroy();
      await ended;
    },
  };
}

/** Queries as askTcp takes them, and the ledger that knows them. */
function pipelined(): { ledger: Ledger; messages: Uint8Array[] } {
  const ledger = new Ledger(0, PIPELINED);
  const messages = Array.from({ length: PIPELINED }, () => {
    const octets = new Uint8Array(QUERY_OCTETS);
    ledger.writeNext(octets, 0);
    return octets;
  });
  return { ledger, messages };
}

const idOf = (octets: Uint8Array) => (octets[0]! << 8) | octets[1]!;

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test.each([false, true])(
    "a thousand pipelined queries, out of order, each with its ID (half-closed: %p)",
    async (halfClose) => {
      const { port } = await start(form);
      const { ledger, messages } = pipelined();
      const answers = await askTcp(port, messages, { halfClose });
      for (const answer of answers) ledger.check(answer, 0, answer.length);
      expect(totals([ledger])).toEqual({ asked: PIPELINED, answered: PIPELINED, crossed: 0, failed: 0 });
      expect(answers.map(idOf)).not.toEqual(messages.map(idOf));
    },
  );

  test("a half-closed connection is ended once all is answered", async () => {
    const { port } = await start(form);
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    clients.push(socket);
    const received: Uint8Array[] = [];
    socket.on("data", (octets: Uint8Array) => received.push(octets));
    const ended = new Promise((resolve) => socket.on("end", resolve));
    socket.end(framed(query({ name: "x.test" }), query({ name: "y.test", id: 2 })));
    await ended;
    const all = Buffer.concat(received);
    const first = 2 + all.readUInt16BE(0);
    expect([rcodeOf(all.subarray(2)), rcodeOf(all.subarray(first + 2))]).toEqual([0, 0]);
    expect(first + 2 + all.readUInt16BE(first)).toBe(all.length);
  });

  test("no more connections than one client may have, nor than all may have; a closed one makes room", async () => {
    const { port, log } = await start(form, "--tcp-connections-per-client", "2", "--tcp-connections", "3");
    const first = [await open(port), await open(port)];
    for (const one of first) expect(await one.ask()).toBe(true);
    expect(await (await open(port)).ask()).toBe(false);
    // Another client still has room, until there are three in all.
    const other = await open(port, "127.0.0.2");
    expect(await other.ask()).toBe(true);
    expect(await (await open(port, "127.0.0.3")).ask()).toBe(false);
    expect(await (await open(port, "127.0.0.3")).ask()).toBe(false);
    await first[0]!.close();
    // fdns hears of it a moment later.
    await Bun.sleep(100);
    expect(await (await open(port, "127.0.0.3")).ask()).toBe(true);
    for (const one of [first[1]!, other]) expect(await one.ask()).toBe(true);
    const said = log.filter(({ level }) => level === "warn").map(({ message }) => message);
    // Once a minute at most, whoever comes.
    expect(said).toEqual(["refusing TCP connections: 2 per client are open"]);
  });

  test("an idle connection is closed, one that asks is not", async () => {
    const { port } = await start(form, "--tcp-idle", `${IDLE_MS}ms`);
    const idle = await open(port);
    const busy = await open(port);
    expect(await idle.ask()).toBe(true);
    const began = performance.now();
    let idleEndedMs: number | undefined;
    void idle.ended.then(() => {
      idleEndedMs = performance.now() - began;
    });
    while (performance.now() - began < 2 * IDLE_MS) {
      expect(await busy.ask()).toBe(true);
      await Bun.sleep(100);
    }
    expect(idleEndedMs).toBeGreaterThan(IDLE_MS - 100);
    // It is looked for eight times within the limit.
    expect(idleEndedMs).toBeLessThan(IDLE_MS * 1.5);
  });
});
