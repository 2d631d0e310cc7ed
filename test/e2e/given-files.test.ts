/** Files that fdns is given to read: whatever they are, it starts or says why not, soon and with little memory. */

import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundledRoots } from "../../src/runtime/tls/trust-store.ts";
import { forms, startFdns } from "../support/fdns.ts";
import { runToEnd, temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const fifo = join(folder, "fifo");
Bun.spawnSync(["mkfifo", fifo]);
const endless = join(folder, "sparse");
writeFileSync(endless, "");
truncateSync(endless, 2 ** 40);
const silent = join(folder, "silent");
Bun.spawnSync(["mkfifo", silent]);

/** Ends by itself, or is ended: else what never ends would take all the memory of the machine that tests. */
function run(script: string) {
  return runToEnd(["prlimit", "--data=2000000000", "timeout", "-s", "KILL", "10", "bash", "-c", script]);
}

describe.each(["check --listen 127.0.0.1:0 --ca-file", "query a.test --ca-file", "test-upstream --zone"])(
  "fdns %s",
  (command) => {
    const fdns = `${forms.executable.join(" ")} ${command}`;
    test.each([
      ["/dev/zero", "it is no regular file"],
      ["/dev/random", "it is no regular file"],
      [folder, "it is a folder"],
      [endless, "it is longer than 16 MiB"],
    ])("%s", async (path, reason) => {
      const { exitCode, stderr } = await run(`${fdns} ${path}`);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`"${path}": ${reason};`)]);
    });

    test("a FIFO that somebody holds open and never writes to", async () => {
      const { exitCode, stderr } = await run(`exec 3<>${silent}; ${fdns} ${silent} 3>&-`);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining("nothing was written to it within 2000 ms;")]);
    });
  },
);

test("a FIFO at whose other end nobody is", async () => {
  const { exitCode, stderr } = await run(`${forms.executable.join(" ")} check --ca-file ${fifo}`);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("it holds no certificate in PEM form")]);
});

describe("roots that a program writes, slowly, to a pipe are read", () => {
  const roots = join(folder, "roots.pem");
  writeFileSync(roots, bundledRoots().pem.join("\n"));
  const pipe = `<(head -c 1000 ${roots}; sleep 0.3; tail -c +1001 ${roots})`;

  test("by query", async () => {
    const fdns = `${forms.executable.join(" ")} query a.test --upstream 127.0.0.1:1#a.test`;
    const { exitCode, stderr } = await run(`${fdns} --ca-file ${pipe}`);
    expect([exitCode, stderr]).toEqual([8, expect.stringContaining("connection refused")]);
  });

  test.each(["executable", "bun", "deno"] as const)("by check, which needs them once (%s)", async (form) => {
    const fdns = `${forms[form].join(" ")} check --listen 127.0.0.1:0`;
    const { exitCode, stdout, stderr } = await run(`${fdns} --ca-file ${pipe}`);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`roots: ${bundledRoots().pem.length} certificates from /dev/fd/`);
  });

  test("by serve", async () => {
    const within = ["bash", "-c", `exec "$@" --ca-file ${pipe}`, "bash"];
    const fdns = await startFdns({ within, flags: ["--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1#a.test"] });
    expect((await fdns.logged("listening on")).roots).toStartWith("/dev/fd/");
    expect(await fdns.stop()).toBe(0);
  });
});
