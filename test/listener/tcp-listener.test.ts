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

/** Answers each query at once, as from the cache, with so many octets. */
class CachedScene {
  readonly clock = new FakeClock();
  readonly clients: TcpClients;
  asked = 0;

  constructor(octets: number, changed: Partial<TcpLimits> = {}) {
    this.clients = new TcpClients({
      clock: this.clock,
      limits: { ...limits, ...changed },
      onQuery: (query, at, _length, sink) => {
        this.asked++;
        const start = sink.reserve(octets);
        sink.room.fill(0, start, start + octets);
        sink.room.set(query.subarray(at, at + 2), start);
        sink.commit(start, octets, new Uint8Array(0), 0);
        return true;
      },
      onRefusing: () => {},
    });
  }

  connect(host = "192.168.1.7"): FakeStream {
    const stream = new FakeStream(this.clock, { host, port: 40_000 });
    stream.handler = this.clients.accept(stream);
    return stream;
  }
}

/** The peer takes what waits. */
function takeAll(stream: FakeStream): void {
  stream.unsentOctets = 0;
  stream.handler!.onDrain();
}

const queries = (count: number) => frames(...Array.from({ length: count }, (_, id) => message({ id })));

describe("what was pipelined", () => {
  test("within one read is taken one by one: what is in work, or waits unread, is bounded", () => {
    const scene = new Scene();
    const stream = scene.connect();
    stream.receive(queries(50));
    expect(scene.waiting).toHaveLength(4);
    expect(stream.paused).toBe(true);
    const seen: number[] = [];
    while (scene.waiting.length > 0) {
      seen.push(scene.waiting[0]!.id);
      scene.answer([scene.waiting[0]!.id]);
      scene.clock.turn();
      expect(scene.waiting.length).toBeLessThanOrEqual(4);
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, id) => id));
    expect(stream.paused).toBe(false);

    const cached = new CachedScene(240);
    const stuck = cached.connect();
    stuck.stuck = true;
    stuck.receive(queries(50));
    cached.clock.turn();
    expect(stuck.unsentOctets).toBeLessThan(1000 + 242);
  });

  test("is answered in full to who goes on reading, the client half-closed or not", () => {
    for (const halfClosed of [false, true]) {
      const scene = new CachedScene(240);
      const stream = scene.connect();
      stream.stuck = true;
      stream.receive(queries(50));
      if (halfClosed) stream.handler!.onEnd();
      for (let i = 0; i < 20; i++) {
        scene.clock.turn();
        expect(stream.ended).toBe(halfClosed && stream.writes.length > 0 && idsIn(stream).length === 50);
        takeAll(stream);
        scene.clock.advance(4000);
      }
      expect(idsIn(stream)).toEqual(Array.from({ length: 50 }, (_, id) => id));
      expect([stream.paused, stream.ended]).toEqual([false, halfClosed]);
    }
  });

  test("waits for the next turns where it is more than one turn's work, and other clients come between", () => {
    const scene = new CachedScene(60_000, { maxUnsentOctets: 1_000_000_000, maxUnsentOctetsInAll: 1_000_000_000 });
    const [greedy, other] = [scene.connect(), scene.connect("10.0.0.2")];
    greedy.receive(queries(500));
    const first = scene.asked;
    expect(first).toBeLessThan(30);
    other.receive(queries(1));
    scene.clock.turn();
    expect(other.writes.map((one) => one.length)).toEqual([60_002]);
    expect(greedy.writes.reduce((sum, one) => sum + one.length, 0)).toBe(500 * 60_002);
    expect(greedy.writes.length).toBeGreaterThan(20);
    expect(greedy.writes.every((one) => one.length < 2_000_000)).toBe(true);
  });

  test("a response that is known while the client does not read waits for room, or for the end", () => {
    const scene = new Scene();
    const stream = scene.connect();
    stream.stuck = true;
    scene.ask(stream, 1, 2, 3);
    const { sink } = scene.waiting[0]!;
    scene.answer([1], 1100);
    const told: [number, boolean][] = [];
    expect(sink.isFull).toBe(true);
    for (const id of [2, 3]) sink.whenRoom((isGone) => told.push([id, isGone]));
    scene.clock.turn();
    expect(told).toEqual([]);
    takeAll(stream);
    scene.clock.turn();
    expect(told).toEqual([
      [2, false],
      [3, false],
    ]);
    scene.answer([2], 1100);
    sink.whenRoom((isGone) => told.push([4, isGone]));
    scene.clock.turn();
    stream.close();
    scene.clock.turn();
    expect(told.at(-1)).toEqual([4, true]);
    expect(sink.isFull).toBe(false);
  });
});

describe("all clients together", () => {
  test("have so many queries in work; above, each has its share, and everybody one", () => {
    const scene = new Scene({ maxPending: 50, maxPendingInAll: 60, maxConnections: 10, maxPerClient: 10 });
    const [one, two, three] = [scene.connect(), scene.connect(), scene.connect()];
    one.receive(queries(50));
    two.receive(queries(50));
    // The second had its share, which is a third, when there were 60.
    expect(scene.waiting).toHaveLength(70);
    three.receive(queries(50));
    expect(scene.waiting).toHaveLength(90);
    const late = scene.connect();
    late.receive(queries(1));
    expect(scene.waiting).toHaveLength(91);
  });

  test("have so many octets unsent; above, each has its share, and everybody an answer", () => {
    const scene = new CachedScene(240, { maxUnsentOctets: 5000, maxUnsentOctetsInAll: 6000, maxPerClient: 5 });
    const stuck = [1, 2, 3, 4].map(() => {
      const stream = scene.connect();
      stream.stuck = true;
      stream.receive(queries(50));
      scene.clock.turn();
      return stream;
    });
    const unsent = stuck.reduce((sum, one) => sum + one.unsentOctets, 0);
    expect(unsent).toBeLessThan(2 * 6000 + 4 * 242);
    const reader = scene.connect();
    reader.receive(queries(50));
    scene.clock.turn();
    expect(idsIn(reader)).toHaveLength(50);
    for (const stream of stuck) stream.close();
    scene.clock.turn();
    const alone = scene.connect();
    alone.stuck = true;
    alone.receive(queries(50));
    scene.clock.turn();
    expect(alone.unsentOctets).toBeGreaterThanOrEqual(5000);
  });
});

describe("while all clients together have too much unsent", () => {
  const crowd = { maxUnsentOctets: 5000, maxUnsentOctetsInAll: 4000, maxPerClient: 5 };

  /** Somebody who takes nothing, and a client of whose responses the kernel holds a few. */
  function crowded() {
    const scene = new CachedScene(240, crowd);
    const stuck = scene.connect();
    stuck.stuck = true;
    stuck.receive(queries(50));
    scene.clock.turn();
    const other = scene.connect("10.0.0.2");
    other.unacknowledgedOctets = 2500;
    other.receive(queries(10));
    scene.clock.turn();
    return { scene, stuck, other };
  }

  test("what the kernel holds for a client counts, until the client takes it", () => {
    const { scene, other } = crowded();
    expect([idsIn(other), other.paused]).toEqual([[], true]);
    scene.clock.advance(100);
    expect(idsIn(other)).toEqual([]);
    other.unacknowledgedOctets = 0;
    scene.clock.advance(100);
    expect([idsIn(other).length, other.paused]).toEqual([10, false]);
  });

  test("a client that waits goes on once they have less", () => {
    const { scene, stuck, other } = crowded();
    stuck.close();
    scene.clock.turn();
    scene.clock.advance(100);
    expect(idsIn(other)).toHaveLength(10);
  });

  test("a client that waits and takes nothing is ended after the idle time", () => {
    const { scene, other } = crowded();
    scene.clock.advance(limits.idleMs * 1.25);
    expect(other.destroyed).toBe(true);
  });
});

describe("a client that is of no use", () => {
  test("is closed after so many messages in a row that deserve no response", () => {
    const scene = new Scene({ maxUseless: 3 });
    const stream = scene.connect();
    scene.dropped.add(1);
    scene.ask(stream, 1, 1, 1, 2, 1, 1, 1);
    expect(stream.destroyed).toBe(false);
    scene.ask(stream, 1);
    expect(stream.destroyed).toBe(true);
  });

  test("is closed when idle, though such messages come", () => {
    const scene = new Scene();
    const stream = scene.connect();
    scene.dropped.add(1);
    for (let second = 0; second < 9; second++) {
      scene.ask(stream, 1);
      scene.clock.advance(1000);
    }
    expect(stream.destroyed).toBe(true);
  });

  test("is closed when it asks now and then and never reads; taking anything keeps it", () => {
    // What the peer takes may show in the kernel first.
    for (const takes of [undefined, "unsentOctets", "unacknowledgedOctets"] as const) {
      const scene = new CachedScene(40, { maxPerClient: 5 });
      const stream = scene.connect();
      stream.stuck = true;
      stream.unacknowledgedOctets = 1000;
      for (let second = 0; second < 20; second++) {
        if (!stream.destroyed) stream.receive(queries(1));
        scene.clock.advance(1000);
        if (takes !== undefined) stream[takes] -= 5;
      }
      expect(stream.destroyed).toBe(takes === undefined);
    }
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
