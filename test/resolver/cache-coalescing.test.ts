/** Who asks what is being asked already waits for the same answer, and gets it as if it had asked alone. */

import { describe, expect, test } from "bun:test";
import type { Exchange } from "../../src/upstream/exchange.ts";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { type AskParts, CacheScene, type CacheSceneOptions, positive, respond } from "../support/cache-scene.ts";
import { name, opt, option } from "../support/fake-messages.ts";

const noCache: CacheSceneOptions = { cacheOctets: 0 };
const forms: [string, CacheSceneOptions][] = [
  ["with a cache", {}],
  ["with none (--cache-size 0)", noCache],
];

describe.each(forms)("the same question, %s", (_form, options) => {
  test("500 clients make one upstream query, and each gets its own answer once", () => {
    const scene = new CacheScene(options);
    const asked = Array.from({ length: 500 }, (_, i) => (i % 2 === 0 ? "some.test" : "SOME.Test"));
    const clients = asked.map((owner, i) => scene.ask(owner, { id: 10_000 + i }));
    expect(scene.askedInAll).toBe(1);
    scene.answer(positive(300));
    for (const [i, { reply }] of clients.entries()) {
      expect(reply).toMatchObject({ id: 10_000 + i, rcode: 0, addresses: ["192.0.2.1"] });
      expect(reply.question.startsWith(Buffer.from(name(asked[i]!)).toString("latin1"))).toBe(true);
    }
    expect(scene.resolver.counters.coalesced).toBe(499);
    expect(scene.resolver.waiting).toBe(0);
  });

  test("each with its own EDNS, size, AD and transport", () => {
    const scene = new CacheScene(options);
    const without = scene.ask("a.test", { size: null });
    const small = scene.ask("a.test", { size: 512 });
    const large = scene.ask("a.test", { size: 4096, flags: 0x0120 });
    const overTcp = scene.ask("a.test", { transport: "tcp" });
    const answers = Array.from({ length: 60 }, (_, i) => positive(300, i).answers![0]!);
    scene.answer({ answers, flags: 0x81a0, additional: [opt({ options: option(15, [0, 4]) })] });
    expect(without.reply).toMatchObject({ hasEdns: false, tc: true, ad: false });
    expect(small.reply).toMatchObject({ hasEdns: true, tc: true, ad: false });
    expect(large.reply).toMatchObject({ hasEdns: true, tc: false, ad: true, ede: [4] });
    expect(overTcp.reply).toMatchObject({ hasEdns: true, tc: false, ad: false });
    expect(overTcp.reply.addresses).toHaveLength(60);
    expect(scene.askedInAll).toBe(1);
  });

  test("whatever their client subnets (RFC 7871)", () => {
    const scene = new CacheScene(options);
    const subnets = Array.from({ length: 20 }, (_, i) => option(8, [0, 1, 24, 0, 198, 51, i]));
    const clients = subnets.map((of) => scene.ask("a.test", { options: of }));
    expect(scene.askedInAll).toBe(1);
    scene.answer(positive(300));
    for (const { reply } of clients) expect(reply.addresses).toEqual(["192.0.2.1"]);
  });

  test("a failure is everyone's, too", () => {
    const scene = new CacheScene(options);
    const clients = [scene.ask(), scene.ask("a.test", { transport: "tcp" })];
    scene.fail("timeout");
    for (const { reply } of clients) expect(reply).toMatchObject({ rcode: 2, ede: [22] });
  });

  test.each([
    ["name", "b.test", {}],
    ["type", "a.test", { type: 28 }],
    ["DO", "a.test", { dnssecOk: true }],
    ["CD", "a.test", { flags: 0x0110 }],
  ] as [string, string, AskParts][])("another %s is another query", (_what, owner, parts) => {
    const scene = new CacheScene(options);
    scene.ask();
    scene.ask(owner, parts);
    expect(scene.asked).toHaveLength(2);
  });

  test("at most so many wait for one answer; the next get SERVFAIL at once, and other names are not concerned", () => {
    const scene = new CacheScene({ ...options, parts: { maxWaiters: 3 } });
    const waiting = [scene.ask(), scene.ask(), scene.ask()];
    const refused = [scene.ask(), scene.ask()];
    const other = scene.ask("b.test");
    for (const { reply } of refused) expect(reply).toMatchObject({ rcode: 2, ede: [0] });
    expect(scene.resolver.counters.overloaded).toBe(2);
    scene.answer(positive(300));
    for (const { reply } of waiting) expect(reply.rcode).toBe(0);
    expect(other.isAnswered).toBe(false);
    scene.answer(positive(300));
    expect(other.isAnswered).toBe(true);
  });

  test("at most so many wait in all", () => {
    const scene = new CacheScene({ ...options, parts: { maxInFlight: 3 } });
    for (const owner of ["a.test", "a.test", "b.test"]) scene.ask(owner);
    for (const owner of ["a.test", "c.test"]) expect(scene.ask(owner).reply.rcode).toBe(2);
    scene.answer(positive(300));
    expect(scene.ask("c.test").isAnswered).toBe(false);
  });
});

test("without a cache every question is asked once it was answered, and nothing is stale", () => {
  const scene = new CacheScene(noCache);
  for (let i = 1; i <= 3; i++) expect(scene.learn(positive(300, i)).addresses).toEqual([`192.0.2.${i}`]);
  const client = scene.ask();
  scene.fail("connect");
  expect(client.reply).toMatchObject({ rcode: 2, ede: [23] });
});

describe("upstreams that are done before ask() returns", () => {
  const answersAtOnce = (exchange: Exchange) => {
    respond(exchange, positive(60));
    return true;
  };
  const failsAtOnce = (exchange: Exchange) => {
    exchange.onFailure(new UpstreamError("connect", "for a test"));
    return true;
  };

  test.each(forms)("answering: one response each, %s", (_form, options) => {
    const scene = new CacheScene({ ...options, atOnce: answersAtOnce });
    for (let i = 0; i < 20; i++) expect(scene.ask(`n${i % 5}.test`).reply.addresses).toEqual(["192.0.2.1"]);
    expect(scene.askedInAll).toBe(options === noCache ? 20 : 5);
    expect(scene.resolver.waiting).toBe(0);
  });

  test.each(forms)("failing: one response each, %s", (_form, options) => {
    const scene = new CacheScene({ ...options, atOnce: failsAtOnce });
    for (let i = 0; i < 20; i++) expect(scene.ask(`n${i % 5}.test`).reply).toMatchObject({ rcode: 2, ede: [23] });
    expect(scene.resolver.waiting).toBe(0);
  });

  test("a refresh: the client that set it off gets the old answer, the next one the new", () => {
    let isUp = true;
    const scene = new CacheScene({ atOnce: (exchange) => (isUp ? answersAtOnce(exchange) : failsAtOnce(exchange)) });
    scene.ask();
    scene.seconds(55);
    expect(scene.ask().reply.ttls[0]).toEqual([5]);
    expect(scene.ask().reply.ttls[0]).toEqual([60]);
    scene.seconds(70);
    isUp = false;
    for (let i = 0; i < 3; i++) expect(scene.ask().reply).toMatchObject({ rcode: 0, ede: [3], ttls: [[30], [], []] });
    isUp = true;
    scene.seconds(1);
    expect(scene.ask().reply.ede).toEqual([3]);
    expect(scene.ask().reply).toMatchObject({ ede: [], ttls: [[60], [], []] });
  });
});
