import { describe, expect, test } from "bun:test";
import { loopDescriptor } from "../../src/runtime/bun.ts";
import { EAGAIN, type Libc, loadLibc } from "../../src/runtime/libc.ts";
import { PEER_OCTETS, type UdpSocket } from "../../src/runtime/runtime.ts";
import { writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";
import { DOZE_MS, Doze, type Dozing } from "../../src/runtime/udp/doze.ts";
import type { Readiness } from "../../src/runtime/udp/readiness.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { openClient, openEcho, rethrow, until } from "./loopback.ts";

const libc = await loadLibc();
const loop = (await loopDescriptor())!;
const nextTurn = () => new Promise(setImmediate);
/** More than a socket goes on looking after it has begun to wait. */
const settled = async () => {
  for (let turn = 0; turn < 6; turn++) await nextTurn();
};

/** What poll(2) finds: a signal, or which descriptors are ready, none after all of the time. */
type Found = "signal" | readonly number[];
const LOOP = 100;

/** A doze whose poll(2) finds what is said, and nothing afterwards. Everything is noted. */
function scripted(...script: Found[]) {
  const clock = new FakeClock();
  const noted: string[] = [];
  const poll = (octets: Uint8Array, count: number, waitAtMostMs: number) => {
    const found = script.shift() ?? [];
    noted.push("poll");
    if (found === "signal") return -1;
    const fields = new DataView(octets.buffer);
    for (let i = 0; i < count; i++) {
      fields.setInt16(
        i * 8 + 6,
        found.includes(fields.getInt32(i * 8, true)) ? fields.getInt16(i * 8 + 4, true) : 0,
        true,
      );
    }
    if (found.length === 0) clock.advance(waitAtMostMs);
    return found.length;
  };
  const doze = new Doze({ ...libc, poll } as Libc, LOOP, () => clock.nowMs());
  const join = (descriptor: number, more: Partial<Dozing> = {}) => {
    const dozer = doze.join(descriptor, {
      onReadable: () => {
        noted.push(`readable ${descriptor}`);
        return true;
      },
      onQuiet: () => {
        noted.push(`quiet ${descriptor}`);
        dozer.stop();
      },
      ...more,
    });
    return dozer;
  };
  const turn = async () => {
    noted.length = 0;
    await nextTurn();
    return noted.join(", ");
  };
  return { clock, join, turn };
}

describe("one turn", () => {
  test("takes one datagram after the other", async () => {
    const { join, turn } = scripted([5], [5]);
    join(5).start();
    expect(await turn()).toBe("poll, readable 5, poll, readable 5, poll, quiet 5");
    expect(await turn()).toBe("");
  });

  test("ends when the event loop has something to do", async () => {
    const { join, turn } = scripted([LOOP], [5, LOOP], [5]);
    join(5).start();
    expect(await turn()).toBe("poll");
    expect(await turn()).toBe("poll, readable 5");
    expect(await turn()).toBe("poll, readable 5, poll, quiet 5");
  });

  test("ends when a datagram left something to do", async () => {
    const { join, turn } = scripted([5], [5]);
    join(5, { onReadable: () => false }).start();
    expect(await turn()).toBe("poll");
    expect(await turn()).toBe("poll");
    expect(await turn()).toBe("poll, quiet 5");
  });

  test("ends at a signal, which is no datagram", async () => {
    const { join, turn } = scripted([5], "signal", [5]);
    join(5).start();
    expect(await turn()).toBe("poll, readable 5, poll");
    expect(await turn()).toBe("poll, readable 5, poll, quiet 5");
  });

  test("ends when a socket that does not doze has something", async () => {
    const { join, turn } = scripted([6], [5, 6], [5]);
    join(5).start();
    join(6);
    expect(await turn()).toBe("poll");
    expect(await turn()).toBe("poll, readable 5");
    expect(await turn()).toBe("poll, readable 5, poll, quiet 5");
  });

  test("ends in time for timers", async () => {
    const { clock, join, turn } = scripted([5], [5], [5], [5]);
    const onReadable = () => {
      clock.advance(DOZE_MS / 2);
      return true;
    };
    join(5, { onReadable }).start();
    expect(await turn()).toBe("poll, poll");
    expect(await turn()).toBe("poll, poll");
  });
});

test("a socket that has had nothing for a while is told so, whatever comes for others", async () => {
  const { clock, join, turn } = scripted([6], [6, LOOP]);
  const onReadable = () => {
    clock.advance(DOZE_MS);
    return false;
  };
  join(5).start();
  join(6, { onReadable }).start();
  expect(await turn()).toBe("poll");
  expect(await turn()).toBe("poll, quiet 5");
});

test("one that has ended is neither looked at nor told", async () => {
  const { join, turn } = scripted([5, 6], [5]);
  const five = join(5);
  const six = join(6, {
    onReadable: () => {
      five.end();
      return true;
    },
  });
  five.start();
  six.start();
  expect(await turn()).toBe("poll, readable 5, poll, poll, quiet 6");
});

describe("the event loop's descriptor", () => {
  test("is readable as soon as a socket of the loop is", async () => {
    const fields = new Int32Array(new ArrayBuffer(8));
    const octets = new Uint8Array(fields.buffer);
    const isReadable = () => {
      fields.set([loop, 1]);
      return libc.poll(octets, 1, 0) === 1;
    };
    const { promise: opened, resolve: onOpen } = Promise.withResolvers<void>();
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { open: () => onOpen(), data() {} } });
    const client = await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket: { data() {} } });
    await opened;
    await until("nothing to do", () => !isReadable());
    client.write("x");
    expect(isReadable()).toBe(true);
    client.end();
    listener.stop(true);
  });
});

describe("a socket", () => {
  /** An echo that waits for datagrams, with signals that the test gives. */
  async function openWaiting(more: Partial<Libc> = {}) {
    const clock = new FakeClock();
    const happened: string[] = [];
    let signal = () => {};
    const readiness: Readiness = (_descriptor, onReadable) => {
      signal = onReadable;
      return { arm: () => happened.push("arm"), disarm: () => happened.push("disarm"), end: () => {} };
    };
    const usleep = (us: number) => {
      happened.push(`gather ${us}`);
      return 0;
    };
    const nowMs = () => clock.nowMs();
    const doze = new Doze(libc, loop, nowMs);
    const echo = await openEcho(batchedUdpEngine({ ...libc, usleep, ...more }, doze, readiness, nowMs));
    const client = await openClient(batchedUdpEngine(libc));
    await settled();
    let sent = 0;
    return {
      echo,
      happened,
      signal: () => signal(),
      /** So many come, so long after what was before. */
      come: (count: number, afterMs: number) => {
        clock.advance(afterMs);
        for (let i = 0; i < count; i++) client.send("127.0.0.1", echo.address.port, "q");
        sent += count;
      },
      answered: () => until("answered", () => client.received.length === sent, 500),
      quiet: async () => {
        clock.advance(DOZE_MS);
        await until("waiting again", () => happened.at(-1) === "arm");
      },
      end: () => {
        echo.close();
        client.socket.close();
      },
    };
  }
  type Waiting = Awaited<ReturnType<typeof openWaiting>>;

  async function startDoze({ come, signal, answered, happened }: Waiting) {
    for (const afterMs of [10, 0.1]) {
      come(1, afterMs);
      await nextTurn();
      signal();
      await answered();
    }
    expect(happened).toEqual(["arm", "disarm"]);
  }

  test("dozes from a signal that comes soon after another, until nothing comes any more", async () => {
    const waiting = await openWaiting();
    await startDoze(waiting);
    for (let i = 0; i < 5; i++) {
      waiting.come(2, 0.1);
      await waiting.answered();
    }
    expect(waiting.happened).toEqual(["arm", "disarm"]);
    await waiting.quiet();
    expect(waiting.happened).toEqual(["arm", "disarm", "arm"]);
    waiting.end();
  });

  test("goes on dozing while the kernel's send buffer is full", async () => {
    let refusals = 0;
    const sendmmsg: Libc["sendmmsg"] = (...args) => (refusals-- > 0 ? -1 : libc.sendmmsg(...args));
    const waiting = await openWaiting({ sendmmsg, errno: () => EAGAIN });
    await startDoze(waiting);
    refusals = 3;
    waiting.come(1, 0.1);
    await waiting.answered();
    await settled();
    expect(refusals).toBe(-1);
    expect(waiting.happened).toEqual(["arm", "disarm"]);
    await waiting.quiet();
    waiting.end();
  });

  test("that its handler closes keeps nobody dozing", async () => {
    const clock = new FakeClock();
    let polls = 0;
    const poll: Libc["poll"] = (...args) => {
      polls++;
      return libc.poll(...args);
    };
    const doze = new Doze({ ...libc, poll }, loop, () => clock.nowMs());
    let signal = () => {};
    const readiness: Readiness = (_descriptor, onReadable) => {
      signal = onReadable;
      return { arm() {}, disarm() {}, end() {} };
    };
    let handled = 0;
    const engine = batchedUdpEngine(libc, doze, readiness, () => clock.nowMs());
    const socket: UdpSocket = await engine.open({
      address: { host: "127.0.0.1", port: 0 },
      onBatch: () => {
        if (++handled === 2) socket.close();
      },
      onFault: rethrow,
    });
    const client = await openClient(batchedUdpEngine(libc));
    await settled();
    for (let i = 1; i <= 2; i++) {
      client.send("127.0.0.1", socket.address.port, "q");
      await nextTurn();
      signal();
      expect(handled).toBe(i);
    }
    await settled();
    expect(polls).toBe(0);
    client.socket.close();
  });

  test("sends an upstream's answer at the end of the task that brought it", async () => {
    const waiting = await openWaiting();
    await startDoze(waiting);
    const { echo } = waiting;
    const before = echo.counters.sent;
    const peer = new Uint8Array(new ArrayBuffer(PEER_OCTETS));
    writeSockaddr(peer, 0, Uint8Array.of(127, 0, 0, 1), echo.address.port, 0);
    echo.commit(echo.reserve(), 0, peer, 0);
    expect(echo.counters.sent).toBe(before);
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    expect(echo.counters.sent).toBe(before + 1);
    waiting.end();
  });

  test.each([
    ["goes on dozing", 0.1, false],
    ["polls", 0.08, true],
  ])("%s while seven come every %p ms", async (_, everyMs, isLoad) => {
    const waiting = await openWaiting();
    await startDoze(waiting);
    const isGathering = () => waiting.happened.includes("gather 100");
    for (let i = 0; i < 14 && !isGathering(); i++) {
      waiting.come(7, everyMs);
      await waiting.answered();
    }
    if (isLoad) await until("gathers", isGathering);
    else expect(isGathering()).toBe(false);
    waiting.end();
  });
});
