import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ready, Scene } from "../support/fake-connection.ts";
import { frames } from "../support/fake-messages.ts";
import { answerTo, idOf, labelOf } from "../support/fake-upstream.ts";

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
    [
      "ERR_SSL_WRONG_VERSION_NUMBER",
      "authentication: the TLS handshake failed: wrong version number (ERR_SSL_WRONG_VERSION_NUMBER)",
    ],
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
  test("where few are in flight, those sent together do not wait for the end of the turn", () => {
    const scene = ready();
    scene.send("a", "b");
    expect(scene.stream.writes).toHaveLength(0);
    scene.clock.task();
    expect(scene.stream.writes).toHaveLength(1);
    scene.send("c", "d", "e", "f");
    scene.clock.task();
    expect(scene.stream.writes).toHaveLength(2);
    scene.send("g");
    scene.clock.task();
    expect(scene.stream.writes).toHaveLength(2);
    scene.clock.turn();
    expect(scene.stream.messages.map(labelOf)).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
  });

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
