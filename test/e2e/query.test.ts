/** `fdns query` against good and bad upstreams, in a pipe and at a terminal: what it prints is in test/e2e/golden/. */

import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Form, forms } from "../support/fdns.ts";
import { Golden, masked } from "../support/golden.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { type Finished, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const zone = join(folder, "zone.txt");
writeFileSync(
  zone,
  `$ORIGIN demo.test.
$TTL 300
@       SOA   ns hostmaster 1 3600 600 86400 60
@       NS    ns
@       MX    10 mail
@       TXT   "two \\"quoted\\"" "strings \\009 \\255"
ns      A     192.0.2.53
www     A     192.0.2.80
www     A     192.0.2.81
alias   CNAME www
a\\046b A     192.0.2.1
odd     TYPE65280 \\# 3 010203
dot.test. A   127.0.0.1
svc     TYPE65 \\# 16 00010000010003026832000300020355
`,
);
const good = ["--zone", zone];

interface Case {
  readonly name: string;
  /** How the upstream is started. */
  readonly upstream: readonly string[];
  readonly args: readonly string[];
  /** In place of "127.0.0.1:PORT#dot.test". */
  readonly address?: (upstream: ScriptedUpstream) => string;
  readonly caFile?: string;
  /** Whether the same upstream, by its address, is --bootstrap. */
  readonly bootstrap?: boolean;
  readonly exitCode: number;
}

const answered: readonly Case[] = [
  { name: "an alias", upstream: good, args: ["alias.demo.test"], exitCode: 0 },
  { name: "an alias, short", upstream: good, args: ["alias.demo.test", "+short"], exitCode: 0 },
  { name: "an alias, JSON", upstream: good, args: ["alias.demo.test", "--json"], exitCode: 0 },
  { name: "strings", upstream: good, args: ["demo.test", "TXT", "--short"], exitCode: 0 },
  { name: "a name that is hard to write", upstream: good, args: ["a\\.b.demo.test", "--json"], exitCode: 0 },
  { name: "an unknown type", upstream: good, args: ["odd.demo.test", "TYPE65280", "--short"], exitCode: 0 },
  { name: "service parameters", upstream: good, args: ["svc.demo.test", "https", "--short"], exitCode: 0 },
  { name: "no such type", upstream: good, args: ["www.demo.test", "AAAA"], exitCode: 0 },
  { name: "no such name", upstream: good, args: ["no-such.demo.test"], exitCode: 3 },
  { name: "no such name, short", upstream: good, args: ["no-such.demo.test", "--short"], exitCode: 3 },
  { name: "SERVFAIL that says why", upstream: ["--rcode", "servfail", "--ede", "22"], args: ["a.test"], exitCode: 4 },
  { name: "REFUSED", upstream: ["--rcode", "refused"], args: ["a.test"], exitCode: 5 },
  { name: "NOTIMP", upstream: ["--rcode", "notimp"], args: ["a.test", "--json"], exitCode: 6 },
  {
    name: "no EDNS",
    upstream: [...good, "--rcode", "formerr", "--rcode-for", "opt"],
    args: ["www.demo.test"],
    exitCode: 0,
  },
  {
    name: "no EDNS, and DNSSEC records asked for",
    upstream: [...good, "--rcode", "notimp", "--rcode-for", "opt"],
    args: ["www.demo.test", "--do"],
    exitCode: 0,
  },
  {
    name: "no EDNS options, two connections, JSON",
    upstream: [...good, "--rcode", "formerr", "--rcode-for", "options"],
    args: ["www.demo.test", "--do", "--resume", "--json"],
    exitCode: 0,
  },
  { name: "two connections", upstream: good, args: ["www.demo.test", "--resume"], exitCode: 0 },
  { name: "two connections, JSON", upstream: good, args: ["www.demo.test", "--resume", "--json"], exitCode: 0 },
  { name: "an intermediate", upstream: ["--certificate", "intermediate"], args: ["a.test"], exitCode: 0 },
  { name: "TLS 1.2 and no ALPN", upstream: ["--tls", "1.2", "--alpn", "none"], args: ["a.test"], exitCode: 0 },
  {
    name: "authenticated by its address",
    upstream: good,
    args: ["www.demo.test"],
    address: ({ port }) => `127.0.0.1:${port}`,
    exitCode: 0,
  },
  {
    name: "one of two pinned keys",
    upstream: good,
    args: ["www.demo.test"],
    address: ({ address, spkiPin }) => `${address}?pin=${spkiPin}&pin=sha256/${"A".repeat(43)}=`,
    exitCode: 0,
  },
  {
    name: "an upstream by a name that another resolves",
    upstream: good,
    args: ["www.demo.test"],
    address: ({ port }) => `dot.test:${port}`,
    bootstrap: true,
    exitCode: 0,
  },
  {
    name: "the second of two upstreams",
    upstream: good,
    args: ["www.demo.test", "--short"],
    address: ({ address }) => `127.0.0.1:1#dot.test,${address}`,
    exitCode: 0,
  },
];

/** Every bad certificate and handshake of the matrix (authentication.test.ts): nothing is sent to any of them. */
const refused: readonly Case[] = [
  ...[
    "expired",
    "not-yet-valid",
    "self-signed",
    "wrong-name",
    "cn-only",
    "wrong-ca",
    "client-only-eku",
    "wildcard",
    "no-intermediate",
  ].map((kind) => ({ name: kind, upstream: ["--certificate", kind], args: ["a.test"], exitCode: 7 })),
  { name: "TLS 1.1 at most", upstream: ["--tls", "1.1"], args: ["a.test"], exitCode: 7 },
  { name: "another ALPN protocol", upstream: ["--alpn", "unoffered"], args: ["a.test"], exitCode: 7 },
  {
    name: "none of the pinned keys",
    upstream: [],
    args: ["a.test"],
    address: ({ address }) => `${address}?pin=sha256/${"A".repeat(43)}=`,
    exitCode: 7,
  },
  { name: "a CA that is not trusted, JSON", upstream: [], args: ["a.test", "--json"], caFile: "bundled", exitCode: 7 },
];

const unanswered: readonly Case[] = [
  {
    name: "nothing listens there",
    upstream: [],
    args: ["a.test"],
    address: () => "127.0.0.1:1#dot.test",
    exitCode: 8,
  },
  {
    name: "silence",
    upstream: ["--fault", "silent"],
    args: ["a.test", "--query-timeout", "300ms"],
    exitCode: 8,
  },
  { name: "closed before the answer", upstream: ["--fault", "cut-fin"], args: ["a.test"], exitCode: 8 },
  { name: "a malformed answer, JSON", upstream: ["--fault", "malformed"], args: ["a.test", "--json"], exitCode: 8 },
];

/** Runs the case; `run` gets the whole command. */
async function runCase(form: Form, one: Case, run: (command: readonly string[]) => Promise<Finished>) {
  const upstream = await startScriptedUpstream(folder, one.upstream);
  let finished: Finished;
  let counters: Record<string, unknown>;
  let args: readonly string[];
  try {
    const address = one.address?.(upstream) ?? upstream.address;
    args = ["query", ...one.args, "--upstream", address, "--ca-file", one.caFile ?? upstream.caFile];
    if (one.bootstrap) args = [...args, "--bootstrap", upstream.address];
    finished = await run([...forms[form], ...args]);
  } finally {
    counters = await upstream.stop();
  }
  const { stdout, stderr, exitCode } = finished;
  const text = `$ fdns ${args.join(" ")}\n${stdout}${stderr === "" ? "" : `[standard error]\n${stderr}`}[exit ${exitCode}]`;
  return { text: masked(text), exitCode, counters };
}

/** At a terminal of its own: script(1) gives it one, and both standard streams are it. */
const atTerminal = (env: Record<string, string>) => (command: readonly string[]) =>
  runToEnd(["script", "-qec", command.map(quoted).join(" "), "/dev/null"], { env });

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

const terminalCases = [answered[0]!, answered[1]!, answered[8]!, refused[0]!];

for (const form of Object.keys(forms) as Form[]) {
  // The executable is Bun; Deno says less of some failures, and nothing of resumption.
  const golden = new Golden(form === "deno" ? "query.deno.txt" : "query.txt");

  describe(`${form}: in a pipe`, () => {
    test.each([...answered, ...unanswered].map((one) => [one.name, one] as const))("%s", async (_name, one) => {
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
    test.each(terminalCases.map((one) => [one.name, one] as const))("%s, in colour", async (_name, one) => {
      const { text, exitCode } = await runCase(form, one, atTerminal({ TERM: "xterm" }));
      golden.expectSame(`${one.name}, at a terminal`, text);
      expect(exitCode).toBe(one.exitCode);
    });

    test.each([{ NO_COLOR: "1", TERM: "xterm" }, { TERM: "dumb" }])("%j: without colour", async (env) => {
      const { text } = await runCase(form, answered[0]!, atTerminal(env as unknown as Record<string, string>));
      golden.expectSame(answered[0]!.name, text);
    });
  });
}
