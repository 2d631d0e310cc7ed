import { describe, expect, test } from "bun:test";
import type { UpstreamAddress } from "../../src/config/config.ts";
import type { ServerLimits } from "../../src/upstream/dot-server.ts";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { type SetLimits, UpstreamSet } from "../../src/upstream/upstream-set.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  answerTo,
  connectionLimits,
  FakeExchange,
  FakeNetwork,
  identity,
  labelOf,
  setLimits,
} from "../support/fake-upstream.ts";

const QUERY_MS = 4000;

class Scene {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork(this.clock);
  readonly set: UpstreamSet;

  constructor(servers: UpstreamAddress[], server: Partial<ServerLimits> = {}, limits: Partial<SetLimits> = {}) {
    this.set = new UpstreamSet(servers, this.network.parts(server), { ...setLimits, ...limits });
  }

  ask(...labels: string[]): FakeExchange[] {
    const exchanges = labels.map((label) => {
      const exchange = new FakeExchange(label, this.clock.nowMs() + QUERY_MS);
      this.set.ask(exchange);
      return exchange;
    });
    this.clock.turn();
    return exchanges;
  }

  dial(n: number) {
    const dial = this.network.dials[n];
    if (dial === undefined) throw new Error(`there is no dial ${n}, only ${this.network.dials.length}`);
    return dial;
  }

  get hosts(): string[] {
    return this.network.dials.map(({ host }) => host);
  }
}

const one = (server?: Partial<ServerLimits>) => new Scene([identity("10.0.0.1")], server);
const two = (server?: Partial<ServerLimits>) => new Scene([identity("10.0.0.1"), identity("10.0.0.2")], server);
const told = (exchanges: FakeExchange[]) => exchanges.flatMap((exchange) => exchange.told);
const labels = (n: number) => Array.from({ length: n }, (_, i) => `n${i}`);

describe("one upstream", () => {
  test("is dialled with its own parameters, once for many queries", () => {
    const scene = new Scene([identity("10.0.0.1", { adn: "dns.test", port: 8853 })]);
    const asked = scene.ask("a", "b");
    expect(scene.network.dials).toHaveLength(1);
    const { options } = scene.dial(0);
    expect(options).toMatchObject({ address: { host: "10.0.0.1", port: 8853 }, adn: "dns.test", alpn: ["dot"] });
    scene.dial(0).secure().answerAll();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    expect(scene.set.inFlight).toBe(0);
  });

  test("a thousand queries to a refused port make one dial, and a thousand more none", () => {
    const scene = one();
    const asked = scene.ask(...labels(1000));
    scene.dial(0).fail("ECONNREFUSED");
    expect(told(asked)).toEqual(new Array(1000).fill("connect"));
    expect(told(scene.ask(...labels(1000)))).toEqual(new Array(1000).fill("connect"));
    expect(scene.network.dials).toHaveLength(1);
    expect(scene.network.log.told).toEqual(["warn upstream 10.0.0.1: connection refused"]);
    scene.clock.advance(1000);
    scene.ask("again");
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).secure().answerAll();
    expect(scene.network.log.told.at(-1)).toBe("info upstream 10.0.0.1: works again");
  });

  test("the same failure is told once, another one again", () => {
    const scene = one();
    for (const code of ["ECONNREFUSED", "ECONNREFUSED", "ECONNRESET"]) {
      scene.ask("a");
      scene.network.last.fail(code);
      scene.clock.advance(1000);
    }
    expect(scene.network.log.told).toHaveLength(2);
  });

  test("the next address is tried for those who wait, and the one that works is kept", () => {
    const scene = new Scene([identity("both", { addresses: ["10.0.0.1", "10.0.0.2", "10.0.0.3"] })]);
    const asked = scene.ask("a", "b");
    scene.dial(0).fail("ENETUNREACH");
    scene.clock.advance(2500);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    scene.dial(2).secure().answerAll();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    expect(scene.network.log.told).toEqual([]);
    scene.dial(2).close();
    scene.ask("c");
    expect(scene.hosts.at(-1)).toBe("10.0.0.3");
    scene.network.last.fail("ECONNREFUSED");
    expect(scene.hosts.at(-1)).toBe("10.0.0.1");
  });

  test("a connection that answered and closes: what was in flight is sent again on a new one", () => {
    const scene = one();
    const [first] = scene.ask("a");
    scene.dial(0).secure().answerAll();
    const asked = scene.ask("b", "c");
    scene.dial(0).close();
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).secure();
    expect(scene.dial(1).queries.map(labelOf)).toEqual(["b", "c"]);
    scene.dial(1).answerAll();
    expect(told([first!, ...asked])).toEqual(["answer 0", "answer 0", "answer 0"]);
    expect(scene.network.log.told).toEqual([]);
  });

  test("a fresh connection that closes without an answer is a failure", () => {
    const scene = one();
    const asked = scene.ask("a", "b");
    scene.dial(0).secure().close();
    expect(told(asked)).toEqual(["closed", "closed"]);
    expect(scene.network.log.told).toEqual(["warn upstream 10.0.0.1: it closed the connection"]);
  });

  test("an unused connection that closes is none", () => {
    const scene = one();
    scene.set.warm();
    scene.dial(0).secure().close();
    expect(scene.network.log.told).toEqual([]);
  });

  test("being sent again has a bound", () => {
    const scene = one();
    const [survivor, ...rest] = scene.ask("s", "a");
    for (let i = 0; i < 4; i++) {
      const dial = scene.network.last.secure();
      const query = dial.queries.find((octets) => labelOf(octets) !== "a")!;
      dial.send(answerTo(query));
      scene.ask(`next${i}`);
      dial.close();
    }
    expect(survivor!.told).toEqual(["answer 0"]);
    expect(told(rest)).toEqual(["closed"]);
  });

  test("more connections only when one is full, up to a bound; then queries fail at once", () => {
    const scene = one({ connection: { ...connectionLimits, maxTakenIds: 2 } });
    expect(told(scene.ask(...labels(5)))).toEqual(["overloaded"]);
    expect(scene.network.dials).toHaveLength(2);
    for (const dial of scene.network.dials) dial.secure().answerAll();
    expect(told(scene.ask("x"))).toEqual([]);
  });

  test("a ticket is used once, and the next connection's is used after it", () => {
    const scene = two();
    const next = () => {
      scene.ask("a");
      const { last } = scene.network;
      last.secure().answerAll();
      last.close();
      return last.options;
    };
    const first = next();
    expect(first.session).toBeUndefined();
    first.onSession(Uint8Array.of(1));
    const second = next();
    expect(second.session).toEqual(Uint8Array.of(1));
    expect(next().session).toBeUndefined();
    second.onSession(Uint8Array.of(2));
    second.onSession(Uint8Array.of(3));
    scene.ask("b");
    expect(scene.network.last.options.session).toEqual(Uint8Array.of(3));
    // Another server never sees it.
    scene.network.last.options.onSession(Uint8Array.of(4));
    scene.network.last.fail("ECONNREFUSED");
    expect(scene.network.last.host).toBe("10.0.0.2");
    expect(scene.network.last.options.session).toBeUndefined();
  });

  test("warm() dials once, and says what is wrong", () => {
    const scene = one();
    scene.set.warm();
    scene.set.warm();
    expect(scene.network.dials).toHaveLength(1);
    scene.dial(0).fail("CERT_HAS_EXPIRED");
    expect(scene.network.log.told).toEqual(["warn upstream 10.0.0.1: its certificate has expired"]);
  });
});

describe("time", () => {
  test("a query fails when its time is over, and its late answer is dropped", () => {
    const scene = one();
    const [asked] = scene.ask("a");
    scene.dial(0).secure();
    scene.clock.advance(3000);
    const [younger] = scene.ask("b");
    scene.dial(0).send(answerTo(scene.dial(0).queries[1]!));
    scene.clock.advance(999);
    expect(asked!.told).toEqual([]);
    scene.clock.advance(51);
    expect(asked!.told).toEqual(["timeout"]);
    scene.dial(0).answerAll();
    expect(told([asked!, younger!])).toEqual(["timeout", "answer 0"]);
    expect(scene.set.inFlight).toBe(0);
  });

  test("one name that is slow leaves the connection to the others", () => {
    const scene = one();
    scene.ask("slow");
    scene.dial(0).secure();
    for (let i = 0; i < 10; i++) {
      scene.clock.advance(500);
      const [asked] = scene.ask(`n${i}`);
      const { queries } = scene.dial(0);
      scene.dial(0).send(answerTo(queries.at(-1)!));
      expect(asked!.told).toEqual(["answer 0"]);
    }
    expect(scene.network.dials).toHaveLength(1);
    expect(scene.network.log.told).toEqual([]);
  });

  test("a connection on which nothing is heard is dead: the others are sent again on a new one", () => {
    const scene = one();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(10);
    const [lost] = scene.ask("lost");
    scene.clock.advance(2000);
    const [younger] = scene.ask("younger");
    scene.clock.advance(2050);
    expect(lost!.told).toEqual(["timeout"]);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).secure().answerAll();
    expect(younger!.told).toEqual(["answer 0"]);
  });

  test("what was in flight on a dead connection does not end the one dialled after it", () => {
    const scene = one();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(10);
    const asked: FakeExchange[] = [];
    // Fifty a second, into the void; the new connection needs 300 ms for its handshake.
    for (let i = 0; i < 203; i++) {
      asked.push(...scene.ask(`n${i}`));
      scene.clock.advance(20);
    }
    expect(scene.network.dials).toHaveLength(2);
    for (let i = 0; i < 15; i++) {
      scene.ask(`m${i}`);
      scene.clock.advance(20);
    }
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).secure().answerAll();
    const answers = told(asked).filter((what) => what === "answer 0");
    expect(answers.length).toBeGreaterThan(180);
    expect(scene.set.inFlight).toBe(0);
  });

  test("a burst into a dead connection fails with one more dial and not one each", () => {
    const scene = one();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(5);
    const asked = scene.ask(...labels(500));
    scene.clock.advance(4100);
    expect(told(asked)).toEqual(new Array(500).fill("timeout"));
    expect(scene.network.dials).toHaveLength(2);
  });

  test("with another upstream left, an attempt is shorter", () => {
    const scene = two();
    const [asked] = scene.ask("a");
    scene.dial(0).secure();
    scene.clock.advance(1499);
    expect(scene.hosts).toEqual(["10.0.0.1"]);
    scene.clock.advance(51);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    scene.dial(1).secure();
    scene.clock.advance(2440);
    expect(asked!.told).toEqual([]);
    scene.dial(1).answerAll();
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test("no timer runs when nothing is in flight but the connection's own", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(100);
    expect(scene.clock.timers).toBe(1);
    scene.clock.advance(8000);
    expect(scene.clock.timers).toBe(0);
  });
});

describe("more than one upstream", () => {
  test("the first is preferred; the next takes over when it fails, and a query fails when all have", () => {
    const scene = two();
    const [asked] = scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    scene.dial(1).fail("CERT_HAS_EXPIRED");
    expect(asked!.told).toEqual(["authentication"]);
  });

  test.each([
    ["SERVFAIL", 0x8182, "answer 0"],
    ["REFUSED", 0x8185, "answer 0"],
    ["NXDOMAIN", 0x8183, "answer 3"],
    ["FORMERR", 0x8181, "answer 0"],
    ["NOTIMP", 0x8184, "answer 0"],
  ])("%s of the first", (_name, flags, becomes) => {
    const scene = two();
    const [asked] = scene.ask("a");
    scene.dial(0).secure().answerAll(flags);
    if (becomes === "answer 0") scene.dial(1).secure().answerAll();
    expect(asked!.told).toEqual([becomes]);
  });

  test("SERVFAIL and REFUSED of the last are answers; a complaint about fdns' query is a failure", () => {
    for (const [flags, becomes] of [
      [0x8182, "answer 2"],
      [0x8185, "answer 5"],
      [0x8181, "malformed"],
    ] as const) {
      const scene = one();
      const [asked] = scene.ask("a");
      scene.dial(0).secure().answerAll(flags);
      expect(asked!.told).toEqual([becomes]);
    }
  });

  test("a malformed answer: the next is asked", () => {
    const scene = two();
    const [asked] = scene.ask("a");
    const { queries } = scene.dial(0).secure();
    scene.dial(0).send(answerTo(queries[0]!).map((octet, i) => (i === 7 ? 1 : octet)));
    scene.dial(1).secure().answerAll();
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test("a failing one is passed over, probed after its back-off, and preferred again when the probe is answered", () => {
    const scene = two();
    scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure().answerAll();
    scene.clock.advance(999);
    scene.ask("b");
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    scene.clock.advance(1);
    scene.ask("c", "d");
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    // The clients' queries are not at stake.
    expect(scene.dial(1).queries.map(labelOf)).toEqual(["a", "b", "c", "d"]);
    scene.dial(2).secure();
    expect(scene.dial(2).queries.map((query) => [...query.subarray(12, 17)])).toEqual([[0, 0, 2, 0, 1]]);
    scene.dial(2).answerAll();
    expect(scene.network.log.told.at(-1)).toBe("info upstream 10.0.0.1: works again");
    const asked = scene.ask("e");
    expect(scene.dial(2).queries).toHaveLength(2);
    scene.dial(2).answerAll();
    expect(told(asked)).toEqual(["answer 0"]);
  });

  test("the back-off doubles with each failed probe, up to its bound", () => {
    const scene = two({ maxBackOffMs: 5000 });
    scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure().answerAll();
    const probesMs: number[] = [];
    const startMs = scene.clock.nowMs();
    for (let i = 0; i < 220; i++) {
      scene.clock.advance(100);
      scene.ask(`n${i}`);
      scene.dial(1).answerAll();
      if (scene.network.last.host === "10.0.0.1" && !scene.network.last.stream.closed) {
        probesMs.push(scene.clock.nowMs() - startMs);
        scene.network.last.fail("ECONNREFUSED");
      }
    }
    expect(probesMs).toEqual([1000, 3000, 7000, 12_000, 17_000, 22_000]);
  });

  test("a probe that nobody answers is a failure too, and the next is made on a new connection", () => {
    const scene = two();
    scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure().answerAll();
    for (let i = 0; i < 110; i++) {
      scene.clock.advance(100);
      scene.ask(`n${i}`);
      scene.dial(1).answerAll();
      if (scene.network.last.host === "10.0.0.1") scene.network.last.secure();
    }
    const probes = scene.network.dials.filter(({ host }) => host === "10.0.0.1").slice(1);
    expect(probes.map(({ queries }) => queries.length)).toEqual([1, 1, 1]);
    expect(probes.map(({ stream }) => stream.destroyed)).toEqual([true, true, false]);
  });

  test("a dead connection: what was in flight goes to the healthy one", () => {
    const scene = two();
    scene.ask("first");
    scene.dial(0).secure().answerAll();
    scene.clock.advance(5);
    const asked = scene.ask("a");
    scene.clock.advance(1000);
    asked.push(...scene.ask("b"));
    scene.clock.advance(600);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    scene.dial(1).secure().answerAll();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
  });
});

describe("an upstream given by name", () => {
  const named = () => new Scene([identity("dns.test", { addresses: [], hostName: "dns.test", adn: "dns.test" })]);

  test("is looked up once for all who wait, then dialled", () => {
    const scene = named();
    const asked = scene.ask("a", "b");
    expect(scene.network.lookUps).toHaveLength(1);
    expect(scene.network.lookUps[0]!.hostName).toBe("dns.test");
    scene.network.lookUps[0]!.done(["10.0.0.7"]);
    scene.network.last.secure().answerAll();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    scene.ask("c");
    expect(scene.network.lookUps).toHaveLength(1);
  });

  test("a failed look-up fails who waits, and is not repeated for a moment", () => {
    const scene = named();
    const asked = scene.ask("a", "b");
    scene.network.lookUps[0]!.done(new UpstreamError("unresolved", "its name is unknown"));
    asked.push(...scene.ask("c"));
    expect(told(asked)).toEqual(["unresolved", "unresolved", "unresolved"]);
    expect(scene.network.lookUps).toHaveLength(1);
    scene.clock.advance(1000);
    scene.ask("d");
    expect(scene.network.lookUps).toHaveLength(2);
  });

  test("is looked up again when every address failed", () => {
    const scene = named();
    scene.ask("a");
    scene.network.lookUps[0]!.done(["10.0.0.7", "10.0.0.8"]);
    scene.network.last.fail("ECONNREFUSED");
    scene.network.last.fail("ECONNREFUSED");
    scene.clock.advance(1000);
    const asked = scene.ask("b");
    expect(scene.network.lookUps).toHaveLength(2);
    scene.network.lookUps[1]!.done(["10.0.0.9"]);
    scene.network.last.secure().answerAll();
    expect(scene.hosts).toEqual(["10.0.0.7", "10.0.0.8", "10.0.0.9"]);
    expect(told(asked)).toEqual(["answer 0"]);
  });

  test("a query whose time is over while it waits is not sent", () => {
    const scene = named();
    const asked = scene.ask("a");
    scene.clock.advance(4050);
    expect(told(asked)).toEqual(["timeout"]);
    scene.network.lookUps[0]!.done(["10.0.0.7"]);
    expect(scene.network.last.secure().queries).toEqual([]);
  });

  test("failing and named, it is probed once its look-up is done", () => {
    const scene = new Scene([identity("dns.test", { addresses: [], hostName: "dns.test" }), identity("10.0.0.2")]);
    scene.ask("a");
    scene.network.lookUps[0]!.done(new UpstreamError("unresolved", "its name is unknown"));
    scene.network.last.secure().answerAll();
    scene.clock.advance(1000);
    scene.ask("b");
    scene.clock.advance(20);
    scene.network.lookUps[1]!.done(["10.0.0.7"]);
    expect(scene.network.last.host).toBe("10.0.0.7");
    scene.network.last.secure().answerAll();
    expect(scene.network.log.told.at(-1)).toBe("info upstream dns.test: works again");
  });
});

describe("stop()", () => {
  test("waits for what is in flight, then ends every connection and says nothing", async () => {
    const scene = two();
    const asked = scene.ask("a", "b");
    scene.dial(0).secure();
    let stopped = false;
    const stopping = scene.set.stop(3000).then(() => {
      stopped = true;
    });
    scene.dial(0).send(answerTo(scene.dial(0).queries[0]!));
    await Promise.resolve();
    expect(stopped).toBe(false);
    scene.dial(0).send(answerTo(scene.dial(0).queries[1]!));
    await stopping;
    scene.clock.turn();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    scene.clock.advance(100);
    expect(scene.clock.timers).toBe(0);
    expect(scene.network.log.told).toEqual([]);
  });

  test("waits no longer than its bound, and who is left is told once", async () => {
    const scene = one();
    const asked = scene.ask("a", "b");
    const stopping = scene.set.stop(3000);
    scene.clock.advance(2999);
    expect(told(asked)).toEqual(["connect", "connect"].slice(0, told(asked).length));
    scene.clock.advance(1);
    await stopping;
    expect(asked.every((exchange) => exchange.told.length === 1)).toBe(true);
  });

  test("in the middle of everything: a look-up, a dial, a probe", async () => {
    const scene = new Scene([
      identity("10.0.0.1"),
      identity("10.0.0.2"),
      identity("dns.test", { addresses: [], hostName: "dns.test" }),
    ]);
    scene.set.warm();
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure();
    scene.clock.advance(1000);
    const asked = scene.ask("a");
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]); // the last is a probe
    const lines = scene.network.log.told.length;
    const stopping = scene.set.stop(500);
    scene.clock.advance(500);
    await stopping;
    expect(told(asked)).toEqual(["stopping"]);
    scene.network.lookUps[0]!.done(["10.0.0.9"]);
    scene.clock.advance(100_000);
    expect(scene.network.dials).toHaveLength(3);
    expect(scene.network.dials.every(({ stream }) => stream.closed)).toBe(true);
    expect(scene.network.log.told).toHaveLength(lines);
    expect(scene.clock.timers).toBe(0);
  });

  test("with nothing in flight it ends at once", async () => {
    const scene = one();
    scene.set.warm();
    await scene.set.stop(3000);
    expect(scene.dial(0).stream.destroyed).toBe(true);
  });
});
