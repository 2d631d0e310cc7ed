/** What a restart keeps, and what an operator sees of the cache: --cache-file, --control and fdns cache. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { decode } from "@leichtgewicht/dns-packet";
import { askUdp, query } from "../support/ask.ts";
import { type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const root = temporaryFolder();
let upstream: ScriptedUpstream;
let folder = "";
const running: RunningFdns[] = [];

beforeAll(async () => {
  upstream = await startScriptedUpstream(root);
});

// What did not end as it should.
afterEach(() => {
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});

afterAll(async () => {
  await upstream.stop();
  rmSync(root, { recursive: true });
});

/** Starts fdns with a cache file and a control socket in this test's folder. */
async function start(env: Record<string, string> = {}, ...flags: string[]): Promise<RunningFdns> {
  const fdns = await startFdns({
    flags: ["--listen", "127.0.0.1:0", "--upstream", upstream.address, "--ca-file", upstream.caFile, ...flags],
    env: { FDNS_CACHE_FILE: join(folder, "cache"), FDNS_CONTROL: join(folder, "control"), ...env },
  });
  running.push(fdns);
  return fdns;
}

function freshFolder(): void {
  folder = mkdtempSync(join(root, "run-"));
}

/** The TTL of the answer, which is one address. */
async function ttlOf(fdns: RunningFdns, name: string): Promise<number> {
  const { answers } = decode(Buffer.from(await askUdp(fdns.port, query({ name }))));
  expect(answers).toHaveLength(1);
  return (answers![0] as { ttl: number }).ttl;
}

const cache = (...args: string[]) => runToEnd([executable, "cache", ...args, "--control", join(folder, "control")]);

async function stats(): Promise<Record<string, number>> {
  return JSON.parse((await cache("stats", "--json")).stdout);
}

/** libfaketime, with the wall clock so many seconds off and the monotonic one as it is. */
function wallAhead(seconds: number): Record<string, string> {
  const [library] = new Bun.Glob("*/faketime/libfaketime.so.1").scanSync("/usr/lib");
  const sign = seconds < 0 ? "-" : "+";
  return {
    LD_PRELOAD: `/usr/lib/${library}`,
    FAKETIME: `${sign}${Math.abs(seconds)}`,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

describe("a restart", () => {
  test("keeps the cache, older by what passed, in a file for its owner alone", async () => {
    freshFolder();
    const first = await start();
    const ttl = await ttlOf(first, "kept.test");
    expect(await first.stop()).toBe(0);
    expect(statSync(join(folder, "cache")).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["cache"]);
    const second = await start(wallAhead(20));
    await second.logged("1 answer restored from the cache file");
    const left = await ttlOf(second, "kept.test");
    expect(left).toBeLessThanOrEqual(ttl - 20);
    expect(left).toBeGreaterThan(ttl - 30);
    expect(await stats()).toMatchObject({ hits: 1, misses: 0, entries: 1 });
    expect(await second.stop()).toBe(0);
  });

  test("with a wall clock an hour back makes no answer younger, and none last longer", async () => {
    freshFolder();
    const first = await start();
    const ttl = await ttlOf(first, "kept.test");
    await first.stop();
    const second = await start(wallAhead(-3600));
    await second.logged("restored");
    expect(await ttlOf(second, "kept.test")).toBeLessThanOrEqual(ttl);
    await second.stop();
  });

  test.each([
    ["cut", (octets: Buffer) => octets.subarray(0, octets.length >> 1)],
    ["changed in one octet", (octets: Buffer) => octets.fill(octets.at(-8)! ^ 1, octets.length - 8, octets.length - 7)],
    ["empty", () => Buffer.alloc(0)],
  ])("with a file that is %s starts empty with one line, and mends it", async (_what, change) => {
    freshFolder();
    const path = join(folder, "cache");
    const first = await start();
    await ttlOf(first, "kept.test");
    await first.stop();
    writeFileSync(path, change(readFileSync(path)));
    const second = await start();
    expect(await second.logged("is ignored")).toMatchObject({ level: "warn" });
    expect(await stats()).toMatchObject({ entries: 0 });
    await ttlOf(second, "kept.test");
    expect(second.log.filter(({ level }) => level === "warn" || level === "error")).toHaveLength(1);
    await second.stop();
    const third = await start();
    await third.logged("1 answer restored");
    await third.stop();
  });

  test("without a folder to write to there is no start; one that goes later is one line, and fdns answers", async () => {
    freshFolder();
    const inside = join(folder, "inside");
    const env = { FDNS_CACHE_FILE: join(inside, "cache") };
    await expect(start(env)).rejects.toThrow("there is no such folder");
    mkdirSync(inside);
    const fdns = await start(env);
    rmSync(inside, { recursive: true });
    await ttlOf(fdns, "a.test");
    expect(await fdns.stop()).toBe(0);
    expect(fdns.log.filter(({ level }) => level === "warn" || level === "error")).toHaveLength(1);
  });

  test("brings back nothing that was forgotten", async () => {
    freshFolder();
    const first = await start();
    for (const name of ["a.test", "b.a.test", "c.test"]) await ttlOf(first, name);
    await first.stop();
    const second = await start();
    await second.logged("3 answers restored");
    expect(await cache("flush", "a.test", "--subtree")).toEqual({
      exitCode: 0,
      stdout: "forgot 2 answers for a.test. and all names under it\n",
      stderr: "",
    });
    await Bun.sleep(1500);
    second.kill("SIGKILL");
    await second.exited;
    const third = await start();
    await third.logged("1 answer restored");
    expect((await cache("dump")).stdout).toStartWith("; c.test. IN A NOERROR, fresh for ");
    await third.stop();
  });
});

describe("the control socket", () => {
  test("is its owner's, is gone at the end, and without it fdns cache says so", async () => {
    freshFolder();
    const path = join(folder, "control");
    const fdns = await start();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await cache("stats")).stdout).toContain("hits ");
    await fdns.stop();
    expect(existsSync(path)).toBe(false);
    const none = await cache("stats");
    expect(none).toMatchObject({ exitCode: 1, stdout: "" });
    expect(none.stderr).toStartWith(`fdns: no fdns listens on ${path}: `);
  });

  test("that is taken is one line, and each fdns answers", async () => {
    freshFolder();
    const first = await start();
    const second = await start({ FDNS_CACHE_FILE: join(folder, "other") });
    expect(await second.logged("no control socket")).toMatchObject({ level: "warn" });
    await ttlOf(second, "a.test");
    expect(await stats()).toMatchObject({ entries: 0 });
    await second.stop();
    expect(existsSync(join(folder, "control"))).toBe(true);
    await first.stop();
  });

  test("of a killed fdns is taken over", async () => {
    freshFolder();
    const first = await start();
    first.kill("SIGKILL");
    await first.exited;
    expect(existsSync(join(folder, "control"))).toBe(true);
    const second = await start();
    expect(await stats()).toMatchObject({ entries: 0 });
    expect(second.log.filter(({ message }) => message.includes("control"))).toEqual([]);
    await second.stop();
  });

  test("is refused to other users", async () => {
    freshFolder();
    chmodSync(root, 0o755);
    chmodSync(folder, 0o755);
    const fdns = await start();
    const program = join(folder, "fdns");
    await Bun.write(program, Bun.file(executable));
    chmodSync(program, 0o755);
    const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const refused = await runToEnd([...asNobody, program, "cache", "stats", "--control", join(folder, "control")], {
      cwd: "/",
    });
    expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
    expect(refused.stderr).toContain("connecting is for the user that fdns runs as");
    await fdns.stop();
  });

  test("without a cache says that there is none", async () => {
    freshFolder();
    const fdns = await start({}, "--cache-size", "0");
    expect(await cache("stats")).toMatchObject({
      exitCode: 1,
      stderr: "fdns: this fdns runs without a cache (--cache-size 0)\n",
    });
    await fdns.stop();
    expect(existsSync(join(folder, "cache"))).toBe(false);
  });
});
