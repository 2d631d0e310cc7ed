import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { join } from "node:path";
import { KEY_CD, KEY_DENIAL, KEY_DO } from "../../src/cache/store/store.ts";
import { askControl } from "../../src/cli/cache/control-ask.ts";
import { Answer } from "../../src/control/answer.ts";
import { cacheOrders } from "../../src/control/cache-orders.ts";
import { type OrderTaker, openControl } from "../../src/control/control.ts";
import { type CacheFigures, orders } from "../../src/control/protocol.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { UnixListener } from "../../src/runtime/net/unix-listen.ts";
import { CacheHost } from "../support/cache-host.ts";
import { FakeLog } from "../support/fake-log.ts";
import { nameOf, question, response } from "../support/fake-messages.ts";
import { FakeStream } from "../support/fake-stream.ts";
import { soa, timed } from "../support/timed-records.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
const listeners: UnixListener[] = [];
afterAll(async () => {
  for (const listener of listeners) await listener.close();
  rmSync(folder, { recursive: true });
});

let paths = 0;
const freshPath = () => join(folder, `control${paths++}`);

async function open(path: string, onOrder: OrderTaker = async () => {}, isNamed = true) {
  const log = new FakeLog();
  const listener = await openControl({ path, isNamed }, { clock: systemClock, log, onOrder });
  if (listener !== undefined) listeners.push(listener);
  return { listener, log };
}

/** Asks, and collects the lines. */
async function ask(path: string, request: string): Promise<string[]> {
  const all: string[] = [];
  await askControl(path, request, (lines) => void all.push(...lines));
  return all;
}

/** What comes back for these octets, until the other side closes. */
function raw(path: string, octets: string, half = false): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect({ path, allowHalfOpen: true });
    socket.on("data", (more) => {
      text += more;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
    socket.on("end", () => socket.end());
    socket.write(octets);
    if (half) socket.end();
  });
}

describe("the control socket", () => {
  test("is for its owner alone, and gone at the end", async () => {
    const path = freshPath();
    const umask = process.umask();
    const { listener, log } = await open(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(umask);
    await listener?.close();
    expect(existsSync(path)).toBe(false);
    expect(log.lines).toEqual([]);
  });

  test("that is taken is done without, with a line", async () => {
    const path = freshPath();
    await open(path, async (_, answer) => answer.line("first"));
    const second = await open(path);
    expect(second.listener).toBeUndefined();
    expect(second.log.lines).toEqual([`warn no control socket: ${path}: the path is taken`]);
    const byDefault = await open(path, undefined, false);
    expect(byDefault.log.lines).toEqual([`info no control socket: ${path}: the path is taken`]);
    expect(await ask(path, "x")).toEqual(["first"]);
  });

  test("of a process that was killed is replaced", async () => {
    const path = freshPath();
    const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    await Bun.spawn([process.execPath, "-e", script]).exited;
    expect(existsSync(path)).toBe(true);
    await expect(ask(path, "x")).rejects.toThrow(`no fdns listens on ${path}: nobody listens there any more`);
    const { log } = await open(path, async (_, answer) => answer.line("new"));
    expect(log.lines).toEqual([]);
    expect(await ask(path, "x")).toEqual(["new"]);
  });

  test("of which others have every place and read nothing: the oldest of them makes room", async () => {
    const path = freshPath();
    await open(path, async ([word], answer) => answer.line(word === "much" ? "x".repeat(8_000_000) : "here"));
    const unread = Array.from({ length: 16 }, () => {
      const socket = net.connect(path, () => socket.write("much\n"));
      socket.pause();
      socket.on("error", () => {});
      return socket;
    });
    await Bun.sleep(200);
    expect(await ask(path, "little")).toEqual(["here"]);
    for (const socket of unread) socket.destroy();
  });

  test("never replaces what is no socket", async () => {
    const path = freshPath();
    writeFileSync(path, "kept");
    const { listener, log } = await open(path);
    expect(listener).toBeUndefined();
    expect(log.lines).toHaveLength(1);
    expect(statSync(path).size).toBe(4);
  });

  test("in a folder that is missing: made for the default, for a named one a line", async () => {
    const missing = join(folder, "run", "control");
    expect((await open(missing)).log.lines).toEqual([`warn no control socket: ${missing}: there is no such folder`]);
    const { listener, log } = await open(missing, undefined, false);
    expect([log.lines, existsSync(missing)]).toEqual([[], true]);
    await listener?.close();
    expect(existsSync(join(folder, "run"))).toBe(false);
    mkdirSync(join(folder, "run"));
    await (await open(missing, undefined, false)).listener?.close();
    expect(existsSync(join(folder, "run"))).toBe(true);
  });

  test("tells why an order failed, in one line without control characters", async () => {
    const path = freshPath();
    await open(path, async () => {
      throw new Error("it broke\n\u001b[2J");
    });
    await expect(ask(path, "x")).rejects.toThrow("it broke\\x0a\\x1b[2J");
  });

  test("takes one line, in pieces too, and answers who has ended their side", async () => {
    const path = freshPath();
    const seen: (readonly string[])[] = [];
    await open(path, async (words, answer) => {
      seen.push(words);
      answer.line("a");
    });
    expect(await raw(path, "flush  x.test\nstats\n", true)).toBe(" a\nok\n");
    expect(seen).toEqual([["flush", "x.test"]]);
    expect(await raw(path, "", true)).toBe("");
    expect(await raw(path, "x".repeat(2000))).toBe("");
    expect(seen).toHaveLength(1);
  });

  test("close() ends connections that say nothing", async () => {
    const path = freshPath();
    const { listener } = await open(path);
    const silent = raw(path, "sta");
    await Bun.sleep(20);
    await listener?.close();
    expect(await silent).toBe("");
    expect(existsSync(path)).toBe(false);
  });

  test("a request that is too long is not looked at, wherever its line ends", async () => {
    const path = freshPath();
    let orders = 0;
    await open(path, async () => void orders++);
    expect(await raw(path, `${"x".repeat(5000)}\n`)).toBe("");
    expect(orders).toBe(0);
  });

  test("writes no faster than it is read, and stops when nobody does", async () => {
    const path = freshPath();
    let written = 0;
    let ended: unknown;
    await open(path, async (_, answer) => {
      try {
        for (; written < 100_000; written++) {
          answer.line("x".repeat(1000));
          await answer.room();
        }
      } catch (error) {
        ended = error;
        throw error;
      }
    });
    const socket = net.connect(path);
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    socket.pause();
    socket.write("dump\n");
    await Bun.sleep(100);
    const soFar = written;
    // What the kernel and both ends hold.
    expect(soFar).toBeGreaterThan(10);
    expect(soFar).toBeLessThan(3000);
    await Bun.sleep(50);
    expect(written).toBe(soFar);
    socket.destroy();
    while (ended === undefined) await Bun.sleep(5);
    expect(written).toBeLessThan(3000);
  });
});

describe("an answer that is not whole", () => {
  test("is told from one that is", async () => {
    const path = freshPath();
    const listener = net.createServer((socket) => void socket.resume().end(" a\n b\n"));
    await new Promise<void>((resolve) => listener.listen(path, resolve));
    await expect(ask(path, "x")).rejects.toThrow(`the fdns on ${path} ended in the middle of its answer`);
    await new Promise((resolve) => listener.close(resolve));
  });
});

const figures: CacheFigures = { hits: 90, misses: 10, stale: 1, coalesced: 2, prefetches: 3 };

/** A cache behind a control socket. */
async function openCache(octets?: number) {
  const host = new CacheHost(octets);
  const path = freshPath();
  let flushes = 0;
  const parts = {
    store: host.store,
    time: host.time,
    staleSeconds: 3600,
    figures: () => figures,
    onFlush: () => {
      flushes++;
    },
  };
  await open(path, cacheOrders(parts, systemClock));
  return { host, flushes: () => flushes, ask: (request: string) => ask(path, request) };
}

describe("orders about the cache", () => {
  test("stats is one JSON object of every number", async () => {
    const cache = await openCache();
    cache.host.keepAddress("a.test", 300);
    cache.host.keepAddress("a.test", 300);
    const report = JSON.parse((await cache.ask(orders.stats)).join());
    expect(report).toMatchObject({
      ...figures,
      entries: 1,
      denials: 0,
      stores: 2,
      replaced: 1,
      evictions: 0,
      refused: 0,
    });
    expect(report.octetsUsed).toBeGreaterThan(40);
    expect(report.capacityOctets).toBeGreaterThan(500_000);
  });

  test("flush forgets everything, and says how much that was", async () => {
    const cache = await openCache();
    for (let i = 0; i < 10; i++) cache.host.keepAddress(`n${i}.test`, 300);
    expect(await cache.ask(orders.flush)).toEqual(["10"]);
    expect(cache.host.store.counters.entries).toBe(0);
    expect(cache.flushes()).toBe(1);
    expect(await cache.ask(orders.flush)).toEqual(["0"]);
  });

  /** Which of the names are still there. */
  const left = ({ host }: { host: CacheHost }, ...names: string[]) =>
    names.filter((name) => host.look(name) !== undefined);

  test("flush-name forgets all types and flags of exactly that name, in any case", async () => {
    const cache = await openCache();
    const names = ["a.test", "b.a.test", "ba.test", "test"];
    for (const name of names) cache.host.keepAddress(name, 300);
    cache.host.keepAddress("a.test", 300, 1, KEY_DO);
    cache.host.keep(response({ questions: [question("a.test", 16)], answers: [timed("a.test", 16, 300, [1, 0x61])] }));
    expect(await cache.ask(`${orders.flushName} A.tEst.`)).toEqual(["3"]);
    expect(left(cache, ...names)).toEqual(["b.a.test", "ba.test", "test"]);
    expect(cache.host.look("a.test", 1, KEY_DO)).toBeUndefined();
    expect(cache.host.look("a.test", 16)).toBeUndefined();
    expect(cache.flushes()).toBe(1);
  });

  test("flush-subtree forgets the names under it too; the root's is everything", async () => {
    const cache = await openCache();
    const names = ["a.test", "b.a.test", "c.b.a.test", "ba.test", "test"];
    for (const name of names) cache.host.keepAddress(name, 300);
    expect(await cache.ask(`${orders.flushSubtree} a.test`)).toEqual(["3"]);
    expect(left(cache, ...names)).toEqual(["ba.test", "test"]);
    expect(await cache.ask(`${orders.flushSubtree} .`)).toEqual(["2"]);
  });

  test("a denial above the name goes too: with it the name would still be answered from the cache", async () => {
    const cache = await openCache();
    const denial = (name: string) =>
      cache.host.keep(response({ flags: 0x81a3, questions: [question(name, 0)], authority: [soa()] }), KEY_DENIAL);
    for (const name of ["test", "a.test", "b.test", "x.a.test"]) denial(name);
    cache.host.keepAddress("test", 300);
    expect(await cache.ask(`${orders.flushName} www.a.test`)).toEqual(["2"]);
    expect(cache.host.look("b.test", 0, KEY_DENIAL)).toBeDefined();
    expect(cache.host.look("x.a.test", 0, KEY_DENIAL)).toBeDefined();
    expect(left(cache, "test")).toEqual(["test"]);
  });

  test("names of any octets can be forgotten", async () => {
    const cache = await openCache();
    const odd = nameOf([[0x20, 0x2e, 0x5c, 0xff, 0x0a]]);
    cache.host.keep(response({ questions: [question(odd)], answers: [timed(odd, 1, 300, [1, 2, 3, 4])] }));
    expect(await cache.ask(`${orders.flushName} \\032\\.\\\\\\255\\010.`)).toEqual(["1"]);
  });

  test("dump shows each answer with what is left of it, its flags and its records", async () => {
    const cache = await openCache();
    const { host } = cache;
    host.keep(
      response({
        questions: [question("old.test")],
        answers: [timed("old.test", 5, 60, [1, 0x62, 0]), timed("b", 1, 40, [192, 0, 2, 1])],
      }),
    );
    host.clock.advance(50_400);
    host.keepAddress("a.test", 300, 7, KEY_DO | KEY_CD);
    host.clock.advance(1000);
    host.keep(response({ flags: 0x81a3, questions: [question("no.test", 0)], authority: [soa()] }), KEY_DENIAL);
    host.keep(response({ questions: [question("no.test", 28)], authority: [soa()] }));
    expect(await cache.ask(orders.dump)).toEqual([
      "; old.test. IN A NOERROR, stale for 11 s",
      "old.test. 9 IN CNAME b.",
      "b. 0 IN A 192.0.2.1",
      "; a.test. IN A NOERROR, fresh for 299 s, DO, CD",
      "a.test. 299 IN A 192.0.2.7",
      "; no.test. IN NXDOMAIN, fresh for 900 s, denies all names under it",
      "test. 900 IN SOA ns.test. admin.test. 1 7200 600 86400 900",
      "; no.test. IN AAAA NOERROR, fresh for 900 s",
      "test. 900 IN SOA ns.test. admin.test. 1 7200 600 86400 900",
    ]);
    host.clock.advance(3_640_000);
    expect((await cache.ask(orders.dump)).join("\n")).not.toContain("old.test.");
  });

  test("dump of thousands is whole", async () => {
    const cache = await openCache(4 * 2 ** 20);
    for (let i = 0; i < 5000; i++) cache.host.keepAddress(`n${i}.test`, 300);
    const lines = await cache.ask(orders.dump);
    expect(lines).toHaveLength(10_000);
    expect(new Set(lines.filter((line) => !line.startsWith(";"))).size).toBe(5000);
  });

  test("dump waits for its reader after each entry, however large", async () => {
    const host = new CacheHost(4 * 2 ** 20);
    const strings = Array.from({ length: 230 }, () => [255, ...new Array(255).fill(0x07)]).flat();
    for (let i = 0; i < 40; i++) {
      host.keep(
        response({ questions: [question(`n${i}.test`, 16)], answers: [timed(`n${i}.test`, 16, 300, strings)] }),
      );
    }
    const stream = new FakeStream(host.clock);
    stream.stuck = true;
    const answer = new Answer(stream);
    const take = cacheOrders(
      { store: host.store, time: host.time, staleSeconds: 0, figures: () => figures, onFlush: () => {} },
      host.clock,
    );
    const dumping = take([orders.dump], answer).catch((error: Error) => error.message);
    for (let turns = 0; turns < 100; turns++) {
      await Promise.resolve();
      host.clock.turn();
    }
    // One entry's text: each octet as four.
    expect(stream.unsentOctets).toBeGreaterThan(65_536);
    expect(stream.unsentOctets).toBeLessThan(65_536 + 4 * 65_536 + 65_536);
    answer.onClose();
    expect(await dumping).toBe("the reader is gone");
  });

  test("what is not an order, or has no name, is an error; and so is any without a cache", async () => {
    const cache = await openCache();
    await expect(cache.ask("fush")).rejects.toThrow('"fush" is not an order; stats, flush, ');
    await expect(cache.ask("toString")).rejects.toThrow("is not an order");
    await expect(cache.ask("")).rejects.toThrow('"" is not an order');
    await expect(cache.ask(orders.flushName)).rejects.toThrow("no name is given");
    await expect(cache.ask(`${orders.flushName} a..b`)).rejects.toThrow("it has an empty label");
    const path = freshPath();
    await open(path, cacheOrders(undefined, systemClock));
    await expect(ask(path, orders.stats)).rejects.toThrow("this fdns runs without a cache (--cache-size 0)");
  });
});
