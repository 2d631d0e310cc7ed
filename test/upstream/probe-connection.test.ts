import { beforeEach, expect, test } from "bun:test";
import { type ProbeAnswer, ProbeConnection } from "../../src/upstream/examine/probe-connection.ts";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { question } from "../support/fake-messages.ts";
import { fakeRandom } from "../support/fake-random.ts";
import { answerTo, connectionLimits, FakeDial, labelOf } from "../support/fake-upstream.ts";

const ANSWER_BOUND_MS = 1500;
const KEPT_MS = 60_000;

let clock: FakeClock;
let dial: FakeDial;
let connection: ProbeConnection;
/** What became of each question, in the order in which it did: "a 5 ms", "b timeout". */
let told: string[];

beforeEach(() => {
  clock = new FakeClock();
  told = [];
  connection = new ProbeConnection(
    { adn: "dot.test", spkiPins: [] },
    { host: "192.0.2.1", port: 853 },
    {
      clock,
      random: fakeRandom(5),
      trust: { pem: [], context: undefined },
      limits: connectionLimits,
      answerBoundMs: ANSWER_BOUND_MS,
      dialTls: (options) => {
        dial = new FakeDial(clock, options);
        return dial.stream;
      },
    },
    KEPT_MS,
    Uint8Array.of(7),
  );
});

function ask(...labels: string[]): void {
  for (const label of labels) {
    const octets = Uint8Array.from(question(`${label}.test`));
    connection.ask({ octets, dnssecOk: false, checkingDisabled: false }).then(
      ({ tookMs }: ProbeAnswer) => told.push(`${label} ${tookMs} ms`),
      (error: UpstreamError) => told.push(`${label} ${error.code}`),
    );
  }
  clock.turn();
}

/** The latest query for this label, answered. */
function answer(label: string): void {
  dial.send(answerTo(dial.queries.findLast((query) => labelOf(query) === label)!));
}

async function settled(): Promise<readonly string[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return told;
}

test("the session given is used, and the name is checked as the forwarder does", () => {
  expect(dial.options).toMatchObject({ adn: "dot.test", alpn: ["dot"], session: Uint8Array.of(7) });
  const leaf = { raw: new Uint8Array(1), subjectAltName: "IP Address:192.0.2.1", notAfterMs: 5 };
  expect(dial.options.checkLeaf(leaf)).toBeInstanceOf(Error);
});

test("questions of one turn leave in one write; answers are told as they come, with their time", async () => {
  dial.secure();
  ask("a", "b");
  expect(dial.stream.writes).toHaveLength(1);
  expect(dial.queries.map(labelOf)).toEqual(["a", "b"]);
  clock.advance(5);
  answer("b");
  clock.advance(4);
  answer("a");
  expect(await settled()).toEqual(["b 5 ms", "a 9 ms"]);
});

test("the handshake's time is not the answer's", async () => {
  ask("a");
  clock.advance(300);
  dial.secure();
  clock.advance(7);
  answer("a");
  expect(await settled()).toEqual(["a 7 ms"]);
});

test("an answer that does not come fails by itself; a late one is dropped", async () => {
  dial.secure();
  ask("a");
  clock.advance(ANSWER_BOUND_MS);
  ask("b");
  answer("a");
  answer("b");
  expect(await settled()).toEqual(["a timeout", "b 0 ms"]);
  expect(connection.failure).toBeUndefined();
});

test("without a connection every question fails with its reason, those that come later too", async () => {
  ask("a", "b");
  dial.fail("ECONNREFUSED");
  ask("c");
  expect(await settled()).toEqual(["a connect", "b connect", "c connect"]);
  expect(connection.failure?.message).toBe("connection refused");
  expect(clock.timers).toBe(0);
});

test("how long it was idle, from the last answer to the server's end", async () => {
  dial.secure();
  ask("a");
  clock.advance(5);
  answer("a");
  let over = false;
  void connection.ended(30_000).then(() => {
    over = true;
  });
  clock.advance(12_000);
  await settled();
  expect([over, connection.idleMs]).toEqual([false, 12_000]);
  dial.close();
  await settled();
  clock.advance(9000);
  expect([over, connection.idleMs]).toEqual([true, 12_000]);
  expect(connection.failure).toBeInstanceOf(UpstreamError);
  expect(clock.timers).toBe(0);
});

test("a server that never ends it is watched no longer than asked for; then we do", async () => {
  dial.secure();
  ask("a");
  answer("a");
  const ended = connection.ended(30_000);
  clock.advance(30_000);
  await ended;
  expect([connection.failure, connection.idleMs]).toEqual([undefined, 30_000]);
  connection.end();
  expect(dial.stream.destroyed).toBe(true);
  await connection.ended(1000);
  expect(clock.timers).toBe(0);
});
