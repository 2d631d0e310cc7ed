/** A host whose clock jumps: no TTL is negative or grows, nothing ends that should not, timers go on. */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { CachedFdns, type CachedFdnsOptions } from "../support/cached-fdns.ts";
import { type Form, forms } from "../support/fdns.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const HOUR_SECONDS = 3600;
const TTL_SECONDS = 7200;
const zone = `
$ORIGIN jump.test.
@ 3600 SOA ns.jump.test. admin.jump.test. 1 3600 600 86400 600
${Array.from({ length: 50 }, (_, i) => `n${i} ${TTL_SECONDS} A 192.0.2.${i}`).join("\n")}
new 60 A 192.0.2.200
later 60 A 192.0.2.201
`;

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const started: CachedFdns[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

async function start(options: CachedFdnsOptions): Promise<CachedFdns> {
  const one = await CachedFdns.start(folder, { zone, ...options });
  started.push(one);
  return one;
}

/** All of the fifty are in the cache, and have this much left to live, give or take what the test takes. */
async function expectKept(one: CachedFdns, leftSeconds: number): Promise<void> {
  const before = one.asked;
  const replies = await Promise.all(Array.from({ length: 50 }, (_, i) => one.ask(`n${i}.jump.test`)));
  for (const [i, { rcode, addresses, ttls, ede }] of replies.entries()) {
    expect({ rcode, addresses, ede }).toEqual({ rcode: 0, addresses: [`192.0.2.${i}`], ede: [] });
    expect(ttls[0]![0]).toBeWithin(leftSeconds - 10, leftSeconds + 1);
  }
  // Probes of connections made anew are fdns' own.
  expect(one.asked - before).toBeLessThan(10);
}

/** Timers go on: a client without an answer is told so, a stale answer goes out, and the upstream is asked again. */
async function expectTimers(one: CachedFdns, name: string): Promise<void> {
  one.behave({ fault: "silent" });
  const unanswered = await one.ask(name);
  expect(unanswered).toMatchObject({ rcode: 2, ede: [22] });
  expect(unanswered.tookMs).toBeLessThan(5000);
  one.behave({});
  for (let asks = 0; asks < 50; asks++) {
    if ((await one.ask(name)).rcode === 0) return;
    await Bun.sleep(100);
  }
  throw new Error("not answered five seconds after the upstream was back");
}

/** Resolves when the TTL of an answer tells that it got so much older, or after five seconds if it does not. */
async function whenAged(one: CachedFdns, leftSeconds: number): Promise<void> {
  for (let asks = 0; asks < 50; asks++) {
    if ((await one.ask("n0.jump.test")).ttls[0]![0]! <= leftSeconds) return;
    await Bun.sleep(100);
  }
}

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test("the clock is set an hour ahead, and back: TTLs go on as if nothing had been", async () => {
    const one = await start({ form, clocks: "wall" });
    await learnAll(one);
    for (const ahead of [HOUR_SECONDS, -HOUR_SECONDS, 0]) {
      one.time.setAhead(ahead);
      await expectKept(one, TTL_SECONDS);
    }
    one.time.setAhead(HOUR_SECONDS);
    await expectTimers(one, "new.jump.test");
    one.time.setAhead(-HOUR_SECONDS);
    await expectTimers(one, "later.jump.test");
    expect(one.fdns.log.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("every clock jumps an hour ahead, as after a suspension: answers are an hour older, not gone", async () => {
    const one = await start({ form });
    await learnAll(one);
    one.time.shift(HOUR_SECONDS);
    await expectKept(one, TTL_SECONDS - HOUR_SECONDS);
    await expectTimers(one, "new.jump.test");
  });

  test("every clock jumps an hour back, which only virtual machines do: no TTL grows", async () => {
    const one = await start({ form });
    await learnAll(one);
    one.time.shift(-HOUR_SECONDS);
    await expectKept(one, TTL_SECONDS);
    one.time.shift(2 * HOUR_SECONDS);
    await expectKept(one, TTL_SECONDS - HOUR_SECONDS);
  });

  test.each([1, 2])(
    "suspended for an hour, %i workers: the monotonic clock stood still, answers aged",
    async (workers) => {
      const one = await start({ form, clocks: "suspended", flags: ["--workers", String(workers)] });
      await learnAll(one);
      await one.ask("new.jump.test");
      one.behave({ ttl: 50 });
      one.time.shift(HOUR_SECONDS);
      // The uptime is looked at once a second, and comes in whole seconds.
      const leftSeconds = TTL_SECONDS - HOUR_SECONDS + 1;
      await whenAged(one, leftSeconds);
      await expectKept(one, leftSeconds);
      // What ended meanwhile is asked for anew.
      expect(await one.ask("new.jump.test")).toMatchObject({ rcode: 0, ede: [], ttls: [[50], [], []] });
    },
  );
});

/** Asks for all of them for the first time. */
async function learnAll(one: CachedFdns): Promise<void> {
  await Promise.all(Array.from({ length: 50 }, (_, i) => one.ask(`n${i}.jump.test`)));
}
