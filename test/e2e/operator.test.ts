/** What an operator meets: output that cannot be written, starts that cannot be, help, and plain terminals. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { commands } from "../../src/cli/commands.ts";
import { askUdp, query } from "../support/ask.ts";
import { type Form, forms, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { type Finished, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const everyForm = Object.keys(forms) as Form[];
const folder = temporaryFolder();
let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder);
});

afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

const run = (args: readonly string[], form: Form = "executable", env: Record<string, string> = {}) =>
  runToEnd([...forms[form], ...args], { env: { FDNS_CONTROL: "off", ...env } });

/** Root may write anywhere: a command put behind this may not. */
const unprivileged =
  process.getuid?.() === 0
    ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
    : [];

/** Flags that ask the scripted upstream. */
const asking = () => ["--upstream", upstream.address, "--ca-file", upstream.caFile];

/** An fdns before the scripted upstream; ends with the block. */
async function serving(...flags: string[]) {
  const server = await startFdns({ flags: ["--listen", "127.0.0.1:0", ...asking(), ...flags] });
  return { port: server.port, [Symbol.asyncDispose]: async () => void (await server.stop()) };
}

/** Runs it with what it prints going where the shell says: ">/dev/full". */
const redirected = (args: readonly string[], where: string, form: Form = "executable", env = {}) =>
  runToEnd(["sh", "-c", `"$@" ${where}`, "sh", ...forms[form], ...args], { env });

describe("output that cannot be written is an error", () => {
  const fails = (finished: Finished) => {
    expect(finished.stderr).toContain("fdns: standard output cannot be written: no space is left on the device\n");
    expect(finished.exitCode).toBe(1);
  };

  test.each(everyForm)("%s: help, version, check", async (form) => {
    for (const args of [["--help"], ["version"], ["check", "--listen", "127.0.0.1:0", "--control", "off"]]) {
      fails(await redirected(args, ">/dev/full", form));
    }
  });

  test("query, doctor, demo, health, test-upstream", async () => {
    await using server = await serving();
    for (const args of [
      ["query", "a.test", ...asking()],
      ["query", "a.test", "--json", ...asking()],
      ["doctor", ...asking()],
      ["demo", "--once"],
      ["health", "--verbose", "--server", `127.0.0.1:${server.port}`],
      ["test-upstream", "--listen", "127.0.0.1:0"],
    ]) {
      fails(await redirected(args, ">/dev/full"));
    }
  });

  test("cache", async () => {
    const control = join(folder, "control");
    await using server = await serving("--control", control);
    await askUdp(server.port, query({ name: "a.test" }));
    for (const action of ["stats", "dump", "flush"]) {
      fails(await redirected(["cache", action, "--control", control], ">/dev/full"));
    }
  });

  test("but not that the reader has seen enough", async () => {
    const finished = await redirected(["help"], "| true", "executable");
    expect(finished).toMatchObject({ exitCode: 0, stderr: "" });
  });
});

describe("check ends as serve would, says the same, and leaves nothing behind", () => {
  let held: Server;
  let port: number;

  beforeAll(async () => {
    held = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => held.once("listening", resolve));
    port = (held.address() as { port: number }).port;
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "kept"));
  });

  afterAll(() => held.close());

  const cases: readonly (readonly [name: string, flags: () => string[], exitCode: number, reason: RegExp])[] = [
    [
      "an address in use",
      () => ["--listen", `127.0.0.1:${port}`],
      1,
      /cannot listen on 127\.0\.0\.1:\d+ over TCP: the address is in use; see what holds it with: ss -lntup/,
    ],
    [
      "an IPv6 address that the host does not have",
      () => ["--listen", "[2001:db8::1]:5399"],
      1,
      /cannot listen on \[2001:db8::1\]:5399 over UDP: this host has no such address;/,
    ],
    [
      "pages on an address in use",
      () => ["--listen", "127.0.0.1:0", "--admin", `127.0.0.1:${port}`],
      1,
      /cannot listen on 127\.0\.0\.1:\d+ over HTTP: the address is in use;/,
    ],
    [
      "pages where clients are answered",
      () => ["--listen", ":5399", "--admin", "127.0.0.1:5399"],
      2,
      /--admin: 127\.0\.0\.1:5399 is taken by --listen :5399/,
    ],
    [
      "a cache file in no folder",
      () => ["--listen", "127.0.0.1:0", "--cache-file", join(folder, "none/cache")],
      2,
      /--cache-file: "\S+none\/cache": there is no such folder;/,
    ],
    [
      "a cache file below a file",
      () => ["--listen", "127.0.0.1:0", "--cache-file", join(folder, "file/cache")],
      2,
      /--cache-file: "\S+file\/cache": its folder is a file;/,
    ],
    [
      "a control socket in no folder",
      () => ["--listen", "127.0.0.1:0", "--control", join(folder, "none/control")],
      2,
      /--control: "\S+none\/control": there is no such folder;/,
    ],
    [
      "several workers with an engine that cannot share",
      () => ["--listen", "127.0.0.1:0", "--workers", "4", "--udp-engine", "portable"],
      2,
      /--workers: 4 cannot share a port with --udp-engine portable;/,
    ],
    [
      "a cache file whose name is a folder's",
      () => ["--listen", "127.0.0.1:0", "--cache-file", `${join(folder, "nothing")}/`],
      2,
      /--cache-file: "\S+nothing\/": it ends in \/ as the path of a folder does;/,
    ],
    [
      "a cache file beside which none can be written, as its name is the longest there can be",
      () => ["--listen", "127.0.0.1:0", "--cache-file", join(folder, "b".repeat(255))],
      2,
      /--cache-file: "\S+b{50}\S* \(\d+ octets\): the path is too long;/,
    ],
    [
      "roots that cannot be read",
      () => ["--listen", "127.0.0.1:0", "--ca-file", join(folder, "none.pem")],
      2,
      /--ca-file "\S+none\.pem": there is no such file;/,
    ],
  ];

  test.each(cases)("%s", async (_name, flags, exitCode, reason) => {
    for (const form of everyForm) {
      // One after the other: each would find what the other has bound.
      const checked = await run(["check", ...flags()], form);
      const served = await run(["serve", "--log-level", "error", ...flags()], form);
      expect(checked.stderr).toMatch(reason);
      expect(checked.stderr).not.toMatch(/\bE[A-Z]{4,}\b/);
      expect([checked.exitCode, served.exitCode]).toEqual([exitCode, exitCode]);
      expect(served.stderr).toBe(checked.stderr);
    }
  });

  test("a folder that may not be written to, as a user without privileges", async () => {
    const closed = join(folder, "closed");
    mkdirSync(closed, { mode: 0o555 });
    const flags = ["--listen", "127.0.0.1:0", "--cache-file", join(closed, "cache"), "--control", "off"];
    for (const command of ["check", "serve"]) {
      const finished = await runToEnd([...unprivileged, ...forms.executable, command, ...flags]);
      expect(finished).toEqual({
        exitCode: 2,
        stdout: "",
        stderr: `fdns: --cache-file: "${closed}/cache": fdns may not write there; expected a path in a writable folder\n`,
      });
    }
  });

  test("what can start is found to be, and no file is made", async () => {
    const kept = join(folder, "kept");
    const flags = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cache-file", join(kept, "cache")];
    for (const form of everyForm) {
      const checked = await run(["check", ...flags, "--control", join(kept, "control")], form);
      expect(checked).toMatchObject({ exitCode: 0, stderr: "" });
      expect(checked.stdout).toContain("listen: 127.0.0.1:0\n");
    }
    expect(readdirSync(kept)).toEqual([]);
  });

  test("several reasons are all told", async () => {
    const flags = ["--listen", `127.0.0.1:${port}`, "--cache-file", "/none/c", "--control", "/none/d"];
    const { stderr } = await run(["check", ...flags]);
    expect(stderr.split("\n").map((line) => /--\S+:|cannot listen/.exec(line)?.[0])).toEqual([
      "--cache-file:",
      "--control:",
      "cannot listen",
      undefined,
    ]);
  });
});

test("a file named by a flag that cannot be read or written ends every command with 2", async () => {
  const none = join(folder, "none", "file");
  for (const args of [
    ["serve", "--ca-file", none],
    ["check", "--ca-file", none],
    ["query", "a.test", "--ca-file", none],
    ["doctor", "--ca-file", none],
    ["test-upstream", "--zone", none],
    ["test-upstream", "--scenario", none],
    ["test-upstream", "--listen", "127.0.0.1:0", "--ca-out", none],
    ["query", "a.test", "--ca-file", folder],
  ]) {
    const finished = await run(args);
    expect([args, finished.exitCode, finished.stdout]).toEqual([args, 2, ""]);
    expect(finished.stderr).not.toMatch(/\bE[A-Z]{4,}\b/);
    expect(finished.stderr.split(args.at(-1)!)).toHaveLength(2);
  }
});

test("a value of 100,000 octets is told once, cut and with its length", async () => {
  const long = "x".repeat(100_000);
  for (const args of [
    ["--listen", long],
    ["--listen", `-${long}`],
    [`--${long}`],
    [long],
    ["check", long],
    ["query", `a..${long}`],
    ["query", "a.test", long],
    ["cache", long],
    ["test-upstream", "--rcode", long],
    ["test-upstream", "--zone", long.slice(0, 4000)],
    ["health", "--server", long],
    ["help", long],
  ]) {
    const { exitCode, stderr } = await run(args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(" octets)");
    expect(stderr.match(/x{200}/g)).toHaveLength(1);
    expect(stderr.length).toBeLessThan(900);
  }
});

describe("help", () => {
  test.each(commands.map(({ name }) => name))("fdns help %s and fdns %s --help fit 80 columns", async (name) => {
    const [named, flagged] = await Promise.all([run(["help", name]), run([name, "--help"])]);
    expect(named).toMatchObject({ exitCode: 0, stderr: "" });
    expect(flagged).toEqual(named);
    expect(named.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("fdns help is that of fdns itself, and names no unknown command", async () => {
    const [help, flagged] = await Promise.all([run(["help"]), run(["--help"])]);
    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    expect(help).toEqual(flagged);
    expect(help.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const unknown = await run(["help", "qurey"]);
    expect(unknown).toMatchObject({ exitCode: 2, stdout: "" });
    expect(unknown.stderr).toContain('unknown command "qurey"; did you mean query?');
  });

  test.each(["-v", "-V", "--version"])("%s is the version, before a command's name and behind it", async (flag) => {
    const [version, ...others] = await Promise.all([["version"], [flag], ["query", flag]].map((args) => run(args)));
    expect(version).toMatchObject({ exitCode: 0, stderr: "" });
    expect(others).toEqual([version!, version!]);
  });
});

describe("at a terminal", () => {
  /** What it prints at a terminal of its own, standard error included. */
  const atTerminal = async (args: readonly string[], env: Record<string, string>, within: readonly string[] = []) => {
    const line = [...within, ...forms.executable, ...args].map((word) => `'${word}'`).join(" ");
    return (await runToEnd(["script", "-qec", line, "/dev/null"], { env: { TERM: "xterm", ...env } })).stdout;
  };

  test.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])("%j: no control sequence at all", async (plain) => {
    for (const args of [["doctor", ...asking()], ["query", "a.test", ...asking()], ["--help"], ["health"]]) {
      const shown = await atTerminal(args, plain as Record<string, string>);
      expect(shown).not.toContain("\u001b");
      expect(shown.replaceAll("\r\n", "")).not.toContain("\r");
    }
  });

  test("else the progress line is redrawn, and colours are shown", async () => {
    expect(await atTerminal(["doctor", ...asking()], {})).toContain("\r\u001b[K");
    expect(await atTerminal(["query", "a.test", ...asking()], {})).toContain("\u001b[32m");
  });

  test("a line of the log begins with the time of day", async () => {
    const flags = ["--listen", "127.0.0.1:0", "--control", "off", ...asking()];
    const shown = await atTerminal(flags, { NO_COLOR: "1" }, ["timeout", "--foreground", "1"]);
    expect(shown).toMatch(/^\d\d:\d\d:\d\d ℹ listening on /m);
  });
});
