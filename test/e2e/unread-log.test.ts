/** Nobody reads the log: names are answered all the same, fdns ends when it is told to, and what was lost is told. */

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { askUdp, query, rcodeOf } from "../support/ask.ts";
import { type Form, forms, type LogLine } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { bareEnvironment, runToEnd, temporaryFolder } from "../support/toolchain.ts";
import { type StderrKind, startUnread, type UnreadProgram } from "../support/unread-stderr.ts";

const folder = temporaryFolder();
const running: UnreadProgram[] = [];
const upstreams: ScriptedUpstream[] = [];

/** The bound of shutdown, of the lines that still wait, and what a busy machine takes besides. */
const END_MS = 3000;
/** Lines that say that a variable is unknown: more than a pipe and the queue hold. */
const MANY_LINES = 3000;
const manyUnknown = Object.fromEntries(Array.from({ length: MANY_LINES }, (_, i) => [`FDNS_NONE_${i}`, "1"]));

afterEach(async () => {
  for (const fdns of running.splice(0)) {
    try {
      fdns.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.stop()));
});

afterAll(() => rmSync(folder, { recursive: true }));

interface Scene {
  readonly fdns: UnreadProgram;
  readonly port: number;
  readonly upstream: ScriptedUpstream;
}

async function start(
  kind: StderrKind,
  form: Form,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Scene> {
  const upstream = await startScriptedUpstream(folder);
  upstreams.push(upstream);
  const port = await freePort();
  const own = ["--listen", `127.0.0.1:${port}`, "--upstream", upstream.address, "--ca-file", upstream.caFile];
  const fdns = await startUnread(kind, [...forms[form], ...own, ...flags], {
    ...bareEnvironment(),
    FDNS_LOG_FORMAT: "json",
    FDNS_CONTROL: "off",
    ...env,
  });
  running.push(fdns);
  for (let tries = 0; tries < 100; tries++) {
    const response = await ask(port, "cached.test", 100).catch(() => undefined);
    if (response !== undefined && rcodeOf(response) === 0) return { fdns, port, upstream };
  }
  throw new Error("fdns does not answer");
}

const ask = (port: number, name: string, giveUpMs?: number) => askUdp(port, query({ name }), "127.0.0.1", giveUpMs);

/** The upstream goes away, which fdns logs once somebody asks. */
async function loseUpstream({ port, upstream }: Scene): Promise<void> {
  upstreams.splice(upstreams.indexOf(upstream), 1);
  await upstream.stop();
  expect(rcodeOf(await ask(port, "uncached.test"))).toBe(2);
}

async function expectServes({ port }: Scene): Promise<void> {
  for (let i = 0; i < 5; i++) expect(rcodeOf(await ask(port, "cached.test", 2000))).toBe(0);
  const health = await runToEnd([...forms.executable, "health", "--server", `127.0.0.1:${port}`], {});
  expect(health).toMatchObject({ exitCode: 0, stderr: "" });
}

async function expectEnds({ fdns }: Scene): Promise<void> {
  const began = performance.now();
  fdns.kill("SIGTERM");
  expect(await fdns.ended).toEqual({ exit: 0, blocks: true });
  expect(performance.now() - began).toBeLessThan(END_MS);
}

const linesOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as LogLine);

const cases: readonly [form: Form, kind: StderrKind, flags?: readonly string[]][] = [
  ["executable", "pipe"],
  ["executable", "terminal"],
  ["executable", "socket"],
  ["executable", "foreign-pipe"],
  ["executable", "pipe", ["--workers", "2"]],
  ["executable", "pipe", ["--udp-engine", "portable"]],
  ["deno", "pipe"],
  ["deno", "terminal"],
  ["deno", "socket"],
  ["deno", "foreign-pipe"],
];

describe.each(cases)("%s, a %s that is full", (form, kind, flags = []) => {
  test("serves, and ends when it is told to", async () => {
    const scene = await start(kind, form, flags);
    await scene.fdns.fill();
    await loseUpstream(scene);
    await expectServes(scene);
    await expectEnds(scene);
  });

  test("lines that waited come once they are read", async () => {
    const scene = await start(kind, form, flags);
    await scene.fdns.fill();
    await loseUpstream(scene);
    await scene.fdns.read();
    await expectServes(scene);
    // What it says while it ends included.
    await expectEnds(scene);
    const messages = linesOf(scene.fdns.text()).map(({ message }) => message);
    expect(messages.find((message) => message.startsWith("listening on"))).toBeDefined();
    expect(messages.find((message) => message.includes("connection refused"))).toBeDefined();
    expect(messages.at(-1)).toStartWith("SIGTERM");
  });
});

describe.each([
  ["executable", "pipe"],
  ["executable", "foreign-pipe"],
  ["executable", "socket"],
  ["deno", "pipe"],
] as const)("%s, more lines than wait for a %s", (form, kind) => {
  test("are counted, and told once it flows again", async () => {
    const scene = await start(kind, form, [], manyUnknown);
    await expectServes(scene);
    await scene.fdns.read();
    while (!scene.fdns.text().includes('"lost":')) await Bun.sleep(10);
    await loseUpstream(scene);
    await expectEnds(scene);
    const lines = linesOf(scene.fdns.text());
    const isUnknown = ({ message }: LogLine) => message.includes("FDNS_NONE_");
    const told = lines.findIndex(({ message }) => message.includes("lost"));
    const { level, lost, since } = lines[told] as LogLine & { lost: number; since: string };
    expect(level).toBe("warn");
    expect(Date.parse(since)).not.toBeNaN();
    // One gap, told of at its place; "listening" is lost in it.
    expect(lines.findLastIndex(isUnknown)).toBe(told - 1);
    expect(lines.filter(isUnknown).length + lost).toBe(MANY_LINES + 1);
    expect(lines[told + 1]!.message).toContain("connection refused");
    expect(lines.filter(({ message }) => message.includes("lost"))).toHaveLength(1);
  });
});

describe.each(["executable", "deno"] as const)("%s", (form) => {
  test("a file is written behind what is in it", async () => {
    const scene = await start("file", form);
    await loseUpstream(scene);
    await expectEnds(scene);
    const text = scene.fdns.text();
    expect(text).toStartWith("what was there before\n{");
    expect(linesOf(text).at(-1)!.message).toStartWith("SIGTERM");
  });

  test("a reader that is gone changes nothing", async () => {
    const scene = await start("pipe", form);
    await scene.fdns.hangUp();
    await loseUpstream(scene);
    await expectServes(scene);
    await expectEnds(scene);
  });

  test.each([true, false])("a start that fails says why and ends, read: %s", async (isRead) => {
    const command = [...forms[form], "--listen", "192.0.2.1:5353", "--upstream", "127.0.0.1#dot.test"];
    const env = { ...bareEnvironment(), FDNS_CONTROL: "off", ...(isRead ? {} : manyUnknown) };
    const fdns = await startUnread("pipe", command, env);
    running.push(fdns);
    if (isRead) await fdns.read();
    expect(await fdns.ended).toEqual({ exit: 1, blocks: true });
    if (isRead) expect(fdns.text()).toContain("fdns: ");
  });
});

/** Free for TCP, so most likely for UDP. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

describe.each([
  ["demo", "Ctrl-C ends it"],
  ["test-upstream --listen 127.0.0.1:0", '"spkiPin"'],
])("fdns %s, of which nobody reads a word", (args, lastWords) => {
  async function startMute(): Promise<UnreadProgram> {
    // Late enough for all it writes to find the pipe full.
    const late = ["sh", "-c", 'sleep 0.3; exec "$@" >&2', "sh", ...forms.executable, ...args.split(" ")];
    const mute = await startUnread("pipe", late, bareEnvironment());
    running.push(mute);
    await mute.fill();
    await Bun.sleep(1000);
    return mute;
  }

  test("ends when it is told to", async () => {
    const mute = await startMute();
    mute.kill("SIGTERM");
    expect(await Promise.race([mute.ended, Bun.sleep(END_MS)])).toMatchObject({ exit: 0 });
  });

  test("goes on once somebody reads", async () => {
    const mute = await startMute();
    await mute.read();
    while (!mute.text().includes(lastWords)) await Bun.sleep(10);
    mute.kill("SIGINT");
    expect(await mute.ended).toMatchObject({ exit: 0 });
  });
});
