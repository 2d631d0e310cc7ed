/** What answers which question: whole answers under the question in wire form, and nothing else. */

import { describe, expect, test } from "bun:test";
import { type AskParts, CacheScene, positive } from "../support/cache-scene.ts";
import { name, nameOf, opt, option, TO_QUESTION } from "../support/fake-messages.ts";
import { A, CNAME, NS, timed } from "../support/timed-records.ts";

const latin1 = (text: string) => [...Buffer.from(text, "latin1")];
const wire = (...labels: string[]) => nameOf(labels.map(latin1));
const AAAA = 28;
/** ::, without its last octet. */
const ZEROS = new Array(15).fill(0);
const AD_FLAG = 0x81a0;

describe("the key is the question in wire form", () => {
  test.each([
    ["a dot inside a label, and between two", wire("a.b", "test"), wire("a", "b", "test")],
    ["a zero octet, and its escape as text", wire("x\0.y", "test"), wire("x\\000", "y", "test")],
    ["a label that ends in a zero octet, and without it", wire("x\0", "test"), wire("x", "test")],
    ["letters that are none in ASCII", wire("\xc4", "test"), wire("\xe4", "test")],
    ["octets 32 apart that are no letters", wire("[@", "test"), wire("{`", "test")],
    ["the root and a name", [0], wire("test")],
  ])("%s: two questions", (_what, one, other) => {
    const scene = new CacheScene();
    scene.learn(positive(300, 1), one);
    scene.learn(positive(300, 2), other);
    expect(scene.ask(one).reply.addresses).toEqual(["192.0.2.1"]);
    expect(scene.ask(other).reply.addresses).toEqual(["192.0.2.2"]);
    expect(scene.askedInAll).toBe(2);
  });

  test("letters in either case are one question (RFC 4343), and each client reads its own", () => {
    const scene = new CacheScene();
    scene.learn(positive(300), "MiXed.Test");
    for (const asked of ["mixed.test", "MIXED.TEST", "mIxED.tESt"]) {
      const { question, addresses } = scene.ask(asked).reply;
      expect(question.slice(0, 12)).toBe(Buffer.from(name(asked)).toString("latin1"));
      expect(addresses).toEqual(["192.0.2.1"]);
    }
    expect(scene.askedInAll).toBe(1);
  });

  test.each([
    ["type", { type: AAAA }],
    ["type in its upper octet", { type: A + 0x2000 }],
    ["DO (RFC 4035, 3.2.1)", { dnssecOk: true }],
    ["CD (RFC 4035, 3.2.2)", { flags: 0x0110 }],
    ["DO and CD", { dnssecOk: true, flags: 0x0110 }],
  ] as [string, AskParts][])("another %s is another question", (_what, other) => {
    const scene = new CacheScene();
    scene.learn(positive(300));
    expect(scene.ask("a.test", other).isAnswered).toBe(false);
    scene.answer({
      answers: [timed(TO_QUESTION, other.type ?? A, 300, other.type === AAAA ? [...ZEROS, 2] : [1, 1, 1, 2])],
    });
    expect(scene.ask("a.test").reply.octets.at(-12)).toBe(1);
    expect(scene.ask("a.test", other).reply.octets.at(-12)).toBe(2);
    expect(scene.askedInAll).toBe(2);
  });

  test("another class is answered without the cache, and without an upstream", () => {
    const scene = new CacheScene();
    scene.learn(positive(300));
    expect(scene.ask("a.test", { qclass: 3 }).reply.rcode).toBe(5);
    expect(scene.askedInAll).toBe(1);
  });

  test("AD, EDNS, its size and options, and the transport make no difference", () => {
    const scene = new CacheScene();
    scene.learn(positive(300));
    const subnet = option(8, [0, 1, 24, 0, 198, 51, 100]);
    const others: AskParts[] = [
      { flags: 0x0120 },
      { size: null },
      { size: 512 },
      { options: subnet },
      { transport: "tcp" },
    ];
    for (const parts of others) expect(scene.ask("a.test", parts).reply.addresses).toEqual(["192.0.2.1"]);
    expect(scene.askedInAll).toBe(1);
  });
});

describe("nothing of an answer's other records answers another question (RFC 2181, 5.4.1)", () => {
  const poison = {
    answers: [timed(TO_QUESTION, CNAME, 300, name("target.test")), timed("target.test", A, 300, [192, 0, 2, 1])],
    authority: [timed("bank.test", NS, 300, name("ns.bank.test")), timed("auth.test", A, 300, [192, 0, 2, 66])],
    additional: [timed("ns.bank.test", A, 300, [192, 0, 2, 66]), timed("more.test", A, 300, [192, 0, 2, 66]), opt()],
  };

  test.each([
    ["the target of an alias", "target.test", A],
    ["the owner of an authority record", "bank.test", NS],
    ["an address among the authority records", "auth.test", A],
    ["the address of a name server", "ns.bank.test", A],
    ["an additional address", "more.test", A],
    ["the alias itself, asked for as such", "a.test", CNAME],
  ])("%s", (_what, owner, type) => {
    const scene = new CacheScene();
    scene.learn(poison);
    expect(scene.ask(owner, { type }).isAnswered).toBe(false);
    expect(scene.askedInAll).toBe(2);
  });

  test("the answer is kept whole: all of its records come again, in their order", () => {
    const scene = new CacheScene();
    const first = scene.learn(poison, "a.test", { id: 9 });
    expect(scene.ask("a.test", { id: 9 }).reply.octets).toEqual(first.octets);
  });
});

describe("what an answer was asked with does not show in it later", () => {
  test("AD is shown to who asked for it, whoever asked first (RFC 6840, 5.7 and 5.8)", () => {
    const asksForAd = { flags: 0x0120 };
    for (const first of [{}, asksForAd]) {
      const scene = new CacheScene();
      expect(scene.learn({ ...positive(300), flags: AD_FLAG }, "a.test", first).ad).toBe(first === asksForAd);
      expect(scene.ask("a.test").reply.ad).toBe(false);
      expect(scene.ask("a.test", asksForAd).reply.ad).toBe(true);
      expect(scene.ask("a.test", { size: null }).reply.ad).toBe(false);
      expect(scene.askedInAll).toBe(1);
    }
  });

  test("the upstream is asked for AD even by who does not want it", () => {
    const scene = new CacheScene();
    scene.ask("a.test", { size: null });
    expect(scene.asked[0]!.query.ad).toBe(true);
  });

  test("ID, RD and EDNS are the client's own", () => {
    const scene = new CacheScene();
    scene.learn({ ...positive(300), additional: [opt({ options: option(15, [0, 4]) })] }, "a.test", { size: null });
    const reply = scene.ask("a.test", { id: 0xbeef }).reply;
    expect(reply).toMatchObject({ id: 0xbeef, hasEdns: true, ede: [4] });
    expect(scene.ask("a.test", { size: null }).reply).toMatchObject({ hasEdns: false, ede: [] });
  });

  test("an answer too long for one client is whole for the next: TC is never stored", () => {
    const scene = new CacheScene();
    const answers = Array.from({ length: 60 }, (_, i) => positive(300, i).answers![0]!);
    expect(scene.learn({ answers }, "a.test", { size: null })).toMatchObject({ tc: true, addresses: [] });
    expect(scene.ask("a.test", { size: 1232 }).reply).toMatchObject({ tc: false });
    expect(scene.ask("a.test", { size: 512 }).reply).toMatchObject({ tc: true, addresses: [] });
    expect(scene.ask("a.test", { transport: "tcp" }).reply.addresses).toHaveLength(60);
    expect(scene.askedInAll).toBe(1);
  });

  test("an answer with the upstream's own TC is not kept", () => {
    const scene = new CacheScene();
    scene.learn({ ...positive(300), flags: 0x8380 });
    expect(scene.ask("a.test").isAnswered).toBe(false);
  });
});
