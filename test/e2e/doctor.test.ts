/** `fdns doctor` against good and bad upstreams, in a pipe and at a terminal: what it prints is in test/e2e/golden/. */

import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Form, forms } from "../support/fdns.ts";
import { Golden, masked } from "../support/golden.ts";
import { makeNamespace, makeWiredPair } from "../support/namespace.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { executable, type Finished, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

function scenario(name: string, content: object): readonly string[] {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(content));
  return ["--scenario", path];
}

/** New names are slow, so that the answers to known ones overtake them. */
const good = scenario("good", { ad: true, rules: [{ qname: "example.com", delay: 150 }] });
const inOrder = scenario("in-order", { rules: [{ qname: "example.com", trickle: 4 }] });

const zone = join(folder, "zone.txt");
writeFileSync(zone, "dot.test. A 127.0.0.1\n");

interface Case {
  readonly name: string;
  /** How the upstream is started. */
  readonly upstream: readonly string[];
  readonly args?: readonly string[];
  /** In place of "127.0.0.1:PORT#dot.test". */
  readonly address?: (upstream: ScriptedUpstream) => string;
  /** Whether the same upstream, by its address, is --bootstrap. */
  readonly bootstrap?: boolean;
  readonly exitCode: number;
}

const refusedAddress = "127.0.0.1:1#dot.test";

const cases: readonly Case[] = [
  { name: "a good upstream", upstream: good, exitCode: 0 },
  { name: "a good upstream, JSON", upstream: good, args: ["--json"], exitCode: 0 },
  { name: "keepalive", upstream: [...good, "--keepalive", "10000"], exitCode: 0 },
  { name: "a certificate that ends soon", upstream: [...good, "--certificate", "expiring"], exitCode: 1 },
  { name: "answers in order", upstream: inOrder, exitCode: 0 },
  { name: "a new key and no resumption", upstream: [...good, "--certificate", "rotated-key"], exitCode: 0 },
  { name: "TLS 1.2 and no ALPN", upstream: [...good, "--tls", "1.2", "--alpn", "none"], exitCode: 0 },
  { name: "SERVFAIL that says why", upstream: [...good, "--rcode", "servfail", "--ede", "22"], exitCode: 1 },
  { name: "no EDNS", upstream: [...good, "--rcode", "formerr", "--rcode-for", "opt"], exitCode: 1 },
  {
    name: "no EDNS options, JSON",
    upstream: [...good, "--rcode", "formerr", "--rcode-for", "options"],
    args: ["--json"],
    exitCode: 1,
  },
  { name: "silence", upstream: ["--fault", "silent"], exitCode: 1 },
  { name: "silence, JSON", upstream: ["--fault", "silent"], args: ["--json"], exitCode: 1 },
  { name: "a malformed answer", upstream: ["--fault", "malformed"], exitCode: 1 },
  { name: "no handshake", upstream: ["--handshake", "hold"], exitCode: 1 },
  { name: "nothing listens there", upstream: good, address: () => refusedAddress, exitCode: 1 },
  {
    name: "one of two upstreams",
    upstream: good,
    address: ({ address }) => `${address},${refusedAddress}`,
    exitCode: 1,
  },
  {
    name: "an upstream by a name that another resolves",
    upstream: [...good, "--zone", zone],
    address: ({ port }) => `dot.test:${port}`,
    bootstrap: true,
    exitCode: 0,
  },
  {
    name: "a pinned key",
    upstream: good,
    address: ({ address, spkiPin }) => `${address}?pin=${spkiPin}`,
    exitCode: 0,
  },
  { name: "idle connections closed", upstream: [...good, "--close-idle", "1200"], args: ["--deep"], exitCode: 0 },
  {
    name: "idle connections closed, JSON",
    upstream: [...good, "--close-idle", "3000"],
    args: ["--deep", "--json"],
    exitCode: 0,
  },
];

/** Nothing is sent to any of them. */
const refused: readonly Case[] = [
  ...["expired", "not-yet-valid", "wrong-name", "wrong-ca"].map((kind) => ({
    name: kind,
    upstream: ["--certificate", kind],
    exitCode: 1,
  })),
  { name: "another ALPN protocol", upstream: ["--alpn", "other"], exitCode: 1 },
];

/** Back to the first column, and the line erased. */
const CLEAR = "\r\u001b[K";

/** What differs from run to run besides what golden.ts knows: this host, its clock, and the build. */
const MASKS: readonly (readonly [pattern: RegExp, word: string])[] = [
  [/20\d\d-\d\d-\d\dT[\d:.]+Z/g, "DATE"],
  [/; this fdns was made on DATE/g, ""],
  [/"built":(null|"DATE")/g, '"built":BUILT'],
  [/(clock of this host says|, on) 20\d\d-\d\d-\d\d/g, "$1 DAY"],
  [/( {4}(?:\\x1b\[2m)?IPv[46] +(?:\\x1b\[0m)?).*/g, "$1HOST"],
  [/("ipv[46]":)"\w+"/g, '$1"HOST"'],
  [/\b(after) \d+\.\d s\b/g, "$1 N.N s"],
  [/("keptMs":)\d+/g, "$1N"],
];

function maskedHere(text: string): string {
  return MASKS.reduce((so, [pattern, word]) => so.replace(pattern, word), masked(text));
}

/** Runs the case; `run` gets the whole command. */
async function runCase(form: Form, one: Case, run: (command: readonly string[]) => Promise<Finished>) {
  const upstream = await startScriptedUpstream(folder, one.upstream);
  let finished: Finished;
  let counters: Record<string, unknown>;
  let args: readonly string[];
  try {
    const address = one.address?.(upstream) ?? upstream.address;
    args = ["doctor", ...(one.args ?? []), "--upstream", address, "--ca-file", upstream.caFile];
    if (one.bootstrap) args = [...args, "--bootstrap", upstream.address];
    finished = await run([...forms[form], ...args]);
  } finally {
    counters = await upstream.stop();
  }
  const { stdout, stderr, exitCode } = finished;
  const text = `$ fdns ${args.join(" ")}\n${withoutProgress(stdout)}${stderr === "" ? "" : `[standard error]\n${stderr}`}[exit ${exitCode}]`;
  return { text: maskedHere(text), stdout, exitCode, counters };
}

/** Each step is written over the one before; the last is taken away. */
function withoutProgress(stdout: string): string {
  return stdout.split(CLEAR).at(-1)!;
}

/** At a terminal of its own: script(1) gives it one, and both standard streams are it. */
const atTerminal = (env: Record<string, string>) => (command: readonly string[]) =>
  runToEnd(["script", "-qec", command.map(quoted).join(" "), "/dev/null"], { env });

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

for (const form of Object.keys(forms) as Form[]) {
  // The executable is Bun; Deno says less of some failures, and nothing of resumption.
  const golden = new Golden(form === "deno" ? "doctor.deno.txt" : "doctor.txt");

  describe(`${form}: in a pipe`, () => {
    test.each(cases.map((one) => [one.name, one] as const))("%s", async (_name, one) => {
      const { text, exitCode } = await runCase(form, one, runToEnd);
      golden.expectSame(one.name, text);
      expect(exitCode).toBe(one.exitCode);
      expect(text).not.toContain("\\x1b");
    });
  });

  describe(`${form}: refused, with nothing sent`, () => {
    test.each(refused.map((one) => [one.name, one] as const))("%s", async (_name, one) => {
      const { text, exitCode, counters } = await runCase(form, one, runToEnd);
      golden.expectSame(one.name, text);
      expect(exitCode).toBe(one.exitCode);
      expect(counters).toMatchObject({ applicationOctets: 0, queries: 0 });
      expect(counters.connections).toBeGreaterThan(0);
    });
  });

  describe(`${form}: at a terminal`, () => {
    test.each([cases[0]!, cases[3]!, refused[0]!].map((one) => [one.name, one] as const))(
      "%s, in colour, with progress",
      async (_name, one) => {
        const { text, stdout, exitCode } = await runCase(form, one, atTerminal({ TERM: "xterm" }));
        golden.expectSame(`${one.name}, at a terminal`, text);
        expect(stdout).toContain(`${CLEAR}0 of 1 done, 0 s; 127.0.0.1:`);
        expect(exitCode).toBe(one.exitCode);
      },
    );

    test("TERM=dumb: no colour and no progress", async () => {
      const { text, stdout } = await runCase(form, cases[0]!, atTerminal({ TERM: "dumb" }));
      golden.expectSame(cases[0]!.name, text);
      expect(stdout).not.toContain("\u001b");
    });

    test("NO_COLOR: no colour, and no line that is redrawn", async () => {
      const { text, stdout } = await runCase(form, cases[0]!, atTerminal({ TERM: "xterm", NO_COLOR: "1" }));
      golden.expectSame(cases[0]!.name, text);
      expect(stdout).not.toContain("\u001b");
    });
  });

  test.each([
    [["doctor", "dns.example"], 'takes flags only, but "dns.example" is given'],
    [["doctor", "--deep=9"], '--deep takes no value, but "9" is given'],
    [["doctor", "--upstream", "dns.example"], "is a name fdns knows no address of"],
  ])(`${form}: %p is a mistake`, async (args, complaint) => {
    const { exitCode, stdout, stderr } = await runToEnd([...forms[form], ...args]);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(complaint);
  });
}

interface Report {
  readonly well: boolean;
  readonly findings: readonly { readonly code: string; readonly severity: string }[];
  readonly host: { readonly ipv4: string; readonly ipv6: string };
  readonly upstreams: readonly { readonly addresses: readonly unknown[] }[];
}

async function reportWithin(within: readonly string[]): Promise<{ report: Report; tookMs: number; exitCode: number }> {
  const beganMs = performance.now();
  const { stdout, exitCode } = await runToEnd([...within, executable, "doctor", "--json"]);
  return { report: JSON.parse(stdout), tookMs: performance.now() - beganMs, exitCode };
}

describe("the default upstreams", () => {
  test("a host with nothing but loopback has no route to them", async () => {
    const host = await makeNamespace();
    try {
      const { report, exitCode } = await reportWithin(host.within);
      expect(report.findings).toMatchObject([{ severity: "problem", code: "no-route" }]);
      expect(report.host).toMatchObject({ ipv4: "local", ipv6: "local" });
      expect(report.upstreams.map(({ addresses }) => addresses.length)).toEqual([4, 4]);
      expect([report.well, exitCode]).toEqual([false, 1]);
    } finally {
      await host.remove();
    }
  });

  test("on a network that drops what goes to them, the port seems to be blocked", async () => {
    const [host, router] = await makeWiredPair([["192.0.2.2/24"], ["192.0.2.1/24"]]);
    try {
      // The router forwards nothing.
      await host.ip("route add default via 192.0.2.1");
      const { report, exitCode, tookMs } = await reportWithin(host.within);
      expect(report.findings).toMatchObject([{ severity: "problem", code: "port-blocked" }]);
      expect(report.host).toMatchObject({ ipv4: "global", ipv6: "local" });
      expect(exitCode).toBe(1);
      expect(tookMs).toBeLessThan(15_000);
    } finally {
      await host.remove();
      await router.remove();
    }
  });
});
