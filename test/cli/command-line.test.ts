/** The command line as a process sees it: `bun src/main.ts` with arguments and environment. */

import { describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "@leichtgewicht/dns-packet";
import packageJson from "../../package.json" with { type: "json" };
import { commands } from "../../src/cli/commands.ts";
import { projectRoot } from "../support/sources.ts";
import { bareEnvironment, bun, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const main = join(projectRoot, "src/main.ts");

const fdns = (args: readonly string[], env: Record<string, string> = {}) => runToEnd([bun, main, ...args], { env });

describe("a mistake is one line on standard error that names it, and exit code 2", () => {
  test.each([
    [["--listne", ":53"], {}, "unknown flag --listne; did you mean --listen?"],
    [["--listen", "53"], {}, '--listen: "53"'],
    [["--listen", ":53", "serve", "--upstream", "udp://1.1.1.1"], {}, "DNS over TLS"],
    [["--query-timeout", "4s", "--query-timeout", "5s"], {}, "--query-timeout is given twice"],
    [["chekc"], {}, 'unknown command "chekc"; did you mean check?'],
    [["check", "now"], {}, '"now" is given'],
    [["check"], { FDNS_MAX_UDP_SIZE: "9" }, 'FDNS_MAX_UDP_SIZE: "9" is not allowed; a whole number from 512 to 4096'],
    [["check"], { DNSSERVER: "https://dns.google/" }, "DNSSERVER: "],
    [["check", "--ca-file", "/no/such/file"], { FDNS_LISTEN: "127.0.0.1:0" }, "/no/such/file"],
    [[], { NODE_TLS_REJECT_UNAUTHORIZED: "0" }, "NODE_TLS_REJECT_UNAUTHORIZED"],
    [["--listen", "a\u001b[2J\nb"], {}, "a\\x1b[2J"],
  ])("%j %j", async (args, env, message) => {
    const run = await fdns(args, env as Record<string, string>);
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toStartWith("fdns: ");
    expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(run.stderr).toContain(message);
  });
});

describe("--help", () => {
  test("lists every command, the examples, the variables and the exit codes, without colour in a pipe", async () => {
    const run = await fdns(["--help"]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    for (const { name } of commands) expect(run.stdout).toContain(name);
    for (const part of ["--upstream-allow", "EXAMPLES", "ENVIRONMENT", "FDNS_CA_FILE", "EXIT CODES"]) {
      expect(run.stdout).toContain(part);
    }
    expect(run.stdout).not.toContain("\u001b");
    expect(Math.max(...run.stdout.split("\n").map((line) => line.length))).toBeLessThan(140);
  });

  test.each(commands.map((command) => command.name))("fdns %s --help, even among mistakes", async (name) => {
    const run = await fdns(["-h", name, "--no-such-flag"]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toContain(`USAGE fdns ${name}`);
  });
});

describe("fdns check", () => {
  test("prints listen addresses, upstreams with the names they must prove, and the roots", async () => {
    const run = await fdns(["--listen", ":59353", "check", "--upstream", "9.9.9.9 192.0.2.1:8853"]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toContain("listen: :59353 (every local address)\n");
    expect(run.stdout).toContain("9.9.9.9: port 853 at 9.9.9.9; its certificate must carry the name dns.quad9.net\n");
    expect(run.stdout).toContain("port 8853 at 192.0.2.1; its certificate must carry the address (IP SAN)\n");
    expect(run.stdout).toContain("roots: ");
  });

  test("takes the environment, and warns of what it does not know", async () => {
    const run = await fdns(["check"], {
      FDNS_PORT: "tcp://10.0.0.1:53",
      FDNS_LISTEN: "127.0.0.1:0",
      DNSSERVER: "8.8.8.8",
    });
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("8.8.8.8: port 853 at 8.8.8.8; its certificate must carry the name dns.google\n");
    expect(run.stderr).toContain("FDNS_PORT");
  });

  test("reads the file of roots", async () => {
    const folder = temporaryFolder();
    try {
      const path = join(folder, "roots.pem");
      writeFileSync(path, "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n");
      const run = await fdns(["check", "--listen", "127.0.0.1:0", "--ca-file", path]);
      expect(run).toMatchObject({ exitCode: 2, stdout: "" });
      expect(run.stderr).toContain(path);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test.each([[["version"]], [["--version"]], [["-V"]]])("%j prints name, version, target and runtime", async (args) => {
  const run = await fdns(args);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toBe(
    `${packageJson.name} ${packageJson.version}\nbuilt for: run from source\nruns on: bun ${Bun.version}, ${process.platform} ${process.arch}\n`,
  );
});

test("fdns demo --once answers with no network", async () => {
  const run = await fdns(["demo", "--once"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toMatch(/www\.demo\.test\s+\d+\s+A\s+192\.0\.2\.80/);
  expect(run.stdout).toMatch(/www\.demo\.test\s+\d+\s+AAAA\s+2001:db8::80/);
  expect(run.stdout).toMatch(/demo\.test\s+\d+\s+TXT\s+"answered/);
});

describe("signals", () => {
  /** fdns on a free port, before an upstream that takes connections and never says a word. */
  async function serving(...args: string[]) {
    const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const flags = ["--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${mute.port}#dot.test`, "--log-format", "json"];
    const child = Bun.spawn([bun, main, ...flags, ...args], {
      env: { ...bareEnvironment(), FDNS_CONTROL: "off" },
      stdout: "ignore",
      stderr: "pipe",
    });
    const reader = child.stderr.getReader();
    let text = "";
    /** Reads on until the log holds this. */
    const logged = async (part: string) => {
      while (!text.includes(part)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`fdns ended before it logged "${part}": ${text}`);
        text += new TextDecoder().decode(value);
      }
      return text;
    };
    const port = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(await logged("\n"))?.[1]);
    return { child, port, logged, closeUpstream: () => mute.stop(true) };
  }

  /** Leaves a query in flight. @returns what ends the client. */
  async function ask(port: number): Promise<() => void> {
    const answered = Promise.withResolvers<void>();
    const socket = await Bun.udpSocket({ socket: { data: () => answered.resolve() } });
    const query = encode({ type: "query", id: 1, flags: 256, questions: [{ name: "a.test", type: "A" }] });
    socket.send(query, port, "127.0.0.1");
    // Answered at once (NOTIMP: its opcode is 1), and read after the first: that one is in flight then.
    query[2] = 0x09;
    socket.send(query, port, "127.0.0.1");
    await answered.promise;
    return () => socket.close();
  }

  test.each(["SIGTERM", "SIGINT"] as const)("%s ends it in order, with exit code 0", async (signal) => {
    const { child, logged, closeUpstream } = await serving();
    child.kill(signal);
    expect(await logged(signal)).toContain("finishing");
    expect(await child.exited).toBe(0);
    closeUpstream();
  });

  test("a query in flight is waited for, but not beyond the bound", async () => {
    const { child, port, closeUpstream } = await serving("--shutdown-timeout", "300ms", "--query-timeout", "30s");
    const closeClient = await ask(port);
    const startedMs = performance.now();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(250);
    expect(tookMs).toBeLessThan(2000);
    closeClient();
    closeUpstream();
  });

  test("a second signal ends it at once, with 128 and its number", async () => {
    const { child, port, logged, closeUpstream } = await serving("--shutdown-timeout", "30s", "--query-timeout", "30s");
    const closeClient = await ask(port);
    child.kill("SIGTERM");
    await logged("finishing");
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    closeClient();
    closeUpstream();
  });
});
