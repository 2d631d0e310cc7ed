import { describe, expect, test } from "bun:test";
import * as c from "../../src/runtime/libc.ts";
import { BindError } from "../../src/runtime/runtime.ts";
import { writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";
import type { Readiness } from "../../src/runtime/udp/readiness.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { openClient, openEcho, until } from "./loopback.ts";

const libc = await c.loadLibc();
const engine = batchedUdpEngine(libc);

describe("a wildcard", () => {
  test("answers from the address that was asked", async () => {
    const echo = await openEcho(engine, "0.0.0.0");
    const client = await openClient(engine);
    for (const host of ["127.0.0.1", "127.0.0.2", "127.8.9.10"]) client.send(host, echo.address.port, "q");
    await until("answered", () => client.received.length === 3);
    expect(client.received.toSorted()).toEqual(["127.0.0.1 q", "127.0.0.2 q", "127.8.9.10 q"]);
    echo.close();
    client.socket.close();
  });

  test("of IPv6 takes no IPv4, so both can be held on one port", async () => {
    const six = await openEcho(engine, "::");
    const four = await openEcho(engine, "0.0.0.0", six.address.port);
    const client = await openClient(engine, "::1");
    client.send("::1", six.address.port, "q");
    await until("answered", () => client.received.length === 1);
    expect(client.received).toEqual(["::1 q"]);
    for (const socket of [six, four, client.socket]) socket.close();
  });
});

/** As systemd-resolved's stub listener: 127.0.0.53, with or without SO_REUSEADDR. Returns its descriptor and port. */
async function standIn(reuse: boolean): Promise<{ descriptor: number; port: number }> {
  const free = await openEcho(engine, "0.0.0.0");
  const { port } = free.address;
  free.close();
  const descriptor = libc.socket(2, c.SOCK_DGRAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0);
  const one = new Uint8Array(new ArrayBuffer(4));
  one[0] = reuse ? 1 : 0;
  libc.setsockopt(descriptor, c.SOL_SOCKET, c.SO_REUSEADDR, one, 4);
  const sockaddr = new Uint8Array(new ArrayBuffer(28));
  writeSockaddr(sockaddr, 0, Uint8Array.of(127, 0, 0, 53), port, 0);
  expect(libc.bind(descriptor, sockaddr, 16)).toBe(0);
  return { descriptor, port };
}

describe("beside a stub listener on 127.0.0.53", () => {
  test("the wildcard is had and answers, and a second wildcard is not had", async () => {
    const stub = await standIn(true);
    const echo = await openEcho(engine, "0.0.0.0", stub.port);
    const client = await openClient(engine);
    client.send("127.0.0.1", stub.port, "q");
    await until("answered", () => client.received.length === 1);
    const second = await openEcho(engine, "0.0.0.0", stub.port).catch((fault: unknown) => fault);
    expect(second).toBeInstanceOf(BindError);
    expect((second as BindError).reason).toBe("in-use");
    echo.close();
    client.socket.close();
    libc.close(stub.descriptor);
  });

  test("its own address is not taken from it, nor a port from one that does not share", async () => {
    for (const [reuse, host] of [
      [true, "127.0.0.53"],
      [false, "0.0.0.0"],
    ] as const) {
      const stub = await standIn(reuse);
      const failure = await openEcho(engine, host, stub.port).catch((fault: unknown) => fault);
      expect((failure as BindError).reason).toBe("in-use");
      libc.close(stub.descriptor);
    }
  });
});

/** An engine whose sendmmsg fails as scripted; `script` returns an errno, a number of datagrams to take, or undefined to pass on. */
function scriptedEngine(script: (count: number) => { errno: number } | { take: number } | undefined) {
  let errno = 0;
  return batchedUdpEngine({
    ...libc,
    sendmmsg(descriptor, headers, count, flags) {
      const outcome = script(count);
      if (outcome !== undefined && "errno" in outcome) {
        errno = outcome.errno;
        return -1;
      }
      errno = 0;
      return libc.sendmmsg(descriptor, headers, Math.min(outcome?.take ?? count, count), flags);
    },
    errno: () => errno || libc.errno(),
  });
}

describe("sending", () => {
  const answered = async (script: Parameters<typeof scriptedEngine>[0], expected: number, count = 100) => {
    const echo = await openEcho(scriptedEngine(script));
    const client = await openClient(engine);
    for (let i = 0; i < count; i++) client.send("127.0.0.1", echo.address.port, `q${i}`);
    await until("answered or counted", () => echo.counters.sent + echo.counters.sendFailures === count);
    await until("answered", () => client.received.length === expected);
    expect(new Set(client.received).size).toBe(expected);
    echo.close();
    client.socket.close();
    return echo.counters;
  };

  test("what a partial send left is sent next", async () => {
    expect(await answered(() => ({ take: 7 }), 100)).toMatchObject({ sent: 100, sendFailures: 0 });
  });

  test("an error that another datagram left behind costs no answer", async () => {
    let calls = 0;
    const refusedOnce = () => (calls++ % 2 === 0 ? { errno: 111 } : undefined);
    expect(await answered(refusedOnce, 100)).toMatchObject({ sent: 100, sendFailures: 0 });
  });

  test("a datagram the kernel refuses twice is skipped and counted, the ones after it are sent", async () => {
    let calls = 0;
    const firstRefused = () => (calls++ < 2 ? { errno: 1 } : undefined);
    expect(await answered(firstRefused, 99)).toMatchObject({ sent: 99, sendFailures: 1 });
  });

  test("a full send buffer is waited for, a few milliseconds", async () => {
    const from = performance.now();
    const fullAtFirst = () => (performance.now() - from < 20 ? { errno: c.EAGAIN } : undefined);
    expect(await answered(fullAtFirst, 100)).toMatchObject({ sent: 100, sendFailures: 0 });
  });

  test("a send buffer that stays full is given up, and serving goes on after", async () => {
    let full = true;
    const echo = await openEcho(scriptedEngine(() => (full ? { errno: c.EAGAIN } : undefined)));
    const client = await openClient(engine);
    client.send("127.0.0.1", echo.address.port, "lost");
    await until("given up", () => echo.counters.sendFailures === 1);
    full = false;
    client.send("127.0.0.1", echo.address.port, "next");
    await until("answered", () => client.received.length === 1);
    expect(client.received).toEqual(["127.0.0.1 next"]);
    echo.close();
    client.socket.close();
  });
});

describe("many datagrams", () => {
  /** How long an echo waited between its looks, when one datagram and then 20 came, `apartMs` later by its clock. */
  async function waitsFor(apartMs: number, sharing?: "first"): Promise<Set<number>> {
    const waits: number[] = [];
    const usleep = (microseconds: number) => {
      waits.push(microseconds);
      return 0;
    };
    const clock = new FakeClock();
    const now = () => clock.nowMs();
    const echo = await openEcho(
      batchedUdpEngine({ ...libc, usleep }, undefined, undefined, now),
      "127.0.0.1",
      0,
      sharing,
    );
    const client = await openClient(engine);
    client.send("127.0.0.1", echo.address.port, "q");
    await until("answered", () => client.received.length === 1);
    expect(waits).toEqual([]);
    clock.advance(apartMs);
    for (let i = 0; i < 20; i++) client.send("127.0.0.1", echo.address.port, "q");
    await until("all answered", () => client.received.length === 21);
    for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate);
    echo.close();
    client.socket.close();
    return new Set(waits);
  }

  test("soon after others make the next look wait, longer on a socket that gets a part of what comes", async () => {
    expect(await waitsFor(0.1)).toEqual(new Set([100]));
    expect(await waitsFor(0.1, "first")).toEqual(new Set([200]));
  });

  test("after a pause do not", async () => {
    expect(await waitsFor(1)).toEqual(new Set());
  });
});

describe("a signal", () => {
  /** An echo that waits for datagrams, with signals that the test gives. */
  const openWaiting = async () => {
    const happened: string[] = [];
    let onReadable = () => {};
    const readiness: Readiness = (_descriptor, whenReadable) => {
      onReadable = whenReadable;
      return { arm: () => happened.push("arm"), disarm: () => happened.push("disarm"), end: () => {} };
    };
    const echo = await openEcho(batchedUdpEngine(libc, undefined, readiness));
    const client = await openClient(engine);
    const settled = async () => {
      for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate);
    };
    await settled();
    return {
      happened,
      /** So many datagrams come, and the kernel says so. */
      come: async (count: number) => {
        for (let i = 0; i < count; i++) client.send("127.0.0.1", echo.address.port, "q");
        await new Promise(setImmediate);
        onReadable();
      },
      answered: (count: number) => until("answered", () => client.received.length === count),
      settled,
      end: () => {
        echo.close();
        client.socket.close();
      },
    };
  };

  test("for one datagram leaves the socket waiting", async () => {
    const { happened, come, answered, end } = await openWaiting();
    for (let i = 1; i <= 3; i++) {
      await come(1);
      await answered(i);
    }
    expect(happened).toEqual(["arm"]);
    end();
  });

  test("for several datagrams is the last until nothing comes any more", async () => {
    const { happened, come, answered, settled, end } = await openWaiting();
    await come(200);
    await answered(200);
    await settled();
    expect(happened).toEqual(["arm", "disarm", "arm"]);
    end();
  });
});

test("what is sent while nothing comes leaves at the end of the task, else in one call at the end of the turn", async () => {
  const calls: number[] = [];
  const counting = (count: number) => {
    calls.push(count);
    return undefined;
  };
  const client = await openClient(scriptedEngine(counting));
  const send = () => client.send("127.0.0.1", client.socket.address.port, "to itself");
  const endOfTask = () => new Promise<void>((resolve) => queueMicrotask(resolve));
  // It looks for datagrams until it has found none.
  send();
  await endOfTask();
  send();
  await endOfTask();
  expect(calls).toEqual([]);
  await until("both received", () => client.received.length === 2);
  expect(calls).toEqual([2]);
  for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate);
  send();
  send();
  await endOfTask();
  expect(calls).toEqual([2, 2]);
  client.socket.close();
});
