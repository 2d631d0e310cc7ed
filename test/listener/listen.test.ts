import { describe, expect, test } from "bun:test";
import type { ListenAddress } from "../../src/config/config.ts";
import { Listeners } from "../../src/listener/listen.ts";
import { TcpClients } from "../../src/listener/tcp-listener.ts";
import { BATCH_DATAGRAMS, BindError, DATAGRAM_STRIDE, PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { formatSocketAddress as addressText } from "../../src/runtime/sockaddr.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeHost } from "../support/fake-host.ts";
import { FakeLog } from "../support/fake-log.ts";

const FOLLOW_MS = 2000;

class Scene {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly host = new FakeHost();
  readonly listeners: Listeners;
  readonly queries: { octets: number[]; peer: number }[] = [];

  constructor(answersFromAskedAddress = true) {
    const limits = {
      idleMs: 1,
      maxConnections: 1,
      maxPerClient: 1,
      maxPending: 1,
      maxPendingInAll: 1,
      maxUnsentOctets: 1,
      maxUnsentOctetsInAll: 1,
      maxUseless: 1,
    };
    this.listeners = new Listeners({
      runtime: this.host,
      clock: this.clock,
      log: this.log,
      engine: this.host.engine(answersFromAskedAddress),
      maxUdpOctets: 1232,
      followMs: FOLLOW_MS,
      onBatch: ({ count, octets, lengths }) => {
        for (let i = 0; i < count; i++) {
          const start = i * DATAGRAM_STRIDE;
          this.queries.push({ octets: [...octets.subarray(start, start + lengths[i]!)], peer: i * PEER_OCTETS });
        }
      },
      clients: new TcpClients({ clock: this.clock, limits, onQuery: () => false, onRefusing: () => {} }),
    });
  }

  open(...addresses: (Partial<ListenAddress> & { host: string })[]): Promise<void> {
    return this.listeners.open(addresses.map((one) => ({ port: 53, optional: false, ...one })));
  }

  /** The next look at the host's addresses, and all that follows from it. */
  async follow(): Promise<void> {
    this.clock.advance(FOLLOW_MS);
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }

  get openNow(): string[] {
    return [...this.host.open].sort();
  }
}

const failure = (promise: Promise<void>) =>
  promise.then(
    () => undefined,
    (error: Error) => error,
  );

describe("addresses that are given", () => {
  test("UDP and TCP on each; close() closes all", async () => {
    const scene = new Scene();
    await scene.open({ host: "127.0.0.1" }, { host: "::1", port: 5353 });
    expect(scene.openNow).toEqual(["TCP 127.0.0.1:53", "TCP ::1:5353", "UDP 127.0.0.1:53", "UDP ::1:5353"]);
    expect(scene.listeners.bound).toEqual([
      { host: "127.0.0.1", port: 53 },
      { host: "::1", port: 5353 },
    ]);
    expect(scene.listeners.receiveBufferOctets).toBe(4096);
    scene.listeners.close();
    expect(scene.openNow).toEqual([]);
  });

  test("counters of all UDP sockets together, and they never shrink", async () => {
    const scene = new Scene(false);
    scene.host.add("10.0.0.1", "10.0.0.2");
    await scene.open({ host: "0.0.0.0" });
    for (const counters of scene.host.udpCounters) counters.received += 2;
    expect(scene.listeners.udpCounters.received).toBe(4);
    scene.host.remove("10.0.0.2");
    await scene.follow();
    expect(scene.openNow).toEqual(["TCP 0.0.0.0:53", "UDP 10.0.0.1:53"]);
    scene.host.udpCounters[0]!.received++;
    expect(scene.listeners.udpCounters.received).toBe(5);
    scene.listeners.close();
    expect(scene.listeners.udpCounters).toEqual({ received: 5, sent: 0, oversize: 0, sendFailures: 0 });
  });

  test.each(["UDP", "TCP"])("held for %s: an error, and nothing stays open", async (transport) => {
    const scene = new Scene();
    scene.host.refused.set(`${transport} 127.0.0.2:53`, "in-use");
    const error = await failure(scene.open({ host: "127.0.0.1" }, { host: "127.0.0.2", optional: true }));
    expect(error).toMatchObject({ reason: "in-use" });
    expect(scene.openNow).toEqual([]);
  });

  test("what nobody asked for by name may be missing, with one line; what was asked for may not", async () => {
    const scene = new Scene();
    scene.host.refused.set("UDP ::1", "no-such-address");
    await scene.open({ host: "127.0.0.1", optional: true }, { host: "::1", optional: true });
    expect(scene.openNow).toEqual(["TCP 127.0.0.1:53", "UDP 127.0.0.1:53"]);
    expect(scene.log.told).toEqual(["info not listening on [::1]:53: this host has no such address"]);
    expect(await failure(scene.open({ host: "::1" }))).toBeInstanceOf(BindError);
  });

  test("missing for TCP only: UDP is closed again", async () => {
    const scene = new Scene();
    scene.host.refused.set("TCP ::1", "no-such-family");
    await scene.open({ host: "127.0.0.1" }, { host: "::1", optional: true });
    expect(scene.openNow).toEqual(["TCP 127.0.0.1:53", "UDP 127.0.0.1:53"]);
  });

  test("nothing at all is an error", async () => {
    const scene = new Scene();
    scene.host.refused.set("UDP 127.0.0.1", "no-such-family");
    expect((await failure(scene.open({ host: "127.0.0.1", optional: true })))?.message).toContain(
      "no address to listen on",
    );
  });

  test("the kernel's choice of a port is one for UDP and TCP, and another when it is held for TCP", async () => {
    const scene = new Scene();
    scene.host.refused.set("TCP 127.0.0.1:50001", "in-use");
    await scene.open({ host: "127.0.0.1", port: 0 });
    expect(scene.openNow).toEqual(["TCP 127.0.0.1:50002", "UDP 127.0.0.1:50002"]);
    expect(scene.listeners.bound).toEqual([{ host: "127.0.0.1", port: 50_002 }]);
  });

  test("it is not asked for ever", async () => {
    const scene = new Scene();
    scene.host.refused.set("TCP 127.0.0.1", "in-use");
    expect(await failure(scene.open({ host: "127.0.0.1", port: 0 }))).toBeInstanceOf(BindError);
    expect(scene.openNow).toEqual([]);
  });
});

describe("every address", () => {
  test("one socket a family where that answers from the address that was asked, on one port", async () => {
    const scene = new Scene();
    await scene.open({ host: "*", port: 0 });
    expect(scene.openNow).toEqual(["TCP 0.0.0.0:50001", "TCP :::50001", "UDP 0.0.0.0:50001", "UDP :::50001"]);
    expect(scene.clock.timers).toBe(0);
  });

  test.each([
    ["0.0.0.0", ["TCP :::53", "UDP :::53"]],
    ["::", ["TCP 0.0.0.0:53", "UDP 0.0.0.0:53"]],
  ])("%s is missing: the other family is served, on its own port", async (missing, left) => {
    const scene = new Scene();
    scene.host.refused.set(`UDP ${missing}`, "no-such-family");
    await scene.open({ host: "127.0.0.1", port: 5300 }, { host: "*", optional: true });
    expect(scene.openNow.filter((key) => !key.includes("5300"))).toEqual(left);
  });

  test("held for UDP: another forwarder's, an error", async () => {
    const scene = new Scene();
    scene.host.refused.set("UDP 0.0.0.0", "in-use");
    expect(await failure(scene.open({ host: "*" }))).toMatchObject({ reason: "in-use" });
    expect(scene.openNow).toEqual([]);
  });
});

describe("sockets that follow the host's addresses", () => {
  const besideStub = async () => {
    const scene = new Scene();
    scene.host.add("127.0.0.1", "127.0.0.53", "192.168.1.2", "::1");
    scene.host.refused.set("TCP 0.0.0.0:53", "in-use");
    scene.host.refused.set("TCP 127.0.0.53:53", "in-use");
    await scene.open({ host: "0.0.0.0" });
    return scene;
  };

  test("beside a stub that holds one: TCP on the others, with one line", async () => {
    const scene = await besideStub();
    expect(scene.openNow).toEqual(["TCP 127.0.0.1:53", "TCP 192.168.1.2:53", "UDP 0.0.0.0:53"]);
    await scene.follow();
    await scene.follow();
    expect(scene.log.told).toEqual([
      "info skipping 127.0.0.53:53, TCP: another program holds it",
      expect.stringContaining("info 0.0.0.0:53, TCP: listening on each address by itself"),
    ]);
  });

  test("an address that comes is added, one that goes is closed, one that is freed is taken", async () => {
    const scene = await besideStub();
    scene.host.add("10.1.1.1");
    scene.host.remove("192.168.1.2");
    await scene.follow();
    expect(scene.openNow).toEqual(["TCP 10.1.1.1:53", "TCP 127.0.0.1:53", "UDP 0.0.0.0:53"]);
    scene.host.refused.delete("TCP 127.0.0.53:53");
    await scene.follow();
    expect(scene.openNow).toContain("TCP 127.0.0.53:53");
    expect(scene.log.told.slice(2)).toEqual(["info now listening on 127.0.0.53:53, TCP"]);
    scene.listeners.close();
    expect(scene.openNow).toEqual([]);
    expect(scene.clock.timers).toBe(0);
  });

  test("a held address that goes and comes back is told again", async () => {
    const scene = await besideStub();
    scene.host.remove("127.0.0.53");
    await scene.follow();
    scene.host.add("127.0.0.53");
    await scene.follow();
    expect(scene.log.told.filter((line) => line.includes("skipping"))).toHaveLength(2);
  });

  test("held everywhere: an error", async () => {
    const scene = new Scene();
    scene.host.add("127.0.0.1", "192.168.1.2");
    for (const host of ["0.0.0.0", "127.0.0.1", "192.168.1.2"]) scene.host.refused.set(`TCP ${host}`, "in-use");
    expect(await failure(scene.open({ host: "0.0.0.0" }))).toMatchObject({ reason: "in-use" });
    expect(scene.openNow).toEqual([]);
    expect(scene.clock.timers).toBe(0);
  });

  test("an engine without packet info: UDP on each address, all on one port, also when the kernel chose it", async () => {
    const scene = new Scene(false);
    scene.host.add("127.0.0.1", "192.168.1.2", "fe80::1", "::1");
    await scene.open({ host: "*", port: 0 });
    const udp = scene.openNow.filter((key) => key.startsWith("UDP"));
    expect(udp).toEqual(["127.0.0.1", "192.168.1.2", "::1", "fe80::1%eth0"].map((host) => `UDP ${host}:50001`));
    expect(scene.openNow.filter((key) => key.startsWith("TCP"))).toEqual(["TCP 0.0.0.0:50001", "TCP :::50001"]);
    scene.host.add("10.1.1.1");
    await scene.follow();
    expect(scene.openNow).toContain("UDP 10.1.1.1:50001");
  });

  test("a host without any address of a family lacks it", async () => {
    const scene = new Scene(false);
    scene.host.add("127.0.0.1");
    await scene.open({ host: "*" });
    expect(scene.listeners.bound).toEqual([{ host: "0.0.0.0", port: 53 }]);
    expect(scene.log.told).toHaveLength(1);
  });

  test("a fault while following is said once and following goes on", async () => {
    const scene = await besideStub();
    const { localAddresses } = scene.host;
    scene.host.localAddresses = () => {
      throw new Error("no addresses today");
    };
    await scene.follow();
    await scene.follow();
    expect(scene.log.told.slice(2)).toEqual(["warn listening goes on after a fault: no addresses today"]);
    scene.host.localAddresses = localAddresses;
    scene.host.add("10.1.1.1");
    await scene.follow();
    expect(scene.openNow).toContain("TCP 10.1.1.1:53");
  });

  test("a fault at the start leaves nothing open", async () => {
    const scene = new Scene(false);
    scene.host.add("127.0.0.1", "192.168.1.2");
    scene.host.refused.set("UDP 192.168.1.2", new Error("out of descriptors"));
    expect((await failure(scene.open({ host: "*" })))?.message).toBe("out of descriptors");
    expect(scene.openNow).toEqual([]);
  });

  test("closed while an address is being opened: that one is closed too", async () => {
    const scene = await besideStub();
    scene.host.add("10.1.1.1", "10.1.1.2");
    scene.clock.advance(FOLLOW_MS);
    scene.listeners.close();
    for (let i = 0; i < 50; i++) await Promise.resolve();
    expect(scene.openNow).toEqual([]);
    expect(scene.clock.timers).toBe(0);
  });
});

test("a batch is handed on datagram by datagram, each with its peer", async () => {
  const scene = new Scene();
  await scene.open({ host: "127.0.0.1" });
  const octets = new Uint8Array(BATCH_DATAGRAMS * DATAGRAM_STRIDE);
  const lengths = new Uint32Array(BATCH_DATAGRAMS).fill(3);
  octets.set([1, 2, 3, 9], 0);
  octets.set([4, 5, 6, 9], DATAGRAM_STRIDE);
  scene.host.udpOptions[0]!.onBatch({
    count: 2,
    octets,
    lengths,
    peers: new Uint8Array(BATCH_DATAGRAMS * PEER_OCTETS),
  });
  expect(scene.queries).toEqual([
    { octets: [1, 2, 3], peer: 0 },
    { octets: [4, 5, 6], peer: PEER_OCTETS },
  ]);
});

test("addresses as they are told", () => {
  expect(addressText({ host: "192.0.2.1", port: 53 })).toBe("192.0.2.1:53");
  expect(addressText({ host: "::1", port: 53 })).toBe("[::1]:53");
});
