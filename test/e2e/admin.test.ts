/** What fdns says of itself at --admin, on every form: exact counts, and nothing that a peer sends can harm it. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { askTcp, askUdp, query } from "../support/ask.ts";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { sendHttp } from "../support/http-client.ts";
import { type MetricsPage, readMetricsPage } from "../support/metrics-page.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { bun, executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const MiB = 2 ** 20;
const folder = temporaryFolder();
let upstream: ScriptedUpstream;
let flags: readonly string[];
const running: RunningFdns[] = [];

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder);
  flags = ["--listen", "127.0.0.1:0", "--upstream", upstream.address, "--ca-file", upstream.caFile];
});
afterEach(() => {
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});
afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

interface Watched {
  readonly fdns: RunningFdns;
  readonly url: string;
  readonly port: number;
  metrics(): Promise<MetricsPage>;
}

async function watched(form: Form, more: readonly string[] = []): Promise<Watched> {
  const fdns = await startFdns({ form, flags: [...flags, "--admin", "127.0.0.1:0", ...more] });
  running.push(fdns);
  const url = String((await fdns.logged("listening on ")).admin);
  return {
    fdns,
    url,
    port: Number(new URL(url).port),
    async metrics() {
      const response = await fetch(`${url}/metrics`);
      expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
      return readMetricsPage(await response.text());
    },
  };
}

function residentOctets(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test("counts what was asked and answered, exactly", async () => {
    const { fdns, metrics } = await watched(form);
    const before = await metrics();
    expect([before.sum("fdns_queries_total"), before.sum("fdns_answers_total")]).toEqual([0, 0]);

    const names = Array.from({ length: 7 }, (_, i) => query({ name: `n${i}.dot.test`, id: i + 1 }));
    await Promise.all(names.slice(0, 5).map((one) => askUdp(fdns.port, one)));
    await askTcp(fdns.port, names.slice(5));
    await askUdp(fdns.port, query({ name: "nx.dot.test" }));
    await askUdp(fdns.port, query({ name: "dot.test", flags: 0 }));
    await expect(askUdp(fdns.port, new Uint8Array(5), "127.0.0.1", 100)).rejects.toThrow("no answer");

    const after = await metrics();
    const queries = (transport: string) => after.value("fdns_queries_total", { transport });
    expect([queries("udp"), queries("tcp")]).toEqual([7, 2]);
    const answers = (source: string, rcode: string) => after.value("fdns_answers_total", { source, rcode });
    expect(["NOERROR", "NXDOMAIN", "SERVFAIL"].map((rcode) => answers("upstream", rcode))).toEqual([7, 1, 0]);
    expect(answers("own", "REFUSED")).toBe(1);
    expect(after.sum("fdns_answers_total")).toBe(9);
    expect(after.value("fdns_answer_seconds_count", { source: "upstream" })).toBe(8);
    expect(after.value("fdns_answer_seconds_sum", { source: "upstream" })).toBeGreaterThan(0);
    expect(after.value("fdns_queries_dropped_total")).toBe(1);
    expect(after.value("fdns_queries_in_flight")).toBe(0);
    expect(after.value("fdns_udp_datagrams_received_total")).toBe(8);
    expect(after.value("fdns_udp_datagrams_sent_total")).toBe(7);
    expect(after.value("fdns_tcp_connections_accepted_total")).toBe(1);
    for (const name of before.types.keys()) expect([...after.types.keys()]).toContain(name);
    expect(await fdns.stop()).toBe(0);
  });

  test("no name that was asked for, and no client's address, is on the page", async () => {
    const { fdns, url } = await watched(form);
    await askUdp(fdns.port, query({ name: "telltale.dot.test" }));
    const page = await (await fetch(`${url}/metrics`)).text();
    expect(page).not.toContain("telltale");
    expect(page.replaceAll(upstream.address, "")).not.toContain("127.0.0.1");
    expect(await fdns.stop()).toBe(0);
  });

  test("is ready and healthy also when no upstream is there", async () => {
    const { fdns, url } = await watched(form, ["--upstream", "127.0.0.1:1#dot.test", "--query-timeout", "500ms"]);
    await askUdp(fdns.port, query({ name: "a.dot.test" })).catch(() => {});
    expect(await (await fetch(`${url}/ready`)).text()).toBe("ready\n");
    expect(await (await fetch(`${url}/health`)).text()).toBe("ok\n");
    expect(await fdns.stop()).toBe(0);
  });

  test("a gigabyte posted, endless heads, silence and more connections than there is room for", async () => {
    const { fdns, port, metrics } = await watched(form);
    await metrics();
    const beforeOctets = residentOctets(fdns.pid);
    const block = "x".repeat(65_536);
    const [posted, fetched, headers, head] = await Promise.all([
      sendHttp(port, "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n", block, 1e9),
      sendHttp(port, "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n", block, 1e9),
      sendHttp(port, `GET /metrics HTTP/1.1\r\n${"a: b\r\n".repeat(100_000)}\r\n`),
      sendHttp(port, "GET /metrics HTTP/1.1\r\nX: ", block, 1e9),
    ]);
    // Who goes on sending may meet the reset before the answer.
    expect([405, 0]).toContain(posted.status);
    expect([200, 0]).toContain(fetched.status);
    expect([431, 400, 0]).toContain(headers.status);
    expect([431, 400, 0]).toContain(head.status);
    const asks = "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n";
    expect((await sendHttp(port, asks)).status).toBe(405);
    for (const { sentOctets } of [posted, fetched, head]) expect(sentOctets).toBeLessThan(32 * MiB);
    const silent = Array.from({ length: 40 }, () => connect(port, "127.0.0.1").on("error", () => {}));
    await Bun.sleep(100);
    await askUdp(fdns.port, query({ name: "a.dot.test" }));
    expect(residentOctets(fdns.pid) - beforeOctets).toBeLessThan(64 * MiB);
    for (const socket of silent) socket.destroy();
    await Bun.sleep(100);
    expect((await metrics()).sum("fdns_answers_total")).toBe(1);
    expect(fdns.log.filter(({ level }) => level === "error")).toEqual([]);
    expect(await fdns.stop()).toBe(0);
  });
});

test.each(Object.keys(forms) as Form[])(
  "one request a connection is answered, whatever is pipelined behind it: %s",
  async (form) => {
    const { fdns, port, metrics } = await watched(form);
    await metrics();
    const beforeOctets = residentOctets(fdns.pid);
    const { status, body } = await sendHttp(port, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20_000));
    // Who goes on sending may meet the reset before the answer.
    expect([200, 0]).toContain(status);
    expect(body).not.toContain("HTTP/1.1");
    expect(residentOctets(fdns.pid) - beforeOctets).toBeLessThan(64 * MiB);
    await metrics();
    expect(await fdns.stop()).toBe(0);
  },
);

test("silence does not keep others out for more than some seconds, on any form", async () => {
  const all = await Promise.all((Object.keys(forms) as Form[]).map((form) => watched(form)));
  const silent = all.flatMap(({ port }) => Array.from({ length: 16 }, () => sendHttp(port, "GET")));
  for (const { status, tookMs } of await Promise.all(silent)) {
    expect([0, 408]).toContain(status);
    expect(tookMs).toBeLessThan(8000);
  }
  for (const { fdns, metrics } of all) {
    await metrics();
    expect(await fdns.stop()).toBe(0);
  }
}, 15_000);

test("an address that is taken, or not on loopback, ends the start with one line", async () => {
  const { fdns, port } = await watched("executable");
  const start = (address: string) => runToEnd([executable, ...flags, "--admin", address]);
  const taken = await start(`127.0.0.1:${port}`);
  expect(taken.exitCode).toBe(1);
  expect(taken.stderr).toContain(`cannot listen on 127.0.0.1:${port} over HTTP: the address is in use`);
  const open = await start("0.0.0.0:9153");
  expect(open.exitCode).toBe(2);
  expect(open.stderr).toContain('--admin: "0.0.0.0:9153" is not on loopback');
  expect(await fdns.stop()).toBe(0);
});

test("without --admin no page is served, and no HTTP is loaded", async () => {
  const script = `
    await import("./src/app.ts");
    process.exit(Object.keys(require.cache).some((path) => path.includes("http-listen")) ? 1 : 0);`;
  expect((await runToEnd([bun, "-e", script])).exitCode).toBe(0);
});
