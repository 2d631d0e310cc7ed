/** A host whose clock starts in 1970: who is asked then, what for, and on what proof. */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askUdp, extendedErrors, query, rcodeOf } from "../support/ask.ts";
import { type LogLine, type RunningFdns, startFdns } from "../support/fdns.ts";
import { startImpostor } from "../support/impostor.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const SERVFAIL = 2;
const NETWORK_ERROR = 23;
const TIME_SERVER = "0.pool.example";
const SAYS = "the clock of this host says ";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

/** What a test started, and its end has to be the test's too. */
const started: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

function toBeStopped<Started extends { stop(): Promise<unknown> }>(one: Started): Started {
  started.push(one);
  return one;
}

/** A scripted upstream with a folder, and so a CA file, of its own. */
async function startUpstream(flags: readonly string[] = [], env?: Record<string, string>): Promise<ScriptedUpstream> {
  const own = mkdtempSync(join(folder, "upstream-"));
  return toBeStopped(await startScriptedUpstream(own, flags, env === undefined ? executable : within(env)));
}

/** Moves a program's clock: `at` as libfaketime reads it, "@1970-01-02 00:00:00", or a file that holds that. */
function faketime(at: { FAKETIME: string } | { FAKETIME_TIMESTAMP_FILE: string }): Record<string, string> {
  const [library] = new Bun.Glob("*/faketime/libfaketime.so.1").scanSync("/usr/lib");
  return {
    LD_PRELOAD: `/usr/lib/${library}`,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    FAKETIME_NO_CACHE: "1",
    TZ: "UTC",
    ...at,
  };
}

/** The executable with these variables. */
function within(env: Record<string, string>): string[] {
  return ["env", ...Object.entries(env).map(([name, value]) => `${name}=${value}`), executable];
}

/** The clock so many days before the executable was built, which it says itself. */
async function beforeBuild(days: number): Promise<Record<string, string>> {
  const { stdout } = await runToEnd([executable, "check", "--time-server", TIME_SERVER]);
  const built = Date.parse(/while the clock is before ([0-9-]{10}),/.exec(stdout)![1]!);
  const day = new Date(built - days * 86_400_000).toISOString().slice(0, 10);
  return faketime({ FAKETIME: `@${day} 00:00:00` });
}

const in1970 = faketime({ FAKETIME: "@1970-01-02 00:00:00" });

/** fdns with the clock of these variables, and a time server listed. */
async function startAt(env: Record<string, string>, upstream: string, caFile: string): Promise<RunningFdns> {
  const flags = ["--upstream", upstream, "--ca-file", caFile, "--time-server", TIME_SERVER];
  return toBeStopped(await startFdns({ flags: ["--listen", "127.0.0.1:0", ...flags], env }));
}

const ask = (fdns: RunningFdns, name: string) => askUdp(fdns.port, query({ name, udpPayloadSize: 1232 }));

interface Outcome {
  readonly timeServer: Uint8Array;
  readonly other: Uint8Array;
  readonly log: readonly LogLine[];
  readonly counters: Record<string, unknown>;
}

/** fdns before one upstream, asked for a time server's name, for another one and for one below it. */
async function outcomeOf(
  upstream: ScriptedUpstream,
  pin: string,
  caFile = upstream.caFile,
  env = in1970,
): Promise<Outcome> {
  const fdns = await startAt(env, upstream.address + pin, caFile);
  const timeServer = await ask(fdns, TIME_SERVER.toUpperCase());
  const other = await ask(fdns, "secret.example");
  expect(rcodeOf(await ask(fdns, `below.${TIME_SERVER}`))).toBe(SERVFAIL);
  return { timeServer, other, log: fdns.log, counters: await upstream.stop() };
}

function expectRefused({ timeServer, other, counters }: Outcome): void {
  for (const answer of [timeServer, other]) {
    expect(rcodeOf(answer)).toBe(SERVFAIL);
    expect(extendedErrors(answer)).toEqual([NETWORK_ERROR]);
  }
  expect(counters).toMatchObject({ applicationOctets: 0, queries: 0 });
  expect(counters.connections).toBeGreaterThan(0);
}

const texts = (log: readonly LogLine[]) => log.map(({ message }) => message).join("\n");
const linesOfClock = (log: readonly LogLine[]) =>
  log.map(({ message }) => message).filter((text) => text.startsWith(SAYS));

describe("before the build", () => {
  test("with the right pin the time server's name is resolved, and no other", async () => {
    const upstream = await startUpstream();
    const { timeServer, other, counters, log } = await outcomeOf(upstream, `?pin=${upstream.spkiPin}`);
    expect(rcodeOf(timeServer)).toBe(0);
    expect(rcodeOf(other)).toBe(SERVFAIL);
    expect(extendedErrors(other)).toEqual([NETWORK_ERROR]);
    expect(counters).toMatchObject({ queries: 1 });
    expect(linesOfClock(log)).toEqual([
      expect.stringMatching(/1970-01-02T.* the names of --time-server are resolved over the upstreams with pins$/),
    ]);
  });

  test("with another pin nobody hears a word", async () => {
    const upstream = await startUpstream();
    const outcome = await outcomeOf(upstream, `?pin=sha256/${"A".repeat(43)}=`);
    expectRefused(outcome);
    expect(texts(outcome.log)).toContain(`none of the pinned ones; it is pin=${upstream.spkiPin}`);
  });

  test("without a pin nobody hears a word, and the log says what to do", async () => {
    const outcome = await outcomeOf(await startUpstream(), "");
    expectRefused(outcome);
    expect(linesOfClock(outcome.log)).toEqual([expect.stringContaining("set it, or pin an upstream")]);
  });

  test("an unpinned upstream beside a pinned one is not asked", async () => {
    const [pinned, other] = [await startUpstream(), await startUpstream()];
    const fdns = await startAt(in1970, `${other.address} ${pinned.address}?pin=${pinned.spkiPin}`, pinned.caFile);
    expect(rcodeOf(await ask(fdns, TIME_SERVER))).toBe(0);
    expect(await other.stop()).toMatchObject({ applicationOctets: 0 });
  });

  test.each(["wrong-name", "cn-only"])("the right key in a certificate that is %s: refused", async (kind) => {
    const upstream = await startUpstream(["--certificate", kind]);
    expectRefused(await outcomeOf(upstream, `?pin=${upstream.spkiPin}`));
  });

  test("the right key in a certificate that ended before the build: refused, the clock does not excuse it", async () => {
    const upstream = await startUpstream([], await beforeBuild(365));
    const outcome = await outcomeOf(upstream, `?pin=${upstream.spkiPin}`);
    expectRefused(outcome);
    expect(texts(outcome.log)).toContain("expired before this fdns was built");
  });

  test.each([
    ["in 1970", in1970],
    ["today", {}],
  ])("a rogue CA, whose dates are right %s: refused by its key", async (_when, env) => {
    const [rogue, trusted] = [await startUpstream([], env), await startUpstream()];
    expectRefused(await outcomeOf(rogue, `?pin=${trusted.spkiPin}`, trusted.caFile));
  });

  test("a rogue CA, whose dates are right for the wrong clock: refused for its CA even with the right pin", async () => {
    const lately = await beforeBuild(1);
    const [rogue, trusted] = [await startUpstream([], lately), await startUpstream()];
    const outcome = await outcomeOf(rogue, `?pin=${rogue.spkiPin}`, trusted.caFile, lately);
    expectRefused(outcome);
    expect(linesOfClock(outcome.log)).toHaveLength(1);
    expect(texts(outcome.log)).toContain("does not lead to a trusted root");
  });

  test("the pinned certificate, shown by one who does not hold its key: refused", async () => {
    const impostor = toBeStopped(await startImpostor(folder));
    const fdns = await startAt(in1970, `${impostor.address}?pin=${impostor.spkiPin}`, impostor.caFile);
    expect(rcodeOf(await ask(fdns, TIME_SERVER))).toBe(SERVFAIL);
    const counts = await impostor.stop();
    expect(counts).toMatchObject({ handshakes: 0, octets: 0 });
    expect(counts.refused).toBeGreaterThan(0);
  });
});

test("set right while it runs: every name is resolved at once, and the log says so", async () => {
  const upstream = await startUpstream();
  const file = join(folder, "time");
  const set = (text: string) => {
    writeFileSync(`${file}.new`, `${text}\n`);
    renameSync(`${file}.new`, file);
  };
  set("@1970-01-02 00:00:00");
  const env = faketime({ FAKETIME_TIMESTAMP_FILE: file });
  const fdns = await startAt(env, `${upstream.address}?pin=${upstream.spkiPin}`, upstream.caFile);
  expect(rcodeOf(await ask(fdns, TIME_SERVER))).toBe(0);
  expect(rcodeOf(await ask(fdns, "secret.example"))).toBe(SERVFAIL);
  set("+0");
  await fdns.logged("certificates are checked, dates included");
  expect(rcodeOf(await ask(fdns, "secret.example"))).toBe(0);
  expect(linesOfClock(fdns.log)).toHaveLength(2);
});

test("with the right clock nothing is said of it, and a pin excuses no dates", async () => {
  const upstream = await startUpstream(["--certificate", "not-yet-valid"]);
  const fdns = await startAt({}, `${upstream.address}?pin=${upstream.spkiPin}`, upstream.caFile);
  expect(rcodeOf(await ask(fdns, TIME_SERVER))).toBe(SERVFAIL);
  expect(linesOfClock(fdns.log)).toEqual([]);
  expect(await upstream.stop()).toMatchObject({ applicationOctets: 0 });
});
