import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testUpstream, testUpstreamOptions } from "../../src/cli/test-upstream.ts";
import type { Log } from "../../src/observe/log.ts";
import { nameFromText } from "../../src/testupstream/dns/names.ts";
import { hashName } from "../../src/testupstream/dns/synthesize.ts";
import { DotClient } from "./dot-client.ts";

const silent: Log = { error() {}, warn() {}, info() {}, debug() {} };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fdns-test-upstream-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

interface Running {
  readonly first: Record<string, unknown> & { port: number; control?: { port: number }; spkiPin: string };
  stop(): Promise<Record<string, unknown>>;
}

/** Runs the command with these flags, in this process, until stopped. */
async function run(flags: Record<string, string[]>): Promise<Running> {
  const stopping = new AbortController();
  const lines: string[] = [];
  let ended: Promise<number> = Promise.resolve(0);
  await new Promise<void>((resolve, reject) => {
    const print = (line: string) => {
      lines.push(line);
      resolve();
    };
    ended = testUpstream(
      { values: new Map(Object.entries(flags)), positionals: [] },
      { print, log: silent, stop: stopping.signal },
    );
    ended.catch(reject);
  });
  return {
    first: JSON.parse(lines[0]!),
    async stop() {
      stopping.abort();
      expect(await ended).toBe(0);
      expect(lines.length).toBe(2);
      return JSON.parse(lines[1]!);
    },
  };
}

async function kdig(port: number, ...words: string[]): Promise<string> {
  const child = Bun.spawn(["kdig", "-p", String(port), "@127.0.0.1", ...words], { stdout: "pipe", stderr: "pipe" });
  const text = await new Response(child.stdout).text();
  await child.exited;
  return text;
}

test("kdig gets an answer over authenticated TLS, and the counters say so", async () => {
  const ca = join(folder, "ca.pem");
  const running = await run({ listen: ["127.0.0.1:0"], control: ["127.0.0.1:0"], "ca-out": [ca] });
  expect(running.first).toMatchObject({ address: "127.0.0.1", ca });
  expect(running.first.spkiPin).toMatch(/^sha256\/[A-Za-z0-9+/]{43}=$/);
  expect(readFileSync(ca, "utf8")).toStartWith("-----BEGIN CERTIFICATE-----\n");
  const strict = [`+tls-ca=${ca}`, "+tls-hostname=dot.test"];
  const hash = hashName(nameFromText("www.dot.test.", undefined));
  const address = [10, (hash >> 16) & 255, (hash >> 8) & 255, hash & 255].join(".");
  expect(await kdig(running.first.port, ...strict, "+short", "www.dot.test")).toBe(`${address}\n`);
  const pin = running.first.spkiPin.slice("sha256/".length);
  expect(await kdig(running.first.port, `+tls-pin=${pin}`, "+short", "www.dot.test")).toBe(`${address}\n`);
  expect(await kdig(running.first.port, ...strict, "nx.dot.test")).toContain("NXDOMAIN");
  const url = `http://127.0.0.1:${running.first.control!.port}`;
  const counters = await (await fetch(`${url}/counters`)).json();
  expect(counters).toMatchObject({ handshakes: 3, queries: 3, responses: 3, lastQuery: { qname: "nx.dot.test." } });
  expect((await fetch(`${url}/other`)).status).toBe(404);
  expect(await running.stop()).toEqual(counters as Record<string, unknown>);
});

test("kdig refuses a wrong name, and not one octet of the query arrived", async () => {
  const ca = join(folder, "ca.pem");
  const running = await run({ listen: ["127.0.0.1:0"], certificate: ["wrong-name"], "ca-out": [ca] });
  const port = running.first.port;
  expect(
    await kdig(port, `+tls-ca=${ca}`, "+tls-hostname=dot.test", "+retry=0", "+short", "secret.test"),
  ).not.toContain("10.");
  expect(await running.stop()).toMatchObject({ handshakes: 0, handshakesFailed: 1, applicationOctets: 0, queries: 0 });
});

test("a scenario file, with a flag that wins, a zone, and SIGHUP", async () => {
  const zone = file("zone", "www.test. A 192.0.2.1\n");
  const scenario = file(
    "scenario.json",
    JSON.stringify({
      certificate: "rotated-key",
      "rotate-every": 0,
      zone,
      rcode: "refused",
      delay: "1-5",
      tls: ["1.3"],
      fault: ["duplicate"],
      rules: [{ query: "every 2", rcode: "notimp" }],
    }),
  );
  const ca = join(folder, "ca.pem");
  const running = await run({ listen: ["127.0.0.1:0"], scenario: [scenario], rcode: ["formerr"], "ca-out": [ca] });
  const caPem = readFileSync(ca, "utf8");
  const pins: string[] = [];
  for (const rcode of [1, 4]) {
    const dot = await new DotClient({ port: running.first.port, caPem }).secure();
    expect(dot.socket.getProtocol()).toBe("TLSv1.3");
    expect((await dot.ask("www.test")).rcode).toBe(rcode);
    expect((await dot.next())?.rcode).toBe(rcode);
    pins.push(dot.socket.getPeerCertificate().fingerprint256);
    await dot.close();
    process.emit("SIGHUP");
  }
  expect(pins[0]).not.toBe(pins[1]!);
  expect(await running.stop()).toMatchObject({ keyRotations: 2, queries: 2, responses: 2 });
});

test.each([
  [{ listen: ["dot.test:853"] }, '--listen "dot.test:853": allowed: ADDRESS:PORT or [IPV6]:PORT, port 0 to 65535'],
  [{ listen: ["::1:853"] }, '--listen "::1:853": allowed: ADDRESS:PORT or [IPV6]:PORT, port 0 to 65535'],
  [{ control: ["0.0.0.0:80"] }, '--control "0.0.0.0:80": allowed: a loopback address, 127.0.0.0/8 or [::1]'],
  [
    { certificate: ["bad"] },
    '--certificate "bad": allowed: good, expiring, expired, not-yet-valid, self-signed, wrong-name, ',
  ],
  [{ tls: ["1.2", "1.0"] }, '--tls "1.0": allowed: 1.1, 1.2, 1.3'],
  [{ alpn: ["h2"] }, '--alpn "h2": allowed: dot, none, other, unoffered'],
  [{ name: ["dot.test", "a b/c"] }, '--name "b/c": allowed: a DNS name, an IPv4 or an IPv6 address'],
  [{ delay: ["20-10"] }, '--delay "20-10": allowed: milliseconds from 0 to 600000, or MIN-MAX'],
  [{ fault: ["wrong-id", "odd"] }, '--fault "wrong-id,odd": allowed: wrong-id, wrong-name, '],
  [{ seed: ["-1"] }, '--seed "-1": allowed: a whole number from 0 to 4294967295'],
  [{ "close-after": ["0"] }, '--close-after "0": allowed: a whole number from 1 to 999999999'],
  [{ handshake: ["maybe"] }, '--handshake "maybe": allowed: complete, hold, close, reset'],
  [{ zone: ["/nowhere/zone"] }, '--zone "/nowhere/zone": there is no such file; '],
  [{ "ca-out": ["/nowhere/ca"] }, '--ca-out "/nowhere/ca": there is no such folder; '],
])("a wrong value is one line: %j", async (flags, message) => {
  const failure = await run({ listen: ["127.0.0.1:0"], ...(flags as object) }).catch((error) => error);
  expect(failure.name).toBe("UsageError");
  expect(failure.message).toStartWith(message);
  expect(failure.message).not.toContain("\n");
});

test.each([
  ["{", ": not JSON: "],
  ["[]", " []: allowed: an object"],
  ['{"listen": "127.0.0.1:1"}', ", listen: unknown; allowed: rules, certificate, name, "],
  ['{"delay": "x"}', ', delay "x": allowed: milliseconds from 0 to 600000, or MIN-MAX'],
  ['{"delay": {}}', ", delay {}: allowed: a string, a number, true, false or a list of strings"],
  ['{"tls": "2"}', ', tls "2": allowed: 1.1, 1.2, 1.3'],
  ['{"rules": {}}', ", rules {}: allowed: a list of objects"],
  ['{"rules": [{"qtype": "B"}]}', ', rules[0].qtype "B": allowed: A, NS, '],
  ['{"rules": [{"qname": "a..b"}]}', ', rules[0].qname: name "a..b": an empty label'],
  [
    '{"rules": [{}, {"query": 0}]}',
    ', rules[1].query "0": allowed: the Nth as "N", "N-M", "N-" or "every N", counted from 1',
  ],
  ['{"rules": [{"colour": 1}]}', ", rules[0].colour: unknown; allowed: qname, qtype, query, connection, delay, "],
  [
    '{"rules": [{"query": 2, "handshake": "hold"}]}',
    ', rules[0].handshake "hold": holds for a whole connection; allowed: without qname, qtype and query',
  ],
])("a wrong scenario is one line: %s", async (text, message) => {
  const scenario = file("s.json", text);
  const failure = await run({ listen: ["127.0.0.1:0"], scenario: [scenario] }).catch((error) => error);
  expect(failure.name).toBe("UsageError");
  expect(failure.message).toStartWith(`scenario ${scenario}${message}`);
  expect(failure.message).not.toContain("\n");
});

test("every option is described once", () => {
  const names = testUpstreamOptions.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { description } of testUpstreamOptions) expect(description).not.toBe("");
});
