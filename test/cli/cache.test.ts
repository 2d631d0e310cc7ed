import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArguments } from "../../src/cli/arguments.ts";
import { cache } from "../../src/cli/cache/cache.ts";
import { readCacheOrder } from "../../src/cli/cache/order.ts";
import { cacheReportText } from "../../src/cli/cache/report.ts";
import { UsageError } from "../../src/config/config.ts";
import { cacheOrders } from "../../src/control/cache-orders.ts";
import { openControl } from "../../src/control/control.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { CacheHost } from "../support/cache-host.ts";
import { FakeLog } from "../support/fake-log.ts";
import { projectRoot } from "../support/sources.ts";
import { bun, deno, denoPermissions, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const read = (line: string) => readCacheOrder(parseArguments(cache.options, line === "" ? [] : line.split(" ")));

describe("what is to be done", () => {
  test.each([
    ["stats", "stats"],
    ["stats --json", "stats"],
    ["dump", "dump"],
    ["flush", "flush"],
    ["flush a.test", "flush-name a.test."],
    ["flush --subtree a.test.", "flush-subtree a.test."],
    ["flush . --subtree", "flush-subtree ."],
    ["flush a\\032b\\046c", "flush-name a\\032b\\.c."],
  ])("%s", (line, request) => expect(read(line).request).toBe(request));

  test.each([
    ["", "needs to know what to do; stats, flush [NAME] or dump is allowed"],
    ["stts", '"stts" is not an action of fdns cache; did you mean stats?'],
    ["stats a.test", '"a.test" is one word too many; fdns cache stats is allowed'],
    ["flush a.test b.test", '"b.test" is one word too many; fdns cache flush [NAME] is allowed'],
    ["flush --subtree", "--subtree needs a name"],
    ["dump --json", "--json is for stats and flush"],
    ["dump --subtree", "--subtree is for flush"],
    ["flush a..test", '"a..test" is not a name: it has an empty label'],
  ])("not %j", (line, message) => {
    expect(() => read(line)).toThrow(UsageError);
    expect(() => read(line)).toThrow(message);
  });
});

test("statistics for people: a number a line, aligned, with what it means", () => {
  const text = cacheReportText({
    hits: 1_234_567,
    misses: 12_345,
    stale: 1,
    coalesced: 20,
    prefetches: 300,
    entries: 4000,
    denials: 5,
    octetsUsed: 1_363_149,
    capacityOctets: 30_146_296,
    stores: 10_000,
    replaced: 1000,
    evictions: 0,
    refused: 0,
  });
  expect(text).toBe(`\
hits        1,234,567  answered from the cache: 99.0 % of look-ups
misses         12,345  looked up, and nothing good was found
stale               1  answered with what was past its end, as no upstream answered
coalesced          20  misses that waited for an answer already on its way
prefetches        300  answers asked for again before they ended
entries         4,000  answers kept, 5 of them denials of a name and all under it
used          1.3 MiB  of 28.7 MiB: 4.5 %
stores         10,000  answers taken in, 1,000 of them in place of an older one
evictions           0  answers dropped to make room
refused             0  answers not taken in: too large, or the cache was busy
`);
});

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const main = join(projectRoot, "src/main.ts");

describe.each([
  ["bun", [bun, main]],
  ["deno", [deno, "run", "--quiet", ...new Set([...denoPermissions, "--allow-write"]), main]],
] as const)("fdns cache on %s", (runtime, program) => {
  const path = join(folder, `${runtime}-control`);
  const run = (...args: string[]) => runToEnd([...program, "cache", ...args], { env: { FDNS_CONTROL: path } });

  test("without a running fdns is one line and exit code 1", async () => {
    const none = await run("stats");
    expect(none).toMatchObject({ exitCode: 1, stdout: "" });
    expect(none.stderr).toBe(
      `fdns: no fdns listens on ${path}: there is no such socket; does it run, and with the same --control?\n`,
    );
    const file = join(folder, "file");
    writeFileSync(file, "");
    expect((await run("stats", "--control", file)).stderr).toBe(
      `fdns: no fdns listens on ${file}: nobody listens there any more\n`,
    );
    const off = await run("stats", "--control", "off");
    expect(off).toMatchObject({
      exitCode: 2,
      stderr: 'fdns: --control: "off" leaves no socket to ask; a path is allowed\n',
    });
  });

  test("shows, forgets and counts what the running fdns holds", async () => {
    const host = new CacheHost();
    for (const name of ["a.test", "b.a.test", "c.test", "d.test"]) host.keepAddress(name, 300);
    const figures = { hits: 3, misses: 1, stale: 0, coalesced: 0, prefetches: 0 };
    const parts = { store: host.store, time: host.time, staleSeconds: 0, figures: () => figures, onFlush: () => {} };
    const onOrder = cacheOrders(parts, systemClock);
    const control = await openControl({ path, isNamed: true }, { clock: systemClock, log: new FakeLog(), onOrder });
    try {
      expect((await run("stats")).stdout).toMatch(/\nentries +4 {2}answers kept/);
      expect(JSON.parse((await run("stats", "--json")).stdout)).toMatchObject({ hits: 3, entries: 4 });
      expect((await run("dump")).stdout).toContain(
        "; b.a.test. IN A NOERROR, fresh for 300 s\nb.a.test. 300 IN A 192.0.2.1\n",
      );
      expect((await run("flush", "A.test", "--subtree")).stdout).toBe(
        "forgot 2 answers for A.test. and all names under it\n",
      );
      expect((await run("flush", "c.test", "--json")).stdout).toBe('{"forgotten":1}\n');
      expect(await run("flush")).toEqual({ exitCode: 0, stdout: "forgot 1 answer: everything\n", stderr: "" });
      expect((await run("dump")).stdout).toBe("");
    } finally {
      await control?.close();
    }
    expect(existsSync(path)).toBe(false);
  });
});

test("a reader that is slow gets all of a dump", async () => {
  const path = join(folder, "slow-control");
  const host = new CacheHost(4 * 2 ** 20);
  for (let i = 0; i < 10_000; i++) host.keepAddress(`n${i}.test`, 300);
  const figures = { hits: 0, misses: 0, stale: 0, coalesced: 0, prefetches: 0 };
  const parts = { store: host.store, time: host.time, staleSeconds: 0, figures: () => figures, onFlush: () => {} };
  const onOrder = cacheOrders(parts, systemClock);
  const control = await openControl({ path, isNamed: true }, { clock: systemClock, log: new FakeLog(), onOrder });
  try {
    const command = `"${bun}" "${main}" cache dump --control "${path}" | (sleep 1.5; wc -l)`;
    expect((await runToEnd(["sh", "-c", command])).stdout.trim()).toBe("20000");
  } finally {
    await control?.close();
  }
});
