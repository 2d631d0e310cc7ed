/** What --admin says of each upstream, on every form: exact counts while all is well, and which errors when not. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { failureKinds } from "../../src/upstream/counters.ts";
import { askUdp, query } from "../support/ask.ts";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type MetricsPage, readMetricsPage } from "../support/metrics-page.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folders = [temporaryFolder(), temporaryFolder()] as const;
let good: ScriptedUpstream;
let expired: ScriptedUpstream;
const running: RunningFdns[] = [];

beforeAll(async () => {
  good = await startScriptedUpstream(folders[0]);
  expired = await startScriptedUpstream(folders[1], ["--certificate", "expired"]);
});
afterEach(() => {
  for (const fdns of running.splice(0)) fdns.kill("SIGKILL");
});
afterAll(async () => {
  await Promise.all([good.stop(), expired.stop()]);
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Starts fdns and asks it these names, one after the other. */
async function ask(form: Form, upstream: ScriptedUpstream, names: readonly string[]): Promise<MetricsPage> {
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--query-timeout", "2s"];
  const fdns = await startFdns({ form, flags: [...flags, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"] });
  running.push(fdns);
  for (const name of names) await askUdp(fdns.port, query({ name }));
  const page = await fetch(`${(await fdns.logged("listening on ")).admin}/metrics`);
  const metrics = readMetricsPage(await page.text());
  expect(await fdns.stop()).toBe(0);
  return metrics;
}

/** attempts = answers + errors + abandoned + in flight */
function unaccounted(page: MetricsPage, upstream: string): number {
  const sum = (name: string) => page.sum(`fdns_upstream_${name}`, { upstream });
  const ended = sum("answers_total") + sum("errors_total") + sum("abandoned_total");
  return sum("attempts_total") - ended - sum("in_flight");
}

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test("a good upstream: one connection, one handshake, each query an attempt and an answer", async () => {
    const page = await ask(form, good, ["a.dot.test", "b.dot.test", "nx.dot.test"]);
    const upstream = good.address;
    const value = (name: string) => page.value(`fdns_upstream_${name}`, { upstream });
    expect(["attempts_total", "answers_total", "abandoned_total", "hedges_total"].map(value)).toEqual([3, 3, 0, 0]);
    expect(page.sum("fdns_upstream_errors_total", { upstream })).toBe(0);
    expect(["dials_total", "dial_failures_total", "connections"].map(value)).toEqual([1, 0, 1]);
    expect(value("connection_reuses_total")).toBe(2);
    expect(value("in_flight")).toBe(0);
    expect(value("answer_seconds_count")).toBe(3);
    expect(value("smoothed_answer_seconds")).toBeGreaterThan(0);
    const handshakes = (kind: string) => page.value("fdns_upstream_handshakes_total", { upstream, kind });
    const expected = form === "deno" ? [0, 0, 1] : [1, 0, 0];
    expect(["full", "resumed", "unknown"].map(handshakes)).toEqual(expected);
    const daysLeft = (value("certificate_not_after_seconds") - Date.now() / 1000) / 86_400;
    expect(daysLeft).toBeGreaterThan(0);
    expect(page.value("fdns_upstream_breaker", { upstream, family: "ipv4", state: "closed" })).toBe(1);
    expect(unaccounted(page, upstream)).toBe(0);
  });

  test("one that must not be trusted: errors of authentication, no answer, and the breaker not closed", async () => {
    const page = await ask(form, expired, ["a.dot.test", "b.dot.test"]);
    const upstream = expired.address;
    const errors = (kind: string) => page.value("fdns_upstream_errors_total", { upstream, kind });
    expect(errors("authentication")).toBeGreaterThan(0);
    expect(failureKinds.filter((kind) => errors(kind) > 0)).toEqual(["authentication"]);
    expect(page.value("fdns_upstream_answers_total", { upstream })).toBe(0);
    expect(page.value("fdns_upstream_dial_failures_total", { upstream })).toBeGreaterThan(0);
    expect(page.sum("fdns_upstream_handshakes_total", { upstream })).toBe(0);
    expect(page.value("fdns_upstream_breaker", { upstream, family: "ipv4", state: "closed" })).toBe(0);
    expect(page.value("fdns_answers_total", { source: "own", rcode: "SERVFAIL" })).toBe(2);
    expect(unaccounted(page, upstream)).toBe(0);
  });
});
