/** Which signals end fdns, in order, and that no other does. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { askUdp, query, rcodeOf } from "../support/ask.ts";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const root = temporaryFolder();
let upstream: ScriptedUpstream;
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

async function start(form: Form): Promise<{ fdns: RunningFdns; cacheFile: string; control: string }> {
  const folder = mkdtempSync(join(root, "run-"));
  const cacheFile = join(folder, "cache");
  const control = join(folder, "control");
  // Deno needs the permission for the two.
  const command = form === "deno" ? forms.deno.toSpliced(2, 0, "--allow-write") : forms[form];
  const fdns = await startFdns({
    command,
    flags: ["--listen", "127.0.0.1:0", "--upstream", upstream.address, "--ca-file", upstream.caFile],
    env: { FDNS_CACHE_FILE: cacheFile, FDNS_CONTROL: control },
  });
  running.push(fdns);
  return { fdns, cacheFile, control };
}

const answers = async ({ port }: RunningFdns, name: string) => rcodeOf(await askUdp(port, query({ name })));

/** SIGHUP and others that a program may be sent on purpose, and whose default is to end it (signal(7)). */
const NAMED = ["HUP", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "XCPU", "XFSZ", "STKFLT", "PWR", "PIPE", "IO"] as const;
const REALTIME = [34, 35, 37, 50, 63, 64];

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test("answers on after every other signal, with one line for each that it heard of", async () => {
    const { fdns } = await start(form);
    expect(await answers(fdns, "first.test")).toBe(0);
    for (const number of [...NAMED.map((name) => constants.signals[`SIG${name}`]), ...REALTIME]) {
      for (let times = 0; times < 3; times++) process.kill(fdns.pid, number);
      expect(await answers(fdns, `after-${number}.test`)).toBe(0);
    }
    expect(await fdns.logged("SIGHUP: nothing to reload")).toMatchObject({ level: "info" });
    for (const name of ["USR1", "USR2", "ALRM"]) await fdns.logged(`SIG${name} is ignored`);
    expect(await fdns.stop()).toBe(0);
    const messages = fdns.log.map(({ message }) => message).filter((message) => /^SIG(?!TERM)/.test(message));
    expect(new Set(messages).size).toBe(messages.length);
    expect(fdns.log.filter(({ level }) => level !== "info")).toEqual([]);
  });

  test.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)(
    "%s ends it in order: the cache is saved, the socket gone",
    async (signal) => {
      const { fdns, cacheFile, control } = await start(form);
      expect(await answers(fdns, "kept.test")).toBe(0);
      expect(existsSync(control)).toBe(true);
      fdns.kill(signal);
      expect(await fdns.exited).toBe(0);
      expect(readFileSync(cacheFile, "latin1")).toContain("kept");
      expect(existsSync(control)).toBe(false);
      await fdns.logged(`${signal}: finishing what is in flight`);
    },
  );
});
