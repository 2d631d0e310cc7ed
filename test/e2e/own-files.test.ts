/** Paths that fdns is given to write to: what is not its own stays as it is, and one process writes. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { askUdp, query, rcodeOf } from "../support/ask.ts";
import { forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const root = temporaryFolder();
let upstream: ScriptedUpstream;
let folder = "";
const running: RunningFdns[] = [];

beforeAll(async () => {
  upstream = await startScriptedUpstream(root);
});

beforeEach(() => {
  folder = mkdtempSync(join(root, "run-"));
});

// What did not end as it should.
afterEach(() => {
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});

afterAll(async () => {
  await upstream.stop();
  rmSync(root, { recursive: true });
});

const TEXT = "root:x:0:0:root:/root:/bin/sh\n";

/** What can be at a path that is not fdns' own. */
const foreign: readonly (readonly [what: string, make: (path: string) => void, told: string])[] = [
  ["a text", (path) => writeFileSync(path, TEXT), "it is no cache file of fdns"],
  ["a single octet", (path) => writeFileSync(path, "x"), "it is no cache file of fdns"],
  [
    "a link to a text",
    (path) => {
      writeFileSync(`${path}.target`, TEXT);
      symlinkSync(`${path}.target`, path);
    },
    "it is a symbolic link",
  ],
  ["a link to nothing", (path) => symlinkSync(`${path}.none`, path), "it is a symbolic link"],
  ["a folder", (path) => mkdirSync(path), "it is a folder"],
  ["a FIFO", (path) => void Bun.spawnSync(["mkfifo", path]), "it is no regular file"],
  ["a device", (path) => void Bun.spawnSync(["mknod", path, "c", "1", "7"]), "it is no regular file"],
  [
    "a hard link",
    (path) => {
      writeFileSync(`${path}.target`, "");
      linkSync(`${path}.target`, path);
    },
    "it has a second name",
  ],
  [
    "another user's file",
    (path) => {
      writeFileSync(path, "");
      chownSync(path, 65_534, 65_534);
    },
    "it belongs to user 65534",
  ],
];

/** All there is to see of the folder. */
function look(): unknown {
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const { ino, mode, uid, nlink, size, mtimeMs } = lstatSync(join(folder, name));
      return { name, ino, mode, uid, nlink, size, mtimeMs };
    });
}

const named = (flag: string, value: string) => ["--listen", "127.0.0.1:0", "--upstream", upstream.address, flag, value];

describe("a cache file that is not fdns' own", () => {
  test.each(foreign)("%s: is an error at the start and in check, and left as it is", async (_what, make, told) => {
    const path = join(folder, "precious");
    make(path);
    const before = look();
    for (const command of ["serve", "check"]) {
      const flags = [...named("--cache-file", path), "--ca-file", upstream.caFile];
      const { exitCode, stderr, stdout } = await runToEnd(["timeout", "5", executable, command, ...flags], {
        env: { FDNS_CONTROL: "off" },
      });
      expect(stderr).toStartWith(`fdns: --cache-file: "${path}": ${told}`);
      expect(stderr.trimEnd()).not.toContain("\n");
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    }
    expect(look()).toEqual(before);
  });
});

describe("a control socket's path", () => {
  test.each([
    ["a text", (path: string) => writeFileSync(path, TEXT), "it is a file, and no socket"],
    ["an empty file", (path: string) => writeFileSync(path, ""), "it is a file, and no socket"],
    ["a link", (path: string) => symlinkSync(`${path}.none`, path), "it is a symbolic link, and no socket"],
    ["a folder", (path: string) => mkdirSync(path), "it is a folder, and no socket"],
  ])("with %s: is an error at the start and in check, and left as it is", async (_what, make, told) => {
    const path = join(folder, "control");
    make(path);
    const before = look();
    for (const command of ["serve", "check"]) {
      const flags = [...named("--control", path), "--ca-file", upstream.caFile];
      const { exitCode, stderr } = await runToEnd(["timeout", "5", executable, command, ...flags]);
      expect(stderr).toStartWith(`fdns: --control: "${path}": ${told}`);
      expect(exitCode).toBe(2);
    }
    expect(look()).toEqual(before);
  });

  test("that another program has taken since is not removed at the end", async () => {
    const path = join(folder, "control");
    const fdns = await start("executable", { FDNS_CONTROL: path });
    renameSync(path, `${path}.before`);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(path, resolve));
    const { ino } = statSync(path);
    expect(await fdns.stop()).toBe(0);
    expect(statSync(path).ino).toBe(ino);
    other.close();
  });
});

/** With a permission that Deno needs for files; "deno without the C library" has none to call it. */
const commands = {
  executable: forms.executable,
  deno: forms.deno.toSpliced(2, 0, "--allow-write"),
  "deno without the C library": forms.deno.toSpliced(2, 0, "--allow-write").filter((one) => one !== "--allow-ffi"),
} as const;

async function start(form: keyof typeof commands, env: Record<string, string>, within: string[] = []) {
  const fdns = await startFdns({
    command: commands[form],
    flags: ["--listen", "127.0.0.1:0", "--upstream", upstream.address, "--ca-file", upstream.caFile],
    env,
    within,
  });
  running.push(fdns);
  return fdns;
}

const answer = async ({ port }: RunningFdns, name: string) => rcodeOf(await askUdp(port, query({ name })));
const troubles = ({ log }: RunningFdns) => log.filter(({ level }) => level === "warn" || level === "error");

describe.each(Object.keys(commands) as (keyof typeof commands)[])("two with one cache file, %s", (form) => {
  test("the first writes it, the second reads it and takes over, and nothing is left beside it", async () => {
    const env = { FDNS_CACHE_FILE: join(folder, "cache") };
    const before = await start(form, env);
    expect(await answer(before, "before.test")).toBe(0);
    expect(await before.stop()).toBe(0);
    const first = await start(form, env);
    await first.logged("1 answer restored");
    const second = await start(form, env);
    await second.logged("1 answer restored");
    expect(await second.logged("is written by another fdns")).toMatchObject({ level: "info" });
    expect(await answer(first, "first.test")).toBe(0);
    expect(await answer(second, "second.test")).toBe(0);
    expect(await first.stop()).toBe(0);
    expect(readFileSync(env.FDNS_CACHE_FILE, "latin1")).toContain("first");
    expect(await second.stop()).toBe(0);
    const kept = readFileSync(env.FDNS_CACHE_FILE, "latin1");
    expect([kept.includes("before"), kept.includes("second")]).toEqual([true, true]);
    expect(readdirSync(folder)).toEqual(["cache"]);
    expect([first, second].flatMap(troubles)).toEqual([]);
  });

  test("one that was killed keeps nobody from it", async () => {
    const env = { FDNS_CACHE_FILE: join(folder, "cache") };
    const first = await start(form, env);
    first.kill("SIGKILL");
    await first.exited;
    const second = await start(form, env);
    expect(await answer(second, "kept.test")).toBe(0);
    expect(await second.stop()).toBe(0);
    expect(readFileSync(env.FDNS_CACHE_FILE, "latin1")).toContain("kept");
    expect(troubles(second)).toEqual([]);
  });
});

test("a disk that is full leaves the old file, and nothing beside it", async () => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const path = join(disk, "cache");
  const script = `mount -t tmpfs -o size=64k tmpfs ${disk} && exec "$@"`;
  const fdns = await start("executable", { FDNS_CACHE_FILE: path, FDNS_CONTROL: join(folder, "control") }, [
    ..."unshare --mount sh -c".split(" "),
    script,
    "sh",
  ]);
  const seen = (name: string) => join(`/proc/${fdns.pid}/root`, name);
  expect(await answer(fdns, "old.test")).toBe(0);
  const flush = () => runToEnd([executable, "cache", "flush", "none.test", "--control", join(folder, "control")]);
  // The file is written a second after a flush.
  expect((await flush()).exitCode).toBe(0);
  while (!readFileSync(seen(path), "latin1").includes("old")) await Bun.sleep(50);
  const before = readFileSync(seen(path));
  writeFileSync(seen(join(disk, "ballast")), new Uint8Array(60 * 1024 - 4096 * Math.ceil(before.length / 4096)));
  for (let i = 0; i < 200; i++) expect(await answer(fdns, `name-${i}.test`)).toBe(0);
  await flush();
  expect(await fdns.logged("cannot be written")).toMatchObject({ level: "warn" });
  expect(readFileSync(seen(path))).toEqual(before);
  expect(readdirSync(seen(disk)).sort()).toEqual(["ballast", "cache"]);
  rmSync(seen(join(disk, "ballast")));
  await flush();
  await fdns.logged("can be written again");
  expect(await fdns.stop()).toBe(0);
});

describe("fdns test-upstream --ca-out", () => {
  const run = (path: string) =>
    runToEnd([
      "timeout",
      "--signal=TERM",
      "1",
      executable,
      "test-upstream",
      "--listen",
      "127.0.0.1:0",
      "--ca-out",
      path,
    ]);

  test.each(foreign.filter(([what]) => !what.includes("octet")))(
    "to %s is an error, and it stays",
    async (_what, make) => {
      const path = join(folder, "ca.pem");
      make(path);
      const before = look();
      const { exitCode, stderr, stdout } = await run(path);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toStartWith(`fdns: --ca-out "${path}": it `);
      expect(look()).toEqual(before);
    },
  );

  test("takes the place of another run's, and of nobody else's certificate", async () => {
    const path = join(folder, "ca.pem");
    await run(path);
    const first = readFileSync(path, "utf8");
    await run(path);
    const second = readFileSync(path, "utf8");
    expect(second).toStartWith("-----BEGIN CERTIFICATE-----");
    expect(second).not.toBe(first);
    const others = readFileSync("/etc/ssl/certs/ca-certificates.crt", "utf8");
    writeFileSync(path, others);
    expect((await run(path)).exitCode).toBe(2);
    expect(readFileSync(path, "utf8")).toBe(others);
    expect(existsSync(path)).toBe(true);
    expect(readdirSync(folder)).toEqual(["ca.pem"]);
  });
});
