/** What the scripted upstream does as time goes by, and when it is told to behave differently while it serves. */

import { afterEach, expect, test } from "bun:test";
import { testUpstream } from "../../src/cli/test-upstream.ts";
import { type Behaviour, DEFAULT_BEHAVIOUR } from "../../src/testupstream/behaviour.ts";
import { startTestUpstream, type TestUpstream } from "../../src/testupstream/start.ts";
import { FakeLog } from "../support/fake-log.ts";
import { DotClient, queryMessage } from "./dot-client.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(behaviour: Partial<Behaviour>): Promise<TestUpstream> {
  const upstream = await startTestUpstream({ scenario: { base: { ...DEFAULT_BEHAVIOUR, ...behaviour }, rules: [] } });
  closing.push(() => upstream.close());
  return upstream;
}

async function connect(upstream: { port: number; caPem: string }): Promise<DotClient> {
  const dot = await new DotClient(upstream).secure();
  closing.push(() => dot.close());
  return dot;
}

test("a trickled answer comes octet by octet and is whole; those behind it wait", async () => {
  const dot = await connect(await serve({ trickleMs: 2 }));
  const beganMs = performance.now();
  dot.send(queryMessage(1, "a.test"), queryMessage(2, "b.test"));
  expect((await dot.next())?.id).toBe(1);
  const octets = dot.chunks.length;
  expect(octets).toBeGreaterThan(40);
  expect(performance.now() - beganMs).toBeGreaterThan(octets * 2 * 0.9);
  expect((await dot.next())?.id).toBe(2);
  expect(Math.max(...dot.chunks)).toBe(1);
});

test("a connection ends when it is old enough, with a query in flight", async () => {
  const dot = await connect(await serve({ closeAgeMs: 60, delayMs: { min: 10_000, max: 10_000 } }));
  const beganMs = performance.now();
  dot.send(queryMessage(1, "a.test"));
  expect(await dot.next()).toBeUndefined();
  expect(performance.now() - beganMs).toBeWithin(20, 8000);
});

test("behaviours change for queries at once, for connections from the next one on", async () => {
  const upstream = await serve({});
  const dot = await connect(upstream);
  expect((await dot.ask("a.test")).rcode).toBe(0);
  upstream.behave({ base: { ...DEFAULT_BEHAVIOUR, rcode: 2, closeAfter: 1 }, rules: [] });
  expect((await dot.ask("a.test")).rcode).toBe(2);
  expect((await dot.ask("a.test")).rcode).toBe(2);
  const next = await connect(upstream);
  expect((await next.ask("a.test")).rcode).toBe(2);
  expect(await next.next()).toBeUndefined();
  upstream.closeConnections();
  expect(await dot.next()).toBeUndefined();
});

test("the control port takes behaviours and rules, refuses what it does not understand, and closes", async () => {
  const stopping = new AbortController();
  const printed = Promise.withResolvers<string>();
  const values = new Map([
    ["listen", ["127.0.0.1:0"]],
    ["control", ["127.0.0.1:0"]],
  ]);
  const ended = testUpstream(
    { values, positionals: [] },
    { print: printed.resolve, log: new FakeLog(), stop: stopping.signal },
  );
  closing.push(async () => {
    stopping.abort();
    await ended;
  });
  const { control } = JSON.parse(await printed.promise);
  const post = async (path: string, body: string) => {
    const response = await fetch(`http://127.0.0.1:${control.port}${path}`, { method: "POST", body });
    return { status: response.status, text: await response.text() };
  };
  expect(await post("/behaviour", '{"delay": 5, "rules": [{"qname": "late.test", "delay": 900}]}')).toEqual({
    status: 200,
    text: "{}\n",
  });
  const refused = await post("/behaviour", '{"delay": "soon"}');
  expect(refused.status).toBe(400);
  expect(refused.text).toContain('delay \\"soon\\": allowed: milliseconds');
  expect(await post("/behaviour", '{"certificate": "expired"}')).toMatchObject({ status: 400 });
  expect(await post("/close", "")).toMatchObject({ status: 200 });
  expect(await post("/counters", "")).toMatchObject({ status: 405 });
});
