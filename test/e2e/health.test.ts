/** `fdns health`: alive, not alive, and nothing asked of any upstream. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { runToEnd, temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
let upstream: ScriptedUpstream;
let fdns: RunningFdns;

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder);
  // Loopback alone, so that the tests reach nobody else's; the port is free of IPv6 too, mostly.
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--listen", "127.0.0.1:0"];
  fdns = await startFdns({ flags });
});

afterAll(async () => {
  fdns.kill("SIGCONT");
  await fdns.stop();
  // The probes were many; what the upstream was asked is nothing.
  expect(await upstream.stop()).toMatchObject({ queries: 0 });
  rmSync(folder, { recursive: true });
});

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  const health = (args: readonly string[], env: Record<string, string> = {}) =>
    runToEnd([...forms[form], "health", ...args], { env });

  test("alive, where the same variable says as for the server; silent in a pipe", async () => {
    for (const listen of [`127.0.0.1:${fdns.port}`, `0.0.0.0:${fdns.port}`, `:${fdns.port}`]) {
      expect(await health([], { FDNS_LISTEN: listen })).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    }
  });

  test("alive, where --server says, whatever the variable", async () => {
    const run = await health(["--server", `:${fdns.port}`, "-v"], { FDNS_LISTEN: "127.0.0.1:1", FDNS_CA_FILE: "" });
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toMatch(/^alive: :\d+ answered in \d+\.\d ms\n$/);
  });

  test("at a terminal it says so", async () => {
    const command = [...forms[form], "health", "--server", `127.0.0.1:${fdns.port}`].join(" ");
    const run = await runToEnd(["script", "-qec", command, "/dev/null"]);
    expect(run.stdout).toMatch(/^alive: 127\.0\.0\.1:\d+ answered in \d+\.\d ms\r\n$/);
  });

  test("not alive: nothing listens there", async () => {
    const run = await health(["--server", "127.0.0.1:1", "--within", "500ms"]);
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    // Deno does not tell that the datagram was refused.
    expect(run.stderr).toMatch(/^fdns: not alive: 127\.0\.0\.1:1: (nothing listens there|no response in 500 ms).*\n$/);
  });

  test("not alive: it takes datagrams and does not answer", async () => {
    fdns.kill("SIGSTOP");
    try {
      const run = await health(["--server", `127.0.0.1:${fdns.port}`, "--within=200ms"]);
      expect(run).toMatchObject({ exitCode: 1, stdout: "" });
      expect(run.stderr).toBe(`fdns: not alive: 127.0.0.1:${fdns.port}: no response in 200 ms\n`);
    } finally {
      fdns.kill("SIGCONT");
    }
  });

  test.each([
    [["--server", "localhost"], {}, '--server: "localhost" is not an address'],
    [["--server", ":0"], {}, '--server: ":0" lets the host choose the port'],
    [[], { FDNS_LISTEN: "x" }, 'FDNS_LISTEN: "x"'],
    [["--within", "2h"], {}, '--within: "2h"'],
    [["127.0.0.1:53"], {}, "takes flags only"],
  ])("a mistake is exit code 2: %j %j", async (args, env, message) => {
    const run = await health(args, env as Record<string, string>);
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toContain(message);
  });
});
