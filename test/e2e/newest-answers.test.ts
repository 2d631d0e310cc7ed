/** What has ended is not given as stale, whoever asked last, nor does it come back from the cache's file. */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { AskParts } from "../support/cache-scene.ts";
import { CachedFdns } from "../support/cached-fdns.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
const started: CachedFdns[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

async function start(...flags: string[]): Promise<CachedFdns> {
  const one = await CachedFdns.start(folder, { flags });
  started.push(one);
  return one;
}

const SERVFAIL = 2;
/** What is no answer: for this, what there is is given as stale. */
const failing = { rcode: "servfail" };
const plain: AskParts = {};
const DO: AskParts = { dnssecOk: true };

const newer: [string, Record<string, unknown>][] = [
  ["TTL 0", { ttl: 0 }],
  ["no such name, without an SOA", { rcode: "nxdomain" }],
  ["REFUSED, blocked (EDE 15)", { rcode: "refused", ede: 15 }],
  ["SERVFAIL, filtered (EDE 17)", { rcode: "servfail", ede: 17 }],
];

describe.each(newer)("after a newer answer that may not be kept: %s", (_what, behaviour) => {
  test.each([
    ["by the same query", plain, plain],
    ["by a query with DO", plain, DO],
    ["by a query without DO", DO, plain],
  ])("nothing old is given, if it was learnt %s", async (_how, first, second) => {
    const one = await start("--workers", "2");
    expect((await one.ask("a.test", first)).rcode).toBe(0);
    one.time.shift(100);
    one.behave(behaviour);
    await one.ask("a.test", second);
    one.behave(failing);
    one.time.shift(60);
    for (const parts of [plain, DO])
      expect(await one.ask("a.test", parts)).toMatchObject({ rcode: SERVFAIL, addresses: [] });
  });

  test("nor does the cache's file bring it back", async () => {
    const file = ["--cache-file", join(folder, crypto.randomUUID())];
    const one = await start(...file);
    await one.ask("a.test");
    await one.ask("b.test");
    await one.stop();
    started.pop();
    const two = await start(...file);
    await two.fdns.logged("2 answers restored");
    two.time.shift(100);
    two.behave(behaviour);
    await two.ask("a.test", DO);
    await two.stop();
    started.pop();
    const three = await start(...file);
    await three.fdns.logged("1 answer restored");
    three.time.shift(100);
    three.behave(failing);
    expect(await three.ask("a.test")).toMatchObject({ rcode: SERVFAIL, addresses: [] });
    expect(await three.ask("b.test")).toMatchObject({ rcode: 0, ede: [3] });
  });
});

test("an answer without DO stands in for one with it, not as validated, when nobody answers", async () => {
  const one = await start();
  one.behave({ ad: true });
  const { addresses } = await one.ask("a.test");
  one.time.shift(100);
  one.behave(failing);
  expect(await one.ask("a.test", DO)).toMatchObject({ rcode: 0, addresses, ede: [3], ad: false });
});
