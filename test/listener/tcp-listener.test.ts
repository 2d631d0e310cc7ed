import { describe, expect, test } from "bun:test";
import type { QueryHandler, ResponseSink } from "../../src/listener/query-handler.ts";
import { TcpClients, type TcpLimits } from "../../src/listener/tcp-listener.ts";
import { PEER_OCTETS, type SocketAddress } from "../../src/runtime/runtime.ts";
import { readSockaddr } from "../../src/runtime/sockaddr.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { frames, message } from "../support/fake-messages.ts";
import { FakeStream } from "../support/fake-stream.ts";

const limits: TcpLimits = {
  idleMs: 8000,
  maxConnections: 5,
  maxPerClient: 3,
  maxPending: 4,
  maxPendingInAll: 100,
  maxUnsentOctets: 1000,
  maxUnsentOctetsInAll: 100_000,
  maxUseless: 30,
};

/** Clients and someone who answers when the test says so. */
class Scene {
  readonly clock = new FakeClock();
  readonly refusals: string[] = [];
  readonly waiting: { id: number; sink: ResponseSink; from: SocketAddress }[] = [];
  readonly clients: TcpClients;
  /** IDs that deserve no response. */
  readonly dropped = new Set<number>();

  constructor(changed: Partial<TcpLimits> = {}) {
    const onQuery: QueryHandler = (octets, start, _length, sink, peers, peerStart) => {
      const id = (octets[start]! << 8) | octets[start + 1]!;
      if (this.dropped.has(id)) return false;
      expect(peerStart + PEER_OCTETS).toBeLessThanOrEqual(peers.length);
      this.waiting.push({ id, sink, from: readSockaddr(peers, peerStart) });
      return true;
    };
    this.clients = new TcpClients({
      clock: this.clock,
      limits: { ...limits, ...changed },
      onQuery,
      onRefusing: (limit) => this.refusals.push(limit),
    });
  }

  connect(host = "192.168.1.7", port = 40_000): FakeStream {
    const stream = new FakeStream(this.clock, { host, port });
    const handler = this.clients.accept(stream);
    if (handler === undefined) stream.close();
    stream.handler = handler;
    return stream;
  }

  ask(stream: FakeStream, ...ids: number[]): void {
    stream.receive(frames(...ids.map((id) => message({ id }))));
    this.clock.turn();
  }

  /** Answers these queries with so many octets that begin with their ID. */
  answer(ids: readonly number[], octets = 20): void {
    for (const id of ids) {
      const at = this.waiting.findIndex((one) => one.id === id);
      const { sink } = this.waiting.splice(at, 1)[0]!;
      const start = sink.reserve(octets);
      sink.room.fill(0, start, start + octets);
      sink.room[start] = id >> 8;
      sink.room[start + 1] = id & 0xff;
      sink.commit(start, octets, new Uint8Array(0), 0);
    }
  }
}

const idsIn = (stream: FakeStream) => stream.messages.map((octets) => (octets[0]! << 8) | octets[1]!);

describe("a client", () => {
  test("pipelines, and is answered in the order of the answers, one write a turn", () => {
    const scene = new Scene();
    const stream = scene.connect("10.0.0.9", 4711);
    scene.ask(stream, 1, 2, 3);
    expect(scene.waiting.map(({ from }) => from)).toEqual(new Array(3).fill({ host: "10.0.0.9", port: 4711 }));
    scene.answer([3, 1]);
    expect(stream.writes).toHaveLength(0);
    scene.clock.turn();
    scene.answer([2]);
    scene.clock.turn();
    expect(stream.writes).toHaveLength(2);
    expect(idsIn(stream)).toEqual([3, 1, 2]);
  });

  test("may send octet by octet, and has 65,535 octets for each answer", () => {
    const scene = new Scene();
    const stream = scene.connect();
    for (const octet of frames(message({ id: 7 }))) stream.receive(Uint8Array.of(octet));
    expect(scene.waiting[0]!.sink.limitFor(512)).toBe(65_535);
    scene.answer([7], 65_535);
    scene.clock.turn();
    expect(stream.messages[0]!.length).toBe(65_535);
  });

  test("what was written is not touched by later answers", () => {
    const scene = new Scene();
    const stream = scene.connect();
    scene.ask(stream, 1, 2);
    scene.answer([1]);
    scene.clock.turn();
    const before = [...stream.writes[0]!];
    scene.answer([2], 900);
    scene.clock.turn();
    expect([...stream.writes[0]!]).toEqual(before);
  });

  test.each(["fe80::1%eth0", "::1"])("from %s is known by its address", (host) => {
    const scene = new Scene();
    scene.ask(scene.connect(host), 1);
    expect(scene.waiting[0]!.from.host).toBe(host.replace("%eth0", ""));
  });

  test("that was gone before it could be asked who it is, is the unspecified address", () => {
    const scene = new Scene();
    scene.ask(scene.connect(""), 1);
    expect(scene.waiting[0]!.from.host).toBe("::");
  });

  test("half-closed before the answers: gets them all, then the end", () => {
    const scene = new Scene();
    const stream = scene.connect();
    scene.ask(stream, 1, 2);
    stream.handler!.onEnd();
    scene.answer([2]);
    scene.clock.turn();
    expect(stream.ended).toBe(false);
    scene.answer([1]);
    scene.clock.turn();
    expect(idsIn(stream)).toEqual([2, 1]);
    expect(stream.ended).toBe(true);
  });

  test("half-closed with an answer that is not written yet", () => {
    const scene = new Scene();
    const stream = scene.connect();
    scene.ask(stream, 1);
    scene.answer([1]);
    stream.handler!.onEnd();
    scene.clock.turn();
    expect([idsIn(stream), stream.ended]).toEqual([[1], true]);
  });

  test("half-closed with nothing asked, or in the middle of a message: the end at once", () => {
    const scene = new Scene();
    const stream = scene.connect();
    stream.receive(frames(message()).slice(0, 9));
    stream.handler!.onEnd();
    expect(stream.ended).toBe(true);
  });

  test("messages that deserve no response do not hold up its end", () => {
    const scene = new Scene();
    const stream = scene.connect();
    scene.dropped.add(1).add(2);
    scene.ask(stream, 1, 2);
    stream.handler!.onEnd();
    expect(stream.ended).toBe(true);
  });

  test("gone while its queries are worked on: their answers go nowhere", () => {
    const scene = new Scene();
    const stream = scene.connect();
    scene.ask(stream, 1, 2);
    scene.answer([1]);
    stream.close(new Error("reset"));
    scene.clock.turn();
    scene.answer([2]);
    scene.clock.turn();
    expect(scene.clients.count).toBe(0);
  });
});

describe("limits", () => {
  test("a client with too many queries in work is not read until some are answered", () => {
    const scene = new Scene();
    const stream = scene.connect();
    scene.ask(stream, 1, 2, 3);
    expect(stream.paused).toBe(false);
    scene.ask(stream, 4, 5);
    expect(stream.paused).toBe(true);
    scene.answer([1]);
    scene.clock.turn();
    expect(stream.paused).toBe(true);
    scene.answer([2]);
    scene.clock.turn();
    expect(stream.paused).toBe(false);
    scene.ask(stream, 6);
    expect(stream.paused).toBe(true);
  });

  test("dropped messages do not count as work", () => {
    const scene = new Scene();
    const stream = scene.connect();
    for (let id = 1; id <= 20; id++) scene.dropped.add(id);
    scene.ask(stream, ...scene.dropped);
    expect(stream.paused).toBe(false);
  });

  test("a client that asks and never reads is not read, and closed after the idle time", () => {
    const scene = new Scene();
    const stream = scene.connect();
    stream.stuck = true;
    for (let id = 1; id <= 5; id++) {
      scene.ask(stream, id);
      scene.answer([id], 240);
      scene.clock.turn();
      expect(stream.paused).toBe(id === 5);
    }
    scene.clock.advance(7999);
    expect(stream.destroyed).toBe(false);
    scene.clock.advance(1001);
    expect(stream.destroyed).toBe(true);
    expect(scene.clients.count).toBe(0);
  });

  test("idle: closed after its time and an eighth at most; a query or an answer begins it anew", () => {
    const scene = new Scene();
    const stream = scene.connect();
    scene.clock.advance(7900);
    scene.ask(stream, 1);
    scene.clock.advance(60_000);
    expect(stream.destroyed).toBe(false);
    scene.answer([1]);
    scene.clock.advance(7999);
    expect(stream.destroyed).toBe(false);
    scene.clock.advance(1001);
    expect(stream.destroyed).toBe(true);
    scene.clock.advance(1000);
    expect(scene.clock.timers).toBe(0);
  });

  test("octets that never become a query do not keep a connection", () => {
    const scene = new Scene();
    const stream = scene.connect();
    for (let second = 0; second < 9; second++) {
      stream.receive(Uint8Array.of(second === 0 ? 255 : 1));
      scene.clock.advance(1000);
    }
    expect(stream.destroyed).toBe(true);
  });

  test("a client that got its end and does not end itself is closed when idle", () => {
    const scene = new Scene();
    const stream = scene.connect();
    stream.handler!.onEnd();
    scene.clock.advance(9000);
    expect(stream.destroyed).toBe(true);
  });

  test("connections in all, and of one client; those that end make room", () => {
    const scene = new Scene();
    const mine = [1, 2, 3].map((port) => scene.connect("10.0.0.1", port));
    expect(scene.connect("10.0.0.1", 4).closed).toBe(true);
    scene.connect("10.0.0.2");
    scene.connect("10.0.0.3");
    expect(scene.clients.count).toBe(5);
    expect(scene.connect("10.0.0.4").closed).toBe(true);
    mine[0]!.close();
    scene.clock.turn();
    expect(scene.connect("10.0.0.1", 5).closed).toBe(false);
    expect(scene.connect("10.0.0.1", 6).closed).toBe(true);
    expect(scene.clients.count).toBe(5);
    expect([scene.clients.counters.accepted, scene.clients.counters.refused]).toEqual([6, 3]);
  });

  test("a client may come and go as often as it likes", () => {
    const scene = new Scene();
    for (let i = 0; i < 20; i++) {
      scene.connect().close();
      scene.clock.turn();
    }
    expect([1, 2, 3].map((port) => scene.connect("192.168.1.7", port).closed)).toEqual([false, false, false]);
  });

  test("that connections are refused is said once a minute at most, also when they come and go", () => {
    const scene = new Scene();
    for (let i = 0; i < 50; i++) {
      const open = [1, 2, 3, 4].map((port) => scene.connect("10.0.0.1", port));
      for (const stream of open) stream.close();
      scene.clock.advance(1000);
    }
    expect(scene.refusals).toEqual(["3 per client"]);
    scene.clock.advance(10_000);
    for (let i = 0; i < 6; i++) scene.connect(`10.0.0.${i}`);
    expect(scene.refusals).toEqual(["3 per client", "5 in all"]);
  });
});

describe("stop()", () => {
  test("answers what is being worked on, reads nothing more, resolves when all are gone", async () => {
    const scene = new Scene();
    const [busy, idle] = [scene.connect("10.0.0.1"), scene.connect("10.0.0.2")];
    scene.ask(busy, 1);
    let isOver = false;
    const stopping = scene.clients.stop().then(() => {
      isOver = true;
    });
    expect([busy.ended, idle.ended]).toEqual([false, true]);
    scene.ask(busy, 2);
    expect(scene.waiting).toHaveLength(1);
    scene.answer([1]);
    scene.clock.turn();
    expect([idsIn(busy), busy.ended]).toEqual([[1], true]);
    idle.close();
    scene.clock.turn();
    await Promise.resolve();
    expect(isOver).toBe(false);
    busy.close();
    scene.clock.turn();
    await stopping;
  });

  test("closeAll() ends those that do not go", async () => {
    const scene = new Scene();
    const stream = scene.connect();
    const stopping = scene.clients.stop();
    scene.clients.closeAll();
    scene.clock.turn();
    await stopping;
    expect(stream.destroyed).toBe(true);
  });

  test("without clients it is over at once", () => new Scene().clients.stop());
});
