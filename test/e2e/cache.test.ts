/** The cache as a stub sees it: each rule on the executable, with clocks that the test moves; the main ones from source. */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { defaults } from "../../src/config/defaults.ts";
import { MAX_REFRESHES_SAVED } from "../../src/resolver/refresh-budget.ts";
import { CachedFdns, type CachedFdnsOptions } from "../support/cached-fdns.ts";
import { nameOf } from "../support/fake-messages.ts";
import { type Form, forms } from "../support/fdns.ts";
import { type MetricsPage, readMetricsPage } from "../support/metrics-page.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const started: CachedFdns[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

async function start(options: CachedFdnsOptions = {}): Promise<CachedFdns> {
  const one = await CachedFdns.start(folder, options);
  started.push(one);
  return one;
}

const wire = (...labels: string[]) => nameOf(labels.map((label) => [...Buffer.from(label, "latin1")]));
const [SERVFAIL, NXDOMAIN] = [2, 3];
const zone = `
$ORIGIN cache.test.
@ 3600 SOA ns.cache.test. admin.cache.test. 1 3600 600 86400 70
sixty 60 A 192.0.2.60
five 5 A 192.0.2.5
zero 0 A 192.0.2.10
day 86400 A 192.0.2.24
negative 4294967295 A 192.0.2.99
alias 300 CNAME gone.cache.test.
`;
/** What tests take between two steps, on a busy machine. */
const SLACK_SECONDS = 3;

function expectTtl(ttls: readonly (readonly number[])[], seconds: number): void {
  const [ttl = -1] = ttls.flat();
  expect(ttl).toBeLessThanOrEqual(seconds);
  expect(ttl).toBeGreaterThanOrEqual(seconds - SLACK_SECONDS);
}

/** Resolves once it holds, looking again and again; rejects after five seconds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const giveUpMs = performance.now() + 5000; !(await holds()); await Bun.sleep(20)) {
    if (performance.now() > giveUpMs) throw new Error("five seconds passed");
  }
}

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test("an answer is kept for its TTL, which goes down meanwhile", async () => {
    const { ask, time, counts } = handles(await start({ form, zone }));
    expectTtl((await ask("sixty.cache.test")).ttls, 60);
    time.shift(30);
    expectTtl((await ask("SIXTY.cache.test")).ttls, 30);
    expect(counts()).toBe(1);
    time.shift(31);
    expectTtl((await ask("sixty.cache.test")).ttls, 60);
    expect(counts()).toBe(2);
  });

  test("a stale answer after 1.8 s, at once from then on, and the new one when the upstream is back", async () => {
    const one = await start({ form, zone });
    const fresh = await one.ask("sixty.cache.test");
    one.time.shift(100);
    one.behave({ fault: "silent" });
    const stale = await one.ask("sixty.cache.test");
    expect(stale).toMatchObject({ rcode: 0, ede: [3], addresses: fresh.addresses, ttls: [[30], [], []] });
    // Long before the query's own bound of 4 s; to the millisecond it is in cache-stale.test.ts, by a clock of its own.
    expect(stale.tookMs).toBeWithin(1750, 3000);
    // The next waits for nothing.
    expect((await one.ask("sixty.cache.test")).tookMs).toBeLessThan(1200);
    one.behave({});
    await until(async () => (await one.ask("sixty.cache.test")).ede.length === 0);
    expectTtl((await one.ask("sixty.cache.test")).ttls, 60);
  });

  test("an answer about to end is refreshed, once", async () => {
    const one = await start({ form, zone });
    await one.ask("sixty.cache.test");
    one.time.shift(55);
    // What looks like a sleep makes it connect anew, and ask again what was under way.
    await one.fdns.logged("connecting to the upstreams anew");
    one.behave({ delay: 150 });
    const before = one.asked;
    for (let i = 0; i < 10; i++) expectTtl((await one.ask("sixty.cache.test")).ttls, 5);
    await until(async () => (await one.ask("sixty.cache.test")).ttls[0]![0]! > 50);
    expect(one.asked).toBe(before + 1);
  });

  test("200 clients with one question: one query upstream, everyone answered", async () => {
    const one = await start({ form, zone, behaviour: { delay: 300 } });
    const asks = Array.from({ length: 200 }, (_, i) =>
      one.ask(i % 2 === 0 ? "day.cache.test" : "DAY.cache.test", { id: i, transport: i % 10 === 0 ? "tcp" : "udp" }),
    );
    for (const [i, reply] of (await Promise.all(asks)).entries()) {
      expect(reply).toMatchObject({ id: i, rcode: 0, addresses: ["192.0.2.24"] });
    }
    expect(one.asked).toBe(1);
  });
});

/** Short ways to ask, with queries counted from now on. */
function handles(one: CachedFdns) {
  const before = one.asked;
  return { ask: one.ask.bind(one), time: one.time, counts: () => one.asked - before };
}

describe("the key is the question in wire form", () => {
  test("labels with dots and zeros, types, DO and CD are questions of their own; case and EDNS are not", async () => {
    const { ask, counts } = handles(await start());
    const questions = [wire("a.b", "test"), wire("a", "b", "test"), wire("x\0.y", "test"), wire("x\\000", "y", "test")];
    const first = await Promise.all(questions.map((question) => ask(question)));
    const again = await Promise.all(questions.map((question) => ask(question)));
    expect(again.map(({ addresses }) => addresses)).toEqual(first.map(({ addresses }) => addresses));
    expect(new Set(first.flatMap(({ addresses }) => addresses)).size).toBe(4);
    expect(counts()).toBe(4);
    await ask("A.B.tEst", { size: null });
    expect(counts()).toBe(4);
    for (const parts of [{ type: 28 }, { dnssecOk: true }, { flags: 0x0110 }, { dnssecOk: true, flags: 0x0110 }]) {
      await ask("a.b.test", parts);
      await ask("a.b.test", parts);
    }
    expect(counts()).toBe(8);
  });

  test("nothing of an answer answers another question: the target of an alias is asked for", async () => {
    const { ask, counts } = handles(await start());
    await ask("cname-1.test");
    await ask("cname-0.test");
    await ask("cname-1.test", { type: 5 });
    expect(counts()).toBe(3);
  });

  test("AD is for who asked for it, whoever asked first (RFC 6840, 5.8)", async () => {
    const { ask, counts } = handles(await start({ behaviour: { ad: true } }));
    const asks = [{}, { flags: 0x0120 }, {}, { size: null }];
    const shown = [];
    for (const parts of asks) shown.push((await ask("a.test", parts)).ad);
    expect(shown).toEqual([false, true, false, false]);
    expect(counts()).toBe(1);
  });

  test("TC is never stored: not the upstream's, nor what did not fit into a datagram", async () => {
    const one = await start({ behaviour: { fault: "tc" } });
    // An answer cut short over TLS is none, and is remembered as that for a second (RFC 9520).
    expect(await one.ask("a.test")).toMatchObject({ tc: false, rcode: 2 });
    one.behave({});
    while ((await one.ask("a.test")).rcode !== 0) await Bun.sleep(100);
    const { ask, counts } = handles(one);
    expect(await ask("big-1000.test", { type: 16, size: 512 })).toMatchObject({ tc: true });
    expect((await ask("big-1000.test", { type: 16, transport: "tcp" })).octets.length).toBe(1000);
    expect(counts()).toBe(1);
  });
});

describe("lifetimes", () => {
  test("floor, ceiling, a TTL of 0, and one with the top bit set (RFC 8767, 4)", async () => {
    const { ask, counts } = handles(await start({ zone, flags: ["--cache-min-ttl", "20s", "--cache-max-ttl", "1h"] }));
    for (const _ of [1, 2]) {
      expectTtl((await ask("five.cache.test")).ttls, 20);
      expectTtl((await ask("day.cache.test")).ttls, 3600);
      expectTtl((await ask("negative.cache.test")).ttls, 3600);
    }
    expect(counts()).toBe(3);
    for (const _ of [1, 2]) expectTtl((await ask("zero.cache.test")).ttls, 0);
    expect(counts()).toBe(5);
  });

  test("what does not exist, for the SOA's MINIMUM (RFC 2308, 5), and no longer than the ceiling for it", async () => {
    for (const [flags, seconds] of [
      [[], 70],
      [["--cache-max-negative-ttl", "40s"], 40],
    ] as const) {
      const { ask, time, counts } = handles(await start({ zone, flags }));
      for (const [asked, rcode] of [
        ["none.cache.test", NXDOMAIN],
        ["sixty.cache.test", 0],
      ] as const) {
        const type = rcode === 0 ? 28 : 1;
        for (const _ of [1, 2]) expect(await ask(asked, { type })).toMatchObject({ rcode, addresses: [] });
        expectTtl((await ask(asked, { type })).ttls, seconds);
      }
      expect(counts()).toBe(2);
      time.shift(seconds + 1);
      await ask("none.cache.test");
      expect(counts()).toBe(3);
    }
  });

  test("a validated NXDOMAIN answers for names below it (RFC 8020), and behind an alias for its last target", async () => {
    const { ask, counts } = handles(await start({ zone, behaviour: { ad: true } }));
    expect((await ask("alias.cache.test")).rcode).toBe(NXDOMAIN);
    expect(await ask("a.b.gone.cache.test")).toMatchObject({ rcode: NXDOMAIN, ad: false });
    expect((await ask("gone.cache.test", { type: 28 })).rcode).toBe(NXDOMAIN);
    expect(counts()).toBe(1);
    await ask("x.alias.cache.test");
    expect(counts()).toBe(2);
  });

  test("one that was not validated answers for its own name only", async () => {
    const { ask, counts } = handles(await start({ zone }));
    for (const asked of ["gone.cache.test", "gone.cache.test", "a.gone.cache.test"]) await ask(asked);
    expect(counts()).toBe(2);
  });
});

describe("failures", () => {
  test("SERVFAIL is remembered for a second (RFC 9520), and never in place of a good answer", async () => {
    const one = await start({ zone });
    await one.ask("sixty.cache.test");
    one.behave({ rcode: "servfail" });
    const { ask, time, counts } = handles(one);
    expect((await ask("sixty.cache.test")).rcode).toBe(0);
    for (const _ of [1, 2, 3]) expect((await ask("day.cache.test")).rcode).toBe(SERVFAIL);
    expect(counts()).toBe(1);
    time.shift(1);
    await ask("day.cache.test");
    expect(counts()).toBe(2);
  });

  test("a stale answer at once where the refresh fails; EDE 19 where the name did not exist", async () => {
    const one = await start({ zone });
    for (const asked of ["sixty.cache.test", "none.cache.test"]) await one.ask(asked);
    one.time.shift(100);
    one.behave({ rcode: "servfail" });
    for (const _ of [1, 2]) {
      const positive = await one.ask("sixty.cache.test");
      expect(positive).toMatchObject({ rcode: 0, ede: [3], ttls: [[30], [], []] });
      const negative = await one.ask("none.cache.test");
      expect(negative).toMatchObject({ rcode: NXDOMAIN, ede: [19], ttls: [[], [30], []] });
      for (const { tookMs } of [positive, negative]) expect(tookMs).toBeLessThan(500);
    }
  });

  test("a stale answer where no upstream is left; not after --cache-stale, and none with 0", async () => {
    for (const [staleSeconds, isGiven] of [
      [600, true],
      [30, false],
      [0, false],
    ] as const) {
      const one = await start({ zone, flags: ["--cache-stale", `${staleSeconds}s`] });
      await one.ask("sixty.cache.test");
      await one.upstream.close();
      one.time.shift(120);
      const reply = await one.ask("sixty.cache.test");
      if (isGiven) expect(reply).toMatchObject({ rcode: 0, ede: [3], ttls: [[30], [], []] });
      else expect(reply).toMatchObject({ rcode: SERVFAIL, ede: [23], addresses: [] });
    }
  });

  test.each([6, 15, 17, 18])("SERVFAIL with EDE %d is passed on, and no stale answer instead", async (code) => {
    const one = await start({ zone });
    await one.ask("sixty.cache.test");
    one.time.shift(100);
    one.behave({ rcode: "servfail", ede: code });
    for (const seconds of [0, 0, 2]) {
      one.time.shift(seconds);
      expect(await one.ask("sixty.cache.test")).toMatchObject({ rcode: SERVFAIL, ede: [code] });
    }
  });
});

describe("bounds", () => {
  /** What the admin's page says now; fdns has to be started with `admin`. */
  async function metrics(one: CachedFdns): Promise<MetricsPage> {
    const { admin } = await one.fdns.logged("listening on ");
    return readMetricsPage(await (await fetch(`${admin}/metrics`)).text());
  }
  const admin = ["--admin", "127.0.0.1:0"];

  test("so many wait for one answer; the next get SERVFAIL at once, and the upstream is asked once", async () => {
    const behaviour = { rules: [{ qname: "day.cache.test", delay: 2000 }] };
    const one = await start({ zone, flags: admin, behaviour });
    const most = defaults.maxWaiters.value;
    const waiting: ReturnType<CachedFdns["ask"]>[] = [];
    while (waiting.length < most) {
      // A few at a time, which any socket has room for.
      for (let i = 0; i < 200 && waiting.length < most; i++) {
        waiting.push(one.ask("day.cache.test", { id: waiting.length }));
      }
      await until(async () => (await metrics(one)).value("fdns_queries_waiting") === waiting.length);
    }
    const beyond = Array.from({ length: 100 }, (_, i) =>
      one.ask("DAY.cache.test", { id: most + i, transport: i % 10 === 0 ? "tcp" : "udp" }),
    );
    for (const [i, reply] of (await Promise.all(beyond)).entries()) {
      expect(reply).toMatchObject({ id: most + i, rcode: SERVFAIL, ede: [0], addresses: [] });
      expect(reply.tookMs).toBeLessThan(1000);
    }
    const page = await metrics(one);
    expect(page.value("fdns_queries_waiting")).toBe(most);
    expect(page.value("fdns_queries_overloaded_total")).toBe(beyond.length);
    for (const [id, reply] of (await Promise.all(waiting)).entries()) {
      expect(reply).toMatchObject({ id, rcode: 0, addresses: ["192.0.2.24"] });
    }
    // Once, and fdns' own probes: while nothing is heard, they find out whether the connection is alive.
    expect(one.asked).toBeLessThan(5);
  });

  test("answers that end together are refreshed within the budget, and all are given from the cache", async () => {
    const one = await start({ flags: admin, behaviour: { ttl: 600 } });
    const names = Array.from({ length: 3 * MAX_REFRESHES_SAVED }, (_, i) => `n${i}.test`);
    const learnt = await Promise.all(names.map((name) => one.ask(name)));
    one.time.shift(560);
    await one.fdns.logged("connecting to the upstreams anew");
    const before = one.asked;
    const replies = await Promise.all(names.map((name) => one.ask(name)));
    for (const [i, { rcode, addresses, ttls, ede }] of replies.entries()) {
      expect({ rcode, addresses, ede }).toEqual({ rcode: 0, addresses: learnt[i]!.addresses, ede: [] });
      expectTtl(ttls, 40);
    }
    const page = await metrics(one);
    expect(page.value("fdns_answers_total", { source: "cache", rcode: "NOERROR" })).toBe(names.length);
    // What was saved up, and one for every ten answers that were given meanwhile.
    const refreshes = page.value("fdns_cache_prefetches_total");
    expect(refreshes).toBeWithin(1.2 * MAX_REFRESHES_SAVED, 1.3 * MAX_REFRESHES_SAVED + 1);
    await until(() => one.asked - before >= refreshes);
    // Probes of connections made anew are fdns' own.
    expect(one.asked - before).toBeLessThan(refreshes + 10);
  });
});

test("without a cache the same question under way is asked once, and once more when it was answered", async () => {
  const one = await start({ zone, flags: ["--cache-size", "0"], behaviour: { delay: 200 } });
  const replies = await Promise.all(Array.from({ length: 50 }, (_, id) => one.ask("day.cache.test", { id })));
  expect(replies.map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, id) => id));
  expect(one.asked).toBe(1);
  await one.ask("day.cache.test");
  expect(one.asked).toBe(2);
});
