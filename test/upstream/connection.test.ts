import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { StreamHandler, TlsOutcome } from "../../src/runtime/runtime.ts";
import { type ConnectionLimits, type ConnectionOwner, DotConnection } from "../../src/upstream/connection.ts";
import type { UpstreamError } from "../../src/upstream/exchange.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { frames, opt, question, response } from "../support/fake-messages.ts";
import { fakeRandom } from "../support/fake-random.ts";
import { FakeStream } from "../support/fake-stream.ts";
import { answerTo, connectionLimits, FakeExchange, idOf, labelOf } from "../support/fake-upstream.ts";

/** One connection, its owner's diary, and both ends of its stream. */
class Scene implements ConnectionOwner {
  readonly clock = new FakeClock();
  readonly stream = new FakeStream(this.clock);
  readonly diary: string[] = [];
  readonly connection: DotConnection;
  #onSecure!: (outcome: TlsOutcome) => void;

  constructor(limits: Partial<ConnectionLimits> = {}) {
    this.connection = new DotConnection({
      clock: this.clock,
      random: fakeRandom(3),
      limits: { ...connectionLimits, ...limits },
      owner: this,
      dial: (onSecure: (outcome: TlsOutcome) => void, handler: StreamHandler) => {
        this.#onSecure = onSecure;
        this.stream.handler = handler;
        return this.stream;
      },
    });
  }

  secure(alpn: string | undefined = "dot"): this {
    this.#onSecure({ protocol: "TLSv1.3", cipher: "any", alpn, resumed: false });
    return this;
  }

  send(...labels: string[]): FakeExchange[] {
    return labels.map((label) => {
      const exchange = new FakeExchange(label);
      this.connection.send(exchange);
      return exchange;
    });
  }

  receive(...messages: (Uint8Array | number[])[]): void {
    this.stream.receive(frames(...messages));
    this.clock.turn();
  }

  /** The query for this label, as the server saw it. */
  seen(label: string): Uint8Array {
    return this.stream.messages.find((query) => labelOf(query) === label)!;
  }

  onReady(): void {
    this.diary.push("ready");
  }
  onResponse(exchange: FakeExchange): void {
    this.diary.push(`answer ${exchange.label}`);
  }
  onMalformed(exchange: FakeExchange): void {
    this.diary.push(`malformed ${exchange.label}`);
  }
  onClosed(_connection: DotConnection, error: UpstreamError, unanswered: FakeExchange[]): void {
    this.diary.push(`closed: ${error.code}: ${error.message}: ${unanswered.map(({ label }) => label).join()}`);
  }
}

const ready = (limits?: Partial<ConnectionLimits>) => new Scene(limits).secure();

describe("before the server has proved who it is", () => {
  test("nothing is written, whatever is sent; then all of it at once", () => {
    const scene = new Scene();
    scene.send("a", "b");
    scene.clock.advance(2000);
    scene.send("c");
    scene.clock.turn();
    expect(scene.stream.writes).toHaveLength(0);
    scene.secure();
    expect(scene.stream.writes).toHaveLength(1);
    expect(scene.stream.messages.map(labelOf)).toEqual(["a", "b", "c"]);
  });

  test("a server that selects another ALPN protocol hears nothing", () => {
    const scene = new Scene();
    scene.send("a");
    scene.secure("h2");
    scene.clock.turn();
    expect(scene.stream).toMatchObject({ destroyed: true, writes: [] });
    expect(scene.diary).toEqual([
      'closed: authentication: it selected the ALPN protocol "h2"; only "dot" or none is accepted: a',
    ]);
  });

  test.each([undefined, "dot"])("a server that selects %p is accepted", (alpn) => {
    const scene = new Scene();
    scene.secure(alpn);
    expect(scene.diary).toEqual(["ready"]);
  });

  test("the handshake has a bound", () => {
    const scene = new Scene();
    scene.send("a");
    scene.clock.advance(2499);
    expect(scene.diary).toEqual([]);
    scene.clock.advance(1);
    expect(scene.diary).toEqual(["closed: connect: no connection within 2500 ms: a"]);
    expect(scene.stream.destroyed).toBe(true);
    scene.secure();
    expect(scene.stream.writes).toHaveLength(0);
    expect(scene.clock.timers).toBe(0);
  });

  test.each([
    ["ECONNREFUSED", "connect: connection refused"],
    ["EHOSTUNREACH", "connect: host unreachable"],
    ["CERT_HAS_EXPIRED", "authentication: its certificate has expired"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "authentication: ERR_SSL_WRONG_VERSION_NUMBER (ERR_SSL_WRONG_VERSION_NUMBER)"],
  ])("%s is told from other failures", (code, told) => {
    const scene = new Scene();
    scene.stream.close(Object.assign(new Error(code), { code }));
    scene.clock.turn();
    expect(scene.diary).toEqual([`closed: ${told}: `]);
  });

  test("retired, it is not needed any more", () => {
    const scene = new Scene();
    scene.connection.retire();
    expect(scene.diary).toEqual(["closed: closed: not needed any more: "]);
  });
});

describe("queries and answers", () => {
  test("one write a turn, however many are sent", () => {
    const scene = ready();
    scene.send("a", "b", "c");
    expect(scene.stream.writes).toHaveLength(0);
    scene.clock.turn();
    scene.send("d");
    scene.clock.turn();
    expect(scene.stream.writes).toHaveLength(2);
    expect(scene.stream.messages.map(labelOf)).toEqual(["a", "b", "c", "d"]);
  });

  test("what was written is not touched by what is sent later", () => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    const before = scene.stream.writes[0]!.slice();
    scene.send(...Array.from({ length: 50 }, (_, i) => `n${i}`));
    scene.clock.turn();
    expect([...scene.stream.writes[0]!]).toEqual([...before]);
  });

  test("answers in any order, split anywhere", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), fc.array(fc.nat(500)), (order, cuts) => {
        const scene = ready();
        scene.send("n0", "n1", "n2", "n3", "n4", "n5");
        scene.clock.turn();
        const stream = frames(...order.map((i) => answerTo(scene.seen(`n${i}`))));
        const places = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length];
        for (let i = 1; i < places.length; i++) scene.stream.receive(stream.slice(places[i - 1], places[i]));
        expect(scene.diary).toEqual(["ready", ...order.map((i) => `answer n${i}`)]);
      }),
      { seed: 11, numRuns: 100 },
    );
  });

  test("IDs are all different and in no order", () => {
    const scene = ready();
    scene.send(...Array.from({ length: 4096 }, (_, i) => `n${i}`));
    scene.clock.turn();
    const ids = scene.stream.messages.map(idOf);
    expect(new Set(ids).size).toBe(4096);
    expect(Math.max(...ids) - Math.min(...ids)).toBeGreaterThan(60_000);
    const steps = ids.slice(1).map((id, i) => id - ids[i]!);
    expect(steps.filter((step) => Math.abs(step) === 1).length).toBeLessThan(10);
  });

  test("a bound of queries in flight, and of octets that do not leave", () => {
    const scene = ready({ maxTakenIds: 3 });
    const [first] = scene.send("a", "b", "c");
    expect(scene.connection.accepts).toBe(false);
    scene.clock.turn();
    scene.connection.cancel(first!);
    expect(scene.connection.accepts).toBe(false); // its ID is in quarantine
    scene.receive(answerTo(scene.seen("a")));
    expect(scene.connection.accepts).toBe(true);

    const slow = ready({ maxUnsentOctets: 300 });
    slow.stream.stuck = true;
    slow.send("a", "b");
    expect(slow.connection.accepts).toBe(true);
    slow.clock.turn();
    expect(slow.connection.accepts).toBe(true);
    slow.send("c");
    expect(slow.connection.accepts).toBe(false);
    slow.clock.turn();
    expect(slow.connection.accepts).toBe(false);
  });

  test("an ID given up stays in quarantine until its late answer, which is dropped", () => {
    const scene = ready();
    const [given] = scene.send("a");
    scene.clock.turn();
    scene.connection.cancel(given!);
    expect(given!.carrier).toBeUndefined();
    scene.send(...Array.from({ length: 4000 }, (_, i) => `n${i}`));
    scene.clock.turn();
    const late = answerTo(scene.seen("a"));
    expect(scene.stream.messages.filter((query) => idOf(query) === idOf(late))).toHaveLength(1);
    scene.receive(late);
    expect(scene.diary).toEqual(["ready"]);
    // Once the late answer came, the same octets are unsolicited: the bound of 4 is counted from here.
    for (let i = 0; i < 4; i++) scene.receive(late);
    expect(scene.diary).toEqual(["ready"]);
    scene.receive(late);
    expect(scene.diary[1]).toStartWith("closed: closed: it sent 5 frames that answer nothing that was asked: n0,n1,");
  });
});

describe("frames that are no answer", () => {
  const wrong: [string, (query: Uint8Array) => Uint8Array][] = [
    ["QR is 0", (query) => answerTo(query, 0x0100)],
    ["another opcode", (query) => answerTo(query, 0xa180)],
    ["another ID", (query) => answerTo(query).map((octet, i) => (i === 0 ? octet ^ 1 : octet))],
    ["another name", (query) => response({ id: idOf(query), questions: [question("b.test")] })],
    ["a longer name", (query) => response({ id: idOf(query), questions: [question("aa.test")] })],
    ["another type", (query) => response({ id: idOf(query), questions: [question("a.test", 2)] })],
    ["another class", (query) => response({ id: idOf(query), questions: [question("a.test", 1, 3)] })],
    ["no question, NOERROR", (query) => response({ id: idOf(query), questions: [] })],
    [
      "no question, and records",
      (query) =>
        response({ id: idOf(query), flags: 0x8182, questions: [], additional: [[0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]] }),
    ],
    ["two questions", (query) => response({ id: idOf(query), questions: [question("a.test"), question("a.test")] })],
    ["the query itself", (query) => query],
  ];
  test.each(wrong)("%s: dropped, the answer still counts; after the bound the connection ends", (_what, wrongOf) => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    const query = scene.seen("a");
    for (let i = 0; i < 4; i++) scene.receive(wrongOf(query));
    expect(scene.diary).toEqual(["ready"]);
    scene.receive(answerTo(query));
    expect(scene.diary).toEqual(["ready", "answer a"]);
    scene.receive(wrongOf(query));
    expect(scene.diary.at(-1)).toStartWith("closed: closed: it sent 5 frames");
    expect(scene.stream.destroyed).toBe(true);
  });

  test("the case of the name may differ, and a bare error header is an answer", () => {
    const scene = ready();
    scene.send("abc", "b", "c");
    scene.clock.turn();
    scene.receive(response({ id: idOf(scene.seen("abc")), questions: [question("aBC.TEST")] }));
    scene.receive(response({ id: idOf(scene.seen("b")), flags: 0x8182, questions: [] }));
    scene.receive(response({ id: idOf(scene.seen("c")), flags: 0x8182, questions: [], additional: [opt()] }));
    expect(scene.diary).toEqual(["ready", "answer abc", "answer b", "answer c"]);
  });

  test("a duplicate answer is dropped", () => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    scene.receive(answerTo(scene.seen("a")), answerTo(scene.seen("a")));
    expect(scene.diary).toEqual(["ready", "answer a"]);
  });

  test.each([0, 1, 11])("a frame of %p octets ends the connection, and nothing behind it is read", (octets) => {
    const scene = ready();
    scene.send("a", "b");
    scene.clock.turn();
    scene.receive(answerTo(scene.seen("a")), new Array(octets).fill(0), answerTo(scene.seen("b")));
    const text = `closed: closed: it sent a frame of ${octets} octets, which is no DNS message: b`;
    expect(scene.diary).toEqual(["ready", "answer a", text]);
    expect(scene.stream.destroyed).toBe(true);
  });

  test("a malformed body fails the attempt, and its ID is not given out again", () => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    const query = scene.seen("a");
    const counted = answerTo(query);
    counted[7] = 1;
    scene.receive(counted);
    expect(scene.diary).toEqual(["ready", "malformed a"]);
    // A right one that follows is too late, and not unsolicited.
    for (let i = 0; i < 5; i++) scene.receive(answerTo(query));
    expect(scene.diary).toHaveLength(2);
  });
});

describe("how a connection ends", () => {
  test("idle: after its time, and no earlier; each query begins it anew", () => {
    const scene = ready();
    scene.clock.advance(7999);
    scene.send("a");
    scene.clock.advance(20_000);
    expect(scene.diary).toEqual(["ready"]); // something is in flight
    scene.receive(answerTo(scene.seen("a")));
    scene.clock.advance(7999);
    expect(scene.diary).toEqual(["ready", "answer a"]);
    scene.clock.advance(1);
    expect(scene.diary.at(-1)).toBe("closed: closed: idle: ");
    expect(scene.clock.timers).toBe(0);
  });

  test("a query between its send and its write keeps it from idling out", () => {
    const scene = ready();
    scene.clock.advance(7990);
    scene.send("a");
    // The idle timer comes due before the turn's end.
    const realTurn = scene.clock.turn;
    scene.clock.turn = () => {};
    scene.clock.advance(20);
    scene.clock.turn = realTurn;
    scene.clock.turn();
    expect(scene.diary).toEqual(["ready"]);
    expect(scene.stream.messages).toHaveLength(1);
  });

  test("a query given up before it was written leaves it idling", () => {
    const scene = ready();
    const [exchange] = scene.send("a");
    scene.connection.cancel(exchange!);
    scene.clock.turn();
    scene.clock.advance(8000);
    expect(scene.diary.at(-1)).toBe("closed: closed: idle: ");
  });

  test("retired: no more queries, those in flight are answered, then it ends", () => {
    const scene = ready();
    scene.send("a");
    scene.connection.retire();
    expect(scene.connection.accepts).toBe(false);
    scene.clock.turn();
    scene.receive(answerTo(scene.seen("a")));
    expect(scene.diary).toEqual(["ready", "answer a", "closed: closed: closed by fdns: "]);
    expect(scene.stream.destroyed).toBe(true);
  });

  test("by the server: the unanswered go back, once, and nothing follows", () => {
    const scene = ready();
    const [a, b] = scene.send("a", "b");
    scene.clock.turn();
    scene.receive(answerTo(scene.seen("a")));
    scene.stream.handler!.onEnd();
    scene.clock.turn();
    scene.stream.handler?.onOctets(frames(answerTo(scene.seen("b"))));
    expect(scene.diary).toEqual(["ready", "answer a", "closed: closed: it closed the connection: b"]);
    expect([a!.carrier, b!.carrier]).toEqual([undefined, undefined]);
    expect(scene.clock.timers).toBe(0);
  });

  test("by a reset", () => {
    const scene = ready();
    scene.stream.close(Object.assign(new Error("x"), { code: "ECONNRESET" }));
    scene.clock.turn();
    expect(scene.diary.at(-1)).toBe("closed: closed: connection reset: ");
  });

  test("octets of an unfinished frame are forgotten with it", () => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    scene.stream.receive(frames(answerTo(scene.seen("a"))).slice(0, 9));
    scene.stream.close();
    scene.clock.turn();
    expect(scene.diary.at(-1)).toBe("closed: closed: it closed the connection: a");
  });

  test("an answer that comes with something sent within its call is followed by that", () => {
    const scene = ready();
    scene.onResponse = () => void scene.send("b");
    scene.send("a");
    scene.clock.turn();
    scene.receive(answerTo(scene.seen("a")));
    expect(scene.stream.messages.map(labelOf)).toEqual(["a", "b"]);
  });
});
