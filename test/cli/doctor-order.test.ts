import { expect, test } from "bun:test";
import { orderFacts } from "../../src/cli/doctor/probe.ts";
import { ROOT_SERVERS } from "../../src/cli/doctor/questions.ts";
import type { QuestionToAsk } from "../../src/upstream/examine/one-query.ts";
import type { ProbeAnswer } from "../../src/upstream/examine/probe-connection.ts";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { fakeRandom } from "../support/fake-random.ts";

interface Server {
  /** How long it takes for a new name, in turn, and for a known one. */
  readonly freshMs: readonly number[];
  readonly knownMs: number;
  readonly inOrder: boolean;
  /** Fails from this question on. */
  readonly failsAt?: number;
}

/** Settles promises in the order in which the server would answer; resolves to the verdict and the names asked. */
async function judged({ freshMs, knownMs, inOrder, failsAt = Number.POSITIVE_INFINITY }: Server) {
  const clock = new FakeClock();
  const asked: QuestionToAsk[] = [];
  let fresh = 0;
  let freeMs = 0;
  const ask = (question: QuestionToAsk): Promise<ProbeAnswer> => {
    if (asked.push(question) >= failsAt) return Promise.reject(new UpstreamError("closed", "it closed the connection"));
    const ownMs = question === ROOT_SERVERS ? knownMs : freshMs[fresh++]!;
    const askedMs = clock.nowMs();
    const dueMs = Math.max(inOrder ? freeMs : 0, askedMs + ownMs);
    freeMs = dueMs;
    return new Promise((resolve) => {
      clock.after(dueMs - askedMs, () => resolve({ message: new Uint8Array(12), tookMs: dueMs - askedMs }));
    });
  };
  let facts: Awaited<ReturnType<typeof orderFacts>> | undefined;
  void orderFacts({ ask }, { clock, random: fakeRandom(3), answerBoundMs: 1500 }).then((found) => {
    facts = found;
  });
  while (facts === undefined) {
    clock.advance(1);
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  }
  return { ...facts, asked: asked.length };
}

test("a known name that overtakes a new one settles it at once", async () => {
  expect(await judged({ freshMs: [80], knownMs: 10, inOrder: false })).toEqual({
    outOfOrder: "yes",
    reason: undefined,
    asked: 3,
  });
  // Even in the last pair.
  const late = await judged({ freshMs: [5, 5, 5, 80], knownMs: 10, inOrder: false });
  expect(late).toMatchObject({ outOfOrder: "yes", asked: 9 });
});

test("known names that come behind slow ones are in order", async () => {
  const slow = { freshMs: [80, 5, 80, 80], knownMs: 10, inOrder: true };
  expect(await judged(slow)).toEqual({ outOfOrder: "no", reason: undefined, asked: 9 });
});

test("new names that were not slow tell nothing, nor does one that was", async () => {
  const reason = "it answered new names as quickly as known ones";
  const unknown = { outOfOrder: "unknown", reason, asked: 9 } as const;
  expect(await judged({ freshMs: [10, 10, 10, 40], knownMs: 10, inOrder: true })).toEqual(unknown);
  expect(await judged({ freshMs: [10, 10, 10, 80], knownMs: 10, inOrder: true })).toEqual(unknown);
});

test("there is no new pair after the bound", async () => {
  expect(await judged({ freshMs: [1400, 1400], knownMs: 10, inOrder: true })).toMatchObject({
    outOfOrder: "no",
    asked: 5,
  });
});

test("a connection that ends tells why nothing can be told", async () => {
  expect(await judged({ freshMs: [10], knownMs: 10, inOrder: true, failsAt: 2 })).toMatchObject({
    outOfOrder: "unknown",
    reason: "it closed the connection",
  });
});
