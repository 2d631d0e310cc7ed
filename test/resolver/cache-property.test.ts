/** The resolver with its cache against a naive model: the same for every client, whatever is asked and whatever fails. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { CacheModel, type ModelAnswer, type ModelFailure, type ModelReply, RULES } from "../support/cache-model.ts";
import { CacheScene, type Client, positive } from "../support/cache-scene.ts";
import { type MessageParts, opt, option } from "../support/fake-messages.ts";
import { soa } from "../support/timed-records.ts";

const names = ["test", "x.test", "y.x.test", "z.y.x.test", "Z.Y.X.TEST", "xtest"] as const;

type Step =
  | { readonly do: "ask"; readonly name: string; readonly dnssecOk: boolean; readonly cd: boolean }
  | { readonly do: "answer"; readonly which: number; readonly answer: ModelAnswer }
  | { readonly do: "fail"; readonly which: number; readonly code: ModelFailure }
  | { readonly do: "wait"; readonly ms: number };

/** Small lives, so that ends, and tenths before them, are come upon. */
const ttlSeconds = fc.constantFrom(0, 1, 2, 5, 10, 60, 100);
const which = fc.nat({ max: 3 });

const answer: fc.Arbitrary<ModelAnswer> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("address" as const), number: fc.nat({ max: 250 }), ttlSeconds }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("nxdomain" as const), isValidated: fc.boolean(), ttlSeconds }),
  },
  fc.record({ kind: fc.constantFrom("servfail" as const, "bogus" as const, "refused" as const, "blocked" as const) }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      name: fc.constantFrom(...names),
      dnssecOk: fc.boolean(),
      cd: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("answer" as const), which, answer }) },
  fc.record({ do: fc.constant("fail" as const), which, code: fc.constantFrom<ModelFailure>("connect", "timeout") }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(100, 500, 900, 1000, 1800, 4500, 9000, 30_000, 59_000, 110_000),
    }),
  },
);

function messageOf(one: ModelAnswer): MessageParts {
  if (one.kind === "address") return positive(one.ttlSeconds, one.number);
  if (one.kind === "nxdomain") {
    // The root's SOA, so that each of the names is below it.
    const authority = [soa({ owner: "", ttlSeconds: one.ttlSeconds, minimumSeconds: one.ttlSeconds })];
    return { flags: one.isValidated ? 0x81a3 : 0x8183, authority };
  }
  if (one.kind === "bogus") return { flags: 0x8182, additional: [opt({ options: option(15, [0, 6]) })] };
  if (one.kind === "blocked") return { flags: 0x8185, additional: [opt({ options: option(15, [0, 15]) })] };
  return { flags: one.kind === "servfail" ? 0x8182 : 0x8185 };
}

function summary(client: Client): ModelReply | undefined {
  if (!client.isAnswered) return undefined;
  const { id, rcode, addresses, ttls, ede } = client.reply;
  expect(id).toBe(client.id);
  const [ttlSeconds] = ttls.flat();
  return { rcode, addresses, ttlSeconds, ede: ede[0] };
}

/** The resolver and the model side by side. */
class Pair {
  readonly scene = new CacheScene({ staleSeconds: RULES.staleSeconds });
  readonly model = new CacheModel();
  #compared = 0;
  #waiting = new Set<number>();

  act(one: Step): void {
    if (one.do === "ask") {
      this.scene.ask(one.name, { dnssecOk: one.dnssecOk, flags: one.cd ? 0x0110 : 0x0100 });
      this.model.ask(`${one.name.toLowerCase()} ${one.dnssecOk}-${one.cd}`);
    } else if (one.do === "wait") {
      this.scene.clock.advance(one.ms);
      this.model.advance(one.ms);
    } else {
      this.#settle(one);
    }
  }

  #settle(one: Step & { readonly do: "answer" | "fail" }): void {
    const question = [...this.model.underWay.keys()][one.which];
    if (question === undefined) return;
    const exchange = this.scene.asked[one.which]!;
    if (one.do === "answer") {
      this.scene.answer(messageOf(one.answer), exchange);
      this.model.answer(question, one.answer);
    } else {
      this.scene.fail(one.code, exchange);
      this.model.fail(question, one.code);
    }
  }

  /** Compares those that waited when it was called last, and those that came since; at the end all once more. */
  check(all = false): void {
    const { scene, model } = this;
    expect(scene.asked).toHaveLength(model.underWay.size);
    const compared = scene.clients.keys().filter((i) => all || i >= this.#compared || this.#waiting.has(i));
    for (const i of compared) expect([i, summary(scene.clients[i]!)]).toEqual([i, model.replies[i]]);
    this.#compared = scene.clients.length;
    this.#waiting = new Set(scene.clients.keys().filter((i) => model.replies[i] === undefined));
    expect(scene.resolver.waiting).toBe(this.#waiting.size);
  }
}

function run(steps: readonly Step[]): void {
  const pair = new Pair();
  for (const one of steps) {
    pair.act(one);
    pair.check();
  }
  while (pair.scene.asked.length > 0) pair.act({ do: "fail", which: 0, code: "timeout" });
  pair.check(true);
  expect(pair.scene.clients.every(({ isAnswered }) => isAnswered)).toBe(true);
}

test("every client gets exactly the model's answer, with its TTL and its error, when the model says so", () => {
  const steps = fc.array(step, { maxLength: 100, size: "max" });
  fc.assert(fc.property(steps, run), { seed: 5, numRuns: 400 });
});

test("the same with one question only, where everything meets", () => {
  const narrow = step.map(
    (one): Step => (one.do === "ask" ? { ...one, name: "x.test", dnssecOk: false, cd: false } : one),
  );
  const steps = fc.array(narrow, { maxLength: 100, size: "max" });
  fc.assert(fc.property(steps, run), { seed: 6, numRuns: 400 });
});
