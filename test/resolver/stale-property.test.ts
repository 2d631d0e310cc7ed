/**
 * After whatever was answered, in whatever order and to whomever, what is given as stale is what the newest answer says:
 * the one to the question that was asked last. Another client's answer counts like the client's own.
 */

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Exchange } from "../../src/upstream/exchange.ts";
import { type AskParts, CacheScene, type Client, positive } from "../support/cache-scene.ts";
import { type MessageParts, opt, option } from "../support/fake-messages.ts";
import { soa } from "../support/timed-records.ts";

const names = ["x.test", "www.x.test"] as const;
const variants: AskParts[] = [{}, { dnssecOk: true }, { flags: 0x0110 }, { dnssecOk: true, flags: 0x0110 }];

type Said = "nothing" | "gone" | number;

interface Known {
  readonly askedMs: number;
  readonly said: Said;
}

type Step =
  | { readonly do: "ask"; readonly name: number; readonly variant: number }
  | { readonly do: "answer"; readonly which: number; readonly said: Said; readonly ttlSeconds: number }
  | { readonly do: "fail"; readonly which: number }
  | { readonly do: "wait"; readonly ms: number };

const which = fc.nat({ max: 4 });
const said = fc.oneof<fc.Arbitrary<Said>[]>(
  fc.nat({ max: 250 }),
  fc.nat({ max: 1 }),
  fc.constantFrom<Said>("nothing", "gone"),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("ask" as const), name: fc.nat({ max: 1 }), variant: fc.nat(3) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("answer" as const),
      which,
      said,
      ttlSeconds: fc.constantFrom(0, 1, 5, 60),
    }),
  },
  fc.record({ do: fc.constant("fail" as const), which }),
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 700, 2000, 30_000, 90_000) }),
  },
);

/** An answer that says so: an address, that the name is no more, or that a policy withholds it. */
function messageOf(one: Said, ttlSeconds: number): MessageParts {
  if (one === "nothing") return { flags: 0x8185, additional: [opt({ options: option(15, [0, 17]) })] };
  if (one !== "gone") return positive(ttlSeconds, one);
  return { flags: 0x81a3, authority: [soa({ owner: "", ttlSeconds, minimumSeconds: ttlSeconds })] };
}

class World {
  readonly #scene = new CacheScene();
  readonly #known: Known[][] = [[], []];
  /** When the upper name was asked for, of answers that it does not exist; and either, of those that it does. */
  readonly #deniedMs: number[] = [];
  readonly #existedMs: number[] = [];
  readonly #askedMs = new Map<Exchange, { readonly name: number; readonly askedMs: number }>();
  readonly #waiting = new Map<Client, number>();

  act(one: Step): void {
    const scene = this.#scene;
    if (one.do === "ask") this.#waiting.set(scene.ask(names[one.name], variants[one.variant]), one.name);
    else if (one.do === "wait") scene.clock.advance(one.ms);
    else this.#settle(one);
    for (const exchange of scene.asked) {
      if (!this.#askedMs.has(exchange)) this.#note(exchange);
    }
    this.#look();
  }

  #note(exchange: Exchange): void {
    const { question, questionOctets } = exchange.query;
    const name = Buffer.from(question.subarray(0, questionOctets)).includes("www") ? 1 : 0;
    this.#askedMs.set(exchange, { name, askedMs: this.#scene.clock.nowMs() });
  }

  #settle(one: Step & { readonly do: "answer" | "fail" }): void {
    const exchange = this.#scene.asked[one.which];
    if (exchange === undefined) return;
    const { name, askedMs } = this.#askedMs.get(exchange)!;
    this.#askedMs.delete(exchange);
    if (one.do === "fail") {
      this.#scene.fail("timeout", exchange);
      return;
    }
    this.#known[name]!.push({ askedMs, said: one.said });
    if (one.said === "gone" && name === 0) this.#deniedMs.push(askedMs);
    if (typeof one.said === "number") this.#existedMs.push(askedMs);
    this.#scene.answer(messageOf(one.said, one.ttlSeconds), exchange);
  }

  #look(): void {
    for (const [client, name] of this.#waiting) {
      if (!client.isAnswered) continue;
      this.#waiting.delete(client);
      const { ede, rcode, addresses } = client.reply;
      if (ede[0] !== 3 && ede[0] !== 19) continue;
      const given: Said = rcode === 3 ? "gone" : Number(addresses[0]!.split(".")[3]);
      expect(this.#newest(name)).toContain(given);
      stale++;
    }
  }

  /** What the newest answers to the name's question say. */
  #newest(name: number): Said[] {
    const own = this.#known[name]!;
    const ownMs = Math.max(...own.map(({ askedMs }) => askedMs));
    const newest = own.filter(({ askedMs }) => askedMs === ownMs).map((known) => known.said);
    if (name === 0) return newest;
    // RFC 8020: what is said not to exist has nothing below it, until it is seen to exist.
    const denied = this.#deniedMs.filter((deniedMs) => deniedMs > ownMs);
    const holds = denied.some((deniedMs) => !this.#existedMs.some((existedMs) => existedMs >= deniedMs));
    if (holds) return ["gone"];
    return denied.length > 0 ? [...newest, "gone"] : newest;
  }
}

let stale = 0;

test("what is given as stale is never older than the newest answer that is known", () => {
  const steps = fc.array(step, { maxLength: 80, size: "max" });
  const run = (all: readonly Step[]) => {
    const world = new World();
    for (const one of all) world.act(one);
  };
  fc.assert(fc.property(steps, run), { seed: 11, numRuns: 1500 });
  expect(stale).toBeGreaterThan(1000);
});
