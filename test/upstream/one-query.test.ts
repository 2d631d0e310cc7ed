import { describe, expect, test } from "bun:test";
import { askOnce, type OneAnswer } from "../../src/upstream/examine/one-query.ts";
import type { UpstreamError } from "../../src/upstream/exchange.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { question } from "../support/fake-messages.ts";
import { fakeRandom } from "../support/fake-random.ts";
import { answerTo, connectionLimits, FakeDial } from "../support/fake-upstream.ts";

const address = { host: "192.0.2.1", port: 853 };
const leaf = { raw: new Uint8Array(1), subjectAltName: "DNS:dot.test", notAfterMs: 5 };

/** One question under way, and what became of it. */
class Scene {
  readonly clock = new FakeClock();
  readonly dial: FakeDial;
  outcome: OneAnswer | UpstreamError | undefined;
  readonly #dials: FakeDial[] = [];

  constructor(
    ticket: Parameters<typeof askOnce>[4] = {},
    options: { dnssecOk?: boolean; checkingDisabled?: boolean; adn?: string | undefined } = {},
  ) {
    const { dnssecOk = false, checkingDisabled = false } = options;
    const adn = "adn" in options ? options.adn : "dot.test";
    const asked = { octets: Uint8Array.from(question("a.test")), dnssecOk, checkingDisabled };
    askOnce(
      { adn, spkiPins: [] },
      address,
      asked,
      {
        clock: this.clock,
        random: fakeRandom(5),
        trust: { pem: [], context: undefined },
        limits: connectionLimits,
        answerBoundMs: 4000,
        dialTls: (dialled) => {
          this.#dials.push(new FakeDial(this.clock, dialled));
          return this.#dials[0]!.stream;
        },
      },
      ticket,
    ).then(
      (answer) => {
        this.outcome = answer;
      },
      (error) => {
        this.outcome = error;
      },
    );
    this.dial = this.#dials[0]!;
  }

  /** TCP after 10 ms, TLS after 20 more. */
  connect(): this {
    this.clock.advance(10);
    this.dial.options.onConnect!();
    this.clock.advance(20);
    this.dial.options.checkLeaf(leaf);
    this.dial.options.onChain!([leaf.raw]);
    this.dial.secure();
    return this;
  }

  /** The answer, 5 ms later. */
  answer(): this {
    this.clock.advance(5);
    const octets = answerTo(this.dial.queries[0]!);
    this.dial.stream.receive(Uint8Array.from([octets.length >> 8, octets.length & 255, ...octets, 0]));
    return this;
  }

  async settled(): Promise<OneAnswer | UpstreamError | undefined> {
    this.clock.turn();
    await Promise.resolve();
    await Promise.resolve();
    return this.outcome;
  }
}

describe("an answer", () => {
  test("comes with who gave it, and how long each step took", async () => {
    const scene = new Scene().connect().answer();
    const sent = scene.dial.queries[0]!;
    expect(await scene.settled()).toEqual({
      message: Uint8Array.from(answerTo(sent)),
      address,
      tls: { protocol: "TLSv1.3", cipher: "any", alpn: "dot", resumed: false },
      leaf,
      chain: [leaf.raw],
      session: undefined,
      connectMs: 10,
      handshakeMs: 20,
      answerMs: 5,
    });
    expect(scene.dial.stream.destroyed).toBe(true);
    expect(scene.clock.timers).toBe(0);
  });

  test("nothing is written before the server has proved who it is", () => {
    const scene = new Scene();
    scene.clock.advance(100);
    expect(scene.dial.stream.writes).toHaveLength(0);
    expect(scene.dial.options).toMatchObject({ address, adn: "dot.test", alpn: ["dot"], session: undefined });
    expect(scene.dial.options.checkLeaf({ ...leaf, subjectAltName: "IP Address:192.0.2.1" })).toBeInstanceOf(Error);
  });

  test("the query asks for AD, and for DO and CD when told to", () => {
    const plain = new Scene().connect().dial.queries[0]!;
    expect([plain[2], plain[3]]).toEqual([0x01, 0x20]);
    const all = new Scene({}, { dnssecOk: true, checkingDisabled: true }).connect().dial.queries[0]!;
    expect([all[2], all[3]]).toEqual([0x01, 0x30]);
    // DO is the first bit of the OPT's flags, 7 octets behind its root name.
    expect(all[12 + question("a.test").length + 7]).toBe(0x80);
  });
});

describe("a ticket", () => {
  const ticket = Uint8Array.of(1, 2, 3);

  test("that came is handed back, and one is used", async () => {
    const scene = new Scene({ use: ticket }).connect();
    expect(scene.dial.options.session).toBe(ticket);
    scene.dial.options.onSession(Uint8Array.of(4));
    expect(await scene.answer().settled()).toMatchObject({ session: Uint8Array.of(4) });
  });

  test("is waited for when it is wanted", async () => {
    const scene = new Scene({ await: true }).connect().answer();
    expect(await scene.settled()).toBeUndefined();
    scene.clock.advance(100);
    scene.dial.options.onSession(ticket);
    expect(await scene.settled()).toMatchObject({ session: ticket, answerMs: 5 });
    expect(scene.clock.timers).toBe(0);
  });

  test("is not waited for without end", async () => {
    const scene = new Scene({ await: true }).connect().answer();
    scene.clock.advance(250);
    expect(await scene.settled()).toMatchObject({ session: undefined });
  });
});

describe("a failure", () => {
  test.each([
    ["ECONNREFUSED", "connect", "connection refused"],
    ["CERT_HAS_EXPIRED", "authentication", "its certificate has expired"],
  ] as const)("%s", async (code, kind, message) => {
    const scene = new Scene();
    scene.dial.fail(code);
    expect(await scene.settled()).toMatchObject({ code: kind, message });
    expect(scene.clock.timers).toBe(0);
  });

  test("no answer in time", async () => {
    const scene = new Scene().connect();
    scene.clock.advance(4000);
    expect(await scene.settled()).toMatchObject({ code: "timeout", message: "no answer within 4000 ms" });
    expect(scene.dial.stream.destroyed).toBe(true);
  });

  test("the connection ends before the answer", async () => {
    const scene = new Scene().connect();
    scene.dial.close();
    expect(await scene.settled()).toMatchObject({ code: "closed", message: "it closed the connection" });
  });

  test("an answer that is malformed", async () => {
    const scene = new Scene().connect();
    const octets = answerTo(scene.dial.queries[0]!);
    octets[7] = 9; // nine records, which are not there
    scene.dial.stream.receive(Uint8Array.from([0, octets.length, ...octets]));
    expect(await scene.settled()).toMatchObject({ code: "malformed" });
    expect(scene.clock.timers).toBe(0);
  });
});
