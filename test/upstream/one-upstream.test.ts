import { describe, expect, test } from "bun:test";
import { connectionLimits, identity, labelOf } from "../support/fake-upstream.ts";
import { labels, one, Scene, told, two } from "../support/fake-upstream-group.ts";

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

  test("is at rest while nothing is open, asked or known to fail", () => {
    const scene = one();
    expect(scene.set.isAtRest).toBe(true);
    scene.ask("a");
    expect(scene.set.isAtRest).toBe(false);
    scene.dial(0).secure().answerAll();
    expect(scene.set.isAtRest).toBe(false);
    scene.dial(0).close();
    expect(scene.set.isAtRest).toBe(true);
    scene.ask("b");
    scene.network.last.fail("EHOSTUNREACH");
    expect(scene.set.inFlight).toBe(0);
    expect(scene.set.isAtRest).toBe(false);
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
    scene.clock.advance(250); // RFC 8305, 5
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    scene.dial(2).secure().answerAll();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    expect(scene.network.log.told).toEqual([]);
    scene.dial(2).close();
    scene.ask("c");
    expect(scene.hosts.at(-1)).toBe("10.0.0.3");
    // What failed before comes last; the second was merely slower.
    scene.network.last.fail("ECONNREFUSED");
    expect(scene.hosts.at(-1)).toBe("10.0.0.2");
    scene.network.last.fail("ECONNREFUSED");
    expect(scene.hosts.at(-1)).toBe("10.0.0.1");
  });

  test("when every address failed, all are tried again later", () => {
    const scene = new Scene([identity("both", { addresses: ["10.0.0.1", "10.0.0.2"] })]);
    for (let round = 0; round < 3; round++) {
      scene.ask("a");
      scene.network.last.fail("ECONNREFUSED");
      scene.network.last.fail("ECONNREFUSED");
      scene.clock.advance(1000);
    }
    expect(scene.hosts).toEqual(new Array(3).fill(["10.0.0.1", "10.0.0.2"]).flat());
  });

  test("its certificate is checked for its own name and pins", () => {
    const scene = new Scene([identity("10.0.0.1", { adn: "dns.test" })]);
    scene.set.warm();
    const { checkLeaf } = scene.dial(0).options;
    const raw = new Uint8Array(0);
    expect(checkLeaf({ raw, subjectAltName: undefined, notAfterMs: 0 })?.message).toContain("not for dns.test");
    expect(checkLeaf({ raw, subjectAltName: "DNS:dns.test", notAfterMs: 0 })).toBeUndefined();
    const pinned = new Scene([identity("10.0.0.1", { spkiPins: [new Uint8Array(32)] })]);
    pinned.set.warm();
    expect(pinned.dial(0).options.checkLeaf({ raw, subjectAltName: "", notAfterMs: 0 })).toBeInstanceOf(Error);
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

  test("fresh connections that close without an answer: a failure once our own question fared alike, others wait", () => {
    const scene = one();
    const asked = scene.ask("a", "b");
    scene.dial(0).secure().close();
    expect([told(asked), scene.network.log.told]).toEqual([[], []]);
    scene.clock.advance(60);
    const own = scene.network.dials.slice(1).find((dial) => dial.secure().queries.map(labelOf).join() === "");
    own!.close();
    expect(scene.network.log.told).toEqual(["warn upstream 10.0.0.1: it closed the connection"]);
    expect(told(asked)).toEqual([]);
    for (let i = 0; i < 30; i++) {
      scene.clock.advance(100);
      for (const dial of scene.network.dials.filter(({ stream }) => !stream.closed)) {
        if (i < 10) dial.secure().close();
        else dial.secure().answerAll();
      }
    }
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    expect(scene.network.dials.length).toBeLessThan(15);
    expect(scene.network.log.told.at(-1)).toBe("info upstream 10.0.0.1: works again");
  });

  test("that resets every connection: queries fail when their time is over, and at once when it has lasted", () => {
    const scene = one();
    const asked = scene.ask("a");
    for (let ms = 0; ms < 4400; ms += 20) {
      for (const dial of scene.network.dials) if (!dial.stream.closed) dial.secure().fail("ECONNRESET");
      scene.clock.advance(20);
    }
    expect(told(asked)).toEqual(["closed"]);
    expect(scene.network.dials.length).toBeLessThan(20);
    expect(told(scene.ask("b", "c", "d"))).toEqual(["closed", "closed", "closed"]);
  });

  test("an unused connection that closes is none", () => {
    const scene = one();
    scene.set.warm();
    scene.dial(0).secure().close();
    expect(scene.network.log.told).toEqual([]);
  });

  test("another connection when one is nearly full, up to a bound; who finds no room waits for it", () => {
    const scene = one({ connection: { ...connectionLimits, maxTakenIds: 2 } });
    const asked = scene.ask(...labels(5));
    expect(scene.network.dials).toHaveLength(1); // one at a time
    scene.dial(0).secure();
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).secure();
    expect(scene.network.dials.map(({ queries }) => queries.length)).toEqual([2, 2]);
    expect(told(asked)).toEqual([]);
    scene.dial(1).answerAll();
    expect(scene.dial(1).queries.map(labelOf)).toEqual(["n2", "n3", "n4"]);
    for (const dial of scene.network.dials) dial.answerAll();
    expect(told(asked)).toEqual(new Array(5).fill("answer 0"));
    expect(scene.network.dials).toHaveLength(2);
  });

  test("beyond the bound of who waits, a query fails at once", () => {
    const scene = one({ connection: { ...connectionLimits, maxTakenIds: 2 }, maxWaiting: 3, maxConnections: 1 });
    const asked = scene.ask(...labels(7));
    expect(asked.map(({ told }) => told.join())).toEqual(["", "", "", "", "", "overloaded", "overloaded"]);
    expect(scene.set.members[0]!.inFlight).toBe(5);
    scene.dial(0).secure();
    for (let i = 0; i < 3; i++) scene.dial(0).answerAll();
    expect(told(asked)).toEqual([...new Array(5).fill("answer 0"), "overloaded", "overloaded"]);
    expect(scene.set.members[0]!.healthy).toBe(true);
  });

  test("a server that refuses a second connection is not failing, and is asked for one once a second", () => {
    const scene = one({ connection: { ...connectionLimits, maxTakenIds: 2 } });
    const asked = scene.ask("a", "b");
    scene.dial(0).secure();
    asked.push(...scene.ask(...labels(20)));
    expect(scene.network.dials).toHaveLength(2);
    scene.dial(1).fail("ECONNREFUSED");
    asked.push(...scene.ask("c"));
    for (let i = 0; i < 12; i++) scene.dial(0).answerAll();
    expect(told(asked)).toEqual(new Array(23).fill("answer 0"));
    expect(scene.network.dials).toHaveLength(2);
    expect([scene.set.members[0]!.healthy, scene.network.log.told]).toEqual([true, []]);
    scene.clock.advance(1000);
    scene.ask("d", "e");
    expect(scene.network.dials).toHaveLength(3);
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
