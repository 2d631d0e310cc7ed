/** Clients over TCP that ask for much, read slowly or never, or send what nobody can answer. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { FrameReader } from "../../src/wire/frame.ts";
import { askUdp, framed, query, rcodeOf } from "../support/ask.ts";
import { CachedFdns } from "../support/cached-fdns.ts";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const MiB = 1024 * 1024;
const GROWTH_OCTETS = 32 * MiB;
const big = framed(query({ name: "big-62000.test", type: "TXT" }));

const folder = temporaryFolder();
const running: RunningFdns[] = [];
const clients: Socket[] = [];
let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder, ["--delay", "100"]);
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

const times = (octets: Uint8Array, many: number) => Buffer.concat(Array.from({ length: many }, () => octets));

function residentOctets(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

class Client {
  readonly socket: Socket;
  readonly #frames = new FrameReader();
  answers = 0;
  octets = 0;
  isOver = false;
  /** It does not read before read(). */
  constructor(port: number, localAddress = "127.0.0.1") {
    this.socket = connect({ port, host: "127.0.0.1", localAddress });
    clients.push(this.socket);
    this.socket.pause();
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.isOver = true;
    });
    this.socket.on("data", (octets: Uint8Array) => {
      this.octets += octets.length;
      this.#frames.push(octets, (frame, start) => {
        expect(rcodeOf(frame.subarray(start))).toBe(0);
        this.answers++;
        return true;
      });
    });
  }

  async reads(answers: number): Promise<void> {
    this.socket.resume();
    while (this.answers < answers && !this.isOver) await Bun.sleep(5);
    expect(this.answers).toBe(answers);
  }
}

/** The most memory it takes while the work is done. */
async function growth(pid: number, work: () => Promise<void>): Promise<number> {
  const before = residentOctets(pid);
  let most = before;
  const sampling = setInterval(() => {
    most = Math.max(most, residentOctets(pid));
  }, 5);
  await work();
  clearInterval(sampling);
  return most - before;
}

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test("who asks much and never reads takes no memory, and is ended after the idle time", async () => {
    const { port, pid } = await start(form, "--tcp-idle", "1s");
    const first = new Client(port);
    first.socket.write(big);
    await first.reads(1);
    const stuck = Array.from({ length: 4 }, () => new Client(port));
    const grown = await growth(pid, async () => {
      for (const { socket } of stuck) socket.write(times(big, 18_000));
      const beganMs = performance.now();
      await Bun.sleep(300);
      expect(rcodeOf(await askUdp(port, query({ name: "x.test" })))).toBe(0);
      // Reading now, they find out that it is over: what had left the process, and no more.
      while (performance.now() - beganMs < 2000) await Bun.sleep(50);
    });
    expect(grown).toBeLessThan(GROWTH_OCTETS);
    for (const { socket } of stuck) socket.resume();
    while (stuck.some(({ isOver }) => !isOver)) await Bun.sleep(5);
    for (const { answers } of stuck) expect(answers).toBeLessThan(1000);
  });

  test("who goes on reading gets every answer, however much was pipelined", async () => {
    const { port, pid } = await start(form);
    const client = new Client(port);
    const many = 20_000;
    const grown = await growth(pid, async () => {
      client.socket.write(times(big, many));
      await client.reads(many);
    });
    expect(grown).toBeLessThan(2 * GROWTH_OCTETS);
    expect(client.octets).toBeGreaterThan(many * 60_000);
  });

  test("answers that come while nobody reads wait without memory, and all come once somebody does", async () => {
    const { port, pid } = await start(form);
    const slow = Array.from({ length: 4 }, () => new Client(port));
    const grown = await growth(pid, async () => {
      // Each name is asked for by 250 before the first answer is there.
      slow.forEach(({ socket }, i) => {
        socket.end(times(framed(query({ name: `big-${61_000 + i}.test`, type: "TXT" })), 250));
      });
      await Bun.sleep(1000);
      expect(rcodeOf(await askUdp(port, query({ name: "x.test" })))).toBe(0);
    });
    expect(grown).toBeLessThan(GROWTH_OCTETS);
    for (const client of slow) await client.reads(250);
    while (slow.some(({ isOver }) => !isOver)) await Bun.sleep(5);
  });

  test("empty messages, garbage and responses keep no connection, nor does a message that never ends", async () => {
    const { port } = await start(form, "--tcp-idle", "1s");
    const response = framed(query({ name: "x.test" }));
    response[4]! |= 0x80; // QR
    const useless = [Uint8Array.of(0, 0), framed(new Uint8Array(11)), response];
    const trickle = Uint8Array.of(255);
    const kept = [...useless, trickle].map((octets) => {
      const client = new Client(port);
      client.socket.resume();
      const sending = setInterval(() => client.socket.write(octets), 150);
      client.socket.on("close", () => clearInterval(sending));
      return client;
    });
    const flooding = useless.map((octets) => {
      const client = new Client(port);
      client.socket.resume();
      client.socket.write(times(octets, 100));
      return client;
    });
    const beganMs = performance.now();
    while (flooding.some(({ isOver }) => !isOver) && performance.now() - beganMs < 800) await Bun.sleep(5);
    expect(flooding.map(({ isOver }) => isOver)).toEqual([true, true, true]);
    while (kept.some(({ isOver }) => !isOver) && performance.now() - beganMs < 4000) await Bun.sleep(20);
    expect(kept.map(({ isOver }) => isOver)).toEqual([true, true, true, true]);
  });
});

test("hundreds that ask much and never read take little memory together, and leave none taken", async () => {
  const { port, pid } = await start("executable");
  const first = new Client(port);
  first.socket.write(big);
  await first.reads(1);
  const many = times(big, 30_000);
  const grown = await growth(pid, async () => {
    for (let i = 0; i < 600; i++) new Client(port, `127.0.9.${1 + (i % 12)}`).socket.write(many);
    const beganMs = performance.now();
    while (performance.now() - beganMs < 3000) {
      expect(rcodeOf(await askUdp(port, query({ name: "x.test" })))).toBe(0);
      await Bun.sleep(50);
    }
    const polite = new Client(port, "127.0.10.1");
    polite.socket.write(times(big, 100));
    await polite.reads(100);
    for (const client of clients.splice(0)) client.destroy();
  });
  expect(grown).toBeLessThan(6 * GROWTH_OCTETS);
});

test("who reads slowly, far less than the kernel holds within the idle time, gets every answer", async () => {
  const { port } = await start("executable", "--tcp-idle", "1s");
  const client = new Client(port);
  const [many, octetsPerMs] = [100, 800];
  client.socket.write(times(big, many));
  client.socket.on("data", (octets: Uint8Array) => {
    client.socket.pause();
    setTimeout(() => client.socket.resume(), octets.length / octetsPerMs);
  });
  await client.reads(many);
});

test("of thousands of queries on one connection so many are upstream at a time, and all are answered", async () => {
  const cached = await CachedFdns.start(folder, { behaviour: { delay: 200 } });
  try {
    const many = 2000;
    const before = cached.asked;
    const client = new Client(cached.fdns.port);
    const names = Array.from({ length: many }, (_, i) => framed(query({ name: `n${i}.test`, id: i })));
    client.socket.write(Buffer.concat(names));
    client.socket.resume();
    while (client.answers < many && !client.isOver) {
      expect(cached.asked - before - client.answers).toBeLessThan(1024);
      await Bun.sleep(10);
    }
    expect(client.answers).toBe(many);
    expect(cached.asked - before).toBeWithin(many, many + 20);
  } finally {
    await cached.stop();
  }
});
