import { describe, expect, test } from "bun:test";
import { ready } from "../support/fake-connection.ts";
import { frames, opt, question, response } from "../support/fake-messages.ts";
import { answerTo, idOf, labelOf } from "../support/fake-upstream.ts";

describe("frames that are no answer", () => {
  const wrong: [string, (query: Uint8Array) => Uint8Array][] = [
    ["QR is 0", (query) => answerTo(query, 0x0100)],
    ["another opcode", (query) => answerTo(query, 0xa180)],
    ["another name", (query) => response({ id: idOf(query), questions: [question("b.test")] })],
    ["a longer name", (query) => response({ id: idOf(query), questions: [question("aa.test")] })],
    ["another type", (query) => response({ id: idOf(query), questions: [question("a.test", 2)] })],
    ["another class", (query) => response({ id: idOf(query), questions: [question("a.test", 1, 3)] })],
    ["no question, NOERROR", (query) => response({ id: idOf(query), questions: [] })],
    ["the query itself", (query) => query],
  ];
  test.each(wrong)("%s: malformed at once; after the bound the connection ends", (_what, wrongOf) => {
    const scene = ready();
    scene.send("a", "b");
    scene.clock.turn();
    const query = scene.seen("a");
    scene.receive(wrongOf(query));
    expect(scene.diary).toEqual(["ready", "malformed a"]);
    // The right one is too late; one more with the same ID is nobody's. Others are answered meanwhile.
    scene.receive(answerTo(query));
    for (let i = 0; i < 3; i++) scene.receive(wrongOf(query));
    scene.receive(answerTo(scene.seen("b")));
    expect(scene.diary).toEqual(["ready", "malformed a", "answer b"]);
    scene.receive(wrongOf(query));
    expect(scene.diary.at(-1)).toStartWith("closed: closed: it sent 5 frames");
    expect(scene.stream.destroyed).toBe(true);
  });

  test("another ID: dropped, the answer still counts; after the bound the connection ends", () => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    const query = scene.seen("a");
    const stray = answerTo(query).map((octet, i) => (i === 0 ? octet ^ 1 : octet));
    for (let i = 0; i < 4; i++) scene.receive(stray);
    expect(scene.diary).toEqual(["ready"]);
    scene.receive(answerTo(query), stray);
    expect(scene.diary.slice(0, 2)).toEqual(["ready", "answer a"]);
    expect(scene.diary.at(-1)).toStartWith("closed: closed: it sent 5 frames");
  });

  test("wrong answers alone: each query fails at once, and the connection ends after the bound", () => {
    const scene = ready();
    for (let i = 0; i < 5; i++) {
      scene.send(`q${i}`);
      scene.clock.turn();
      scene.receive(response({ id: idOf(scene.seen(`q${i}`)), questions: [question("other.test")] }));
    }
    const malformed = Array.from({ length: 5 }, (_, i) => `malformed q${i}`);
    expect(scene.diary.slice(0, -1)).toEqual(["ready", ...malformed]);
    expect(scene.diary.at(-1)).toStartWith("closed: closed: it sent 5 frames");
  });

  test("the late answer to a query given up harms nobody, whatever it says", () => {
    const scene = ready();
    const [a] = scene.send("a", "b");
    scene.clock.turn();
    const query = scene.seen("a");
    scene.connection.cancel(a!);
    scene.receive(response({ id: idOf(query), questions: [question("other.test")] }), answerTo(scene.seen("b")));
    expect(scene.diary).toEqual(["ready", "answer b"]);
  });

  test("two questions are malformed", () => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    const questions = [question("a.test"), question("a.test")];
    scene.receive(response({ id: idOf(scene.seen("a")), questions }));
    expect(scene.diary).toEqual(["ready", "malformed a"]);
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

  test("records without a question fail the attempt: nothing says what they answer", () => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    const id = idOf(scene.seen("a"));
    scene.receive(response({ id, flags: 0x8182, questions: [], additional: [[0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]] }));
    expect(scene.diary).toEqual(["ready", "malformed a"]);
  });

  test("an answer cut short fails the attempt too: TLS has room for all of it", () => {
    const scene = ready();
    scene.send("a");
    scene.clock.turn();
    scene.receive(answerTo(scene.seen("a"), 0x8380));
    expect(scene.diary).toEqual(["ready", "malformed a"]);
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
