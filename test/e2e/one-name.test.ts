/** One name for which an upstream ends its connections, and messages that come in pieces: what clients see of it. */

import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askUdp, extendedErrors, query, rcodeOf } from "../support/ask.ts";
import { type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Runs `body` with fdns before upstreams that all behave so; resolves to their counters. */
async function behind(
  behaviours: readonly Readonly<Record<string, unknown>>[],
  body: (fdns: RunningFdns) => Promise<void>,
): Promise<Record<string, unknown>[]> {
  const upstreams: ScriptedUpstream[] = [];
  const pems: string[] = [];
  for (const behaviour of behaviours) {
    const folder = temporaryFolder();
    folders.push(folder);
    const scenario = join(folder, "scenario.json");
    writeFileSync(scenario, JSON.stringify(behaviour));
    const upstream = await startScriptedUpstream(folder, ["--scenario", scenario]);
    upstreams.push(upstream);
    pems.push(await Bun.file(upstream.caFile).text());
  }
  const roots = join(folders.at(-1)!, "roots.pem");
  writeFileSync(roots, pems.join("\n"));
  const given = upstreams.flatMap(({ address }) => ["--upstream", address]);
  let counters: Record<string, unknown>[] = [];
  try {
    const fdns = await startFdns({ flags: ["--listen", "127.0.0.1:0", "--ca-file", roots, ...given] });
    try {
      await body(fdns);
    } finally {
      await fdns.stop();
    }
  } finally {
    counters = await Promise.all(upstreams.map((upstream) => upstream.stop()));
  }
  return counters;
}

const asks = async (fdns: RunningFdns, name: string) => {
  const answer = await askUdp(fdns.port, query({ name, udpPayloadSize: 1232 }));
  return { rcode: rcodeOf(answer), ede: extendedErrors(answer) };
};
const ANSWERED = { rcode: 0, ede: [] };
const SERVFAIL = 2;

/** Asks for so many names, one each `gapMs`; resolves to how they were answered. */
async function load(fdns: RunningFdns, count: number, gapMs: number, nameOf: (i: number) => string) {
  const answers = [];
  for (let i = 0; i < count; i++) {
    answers.push(asks(fdns, nameOf(i)));
    await Bun.sleep(gapMs);
  }
  return Promise.all(answers);
}

describe("a name for which the connection ends", () => {
  test.each([
    ["rst", 1],
    ["fin", 1],
    ["zero-frame", 1],
    ["rst", 2],
  ])(
    "costs no other query its answer: %s, %d upstreams",
    async (fault, count) => {
      const behaviour = { delay: 100, rules: [{ qname: "poison.example", delay: 0, fault }] };
      await behind(new Array(count).fill(behaviour), async (fdns) => {
        expect(await asks(fdns, "first.example")).toEqual(ANSWERED);
        const [others, poison] = await Promise.all([
          load(fdns, 300, 5, (i) => `${i}.example`),
          load(fdns, 30, 50, (i) => `${i}.poison.example`),
        ]);
        expect(others).toEqual(others.map(() => ANSWERED));
        expect(poison.map(({ rcode }) => rcode)).toEqual(poison.map(() => SERVFAIL));
        expect(fdns.log.filter(({ level }) => level === "warn")).toEqual([]);
      });
    },
    20_000,
  );

  test("is asked few times, and not again for the next client", async () => {
    const [counters] = await behind([{ rules: [{ qname: "poison.example", fault: "rst" }] }], async (fdns) => {
      expect(await asks(fdns, "poison.example")).toMatchObject({ rcode: SERVFAIL });
      for (let i = 0; i < 5; i++) expect(await asks(fdns, "poison.example")).toMatchObject({ rcode: SERVFAIL });
      expect(await asks(fdns, "a.example")).toEqual(ANSWERED);
    });
    expect(counters!.queries as number).toBeLessThanOrEqual(7);
  });
});

test("the RCODE and EDE that an upstream refused with are given to the next client, unasked", async () => {
  const [counters] = await behind([{ rcode: "refused", ede: 20 }], async (fdns) => {
    for (let i = 0; i < 3; i++) expect(await asks(fdns, "a.example")).toEqual({ rcode: 5, ede: [20] });
  });
  expect(counters).toMatchObject({ queries: 1 });
});

test.each([{ fault: "rst", delay: 20 }, { fault: "fin", delay: 20 }, { handshake: "reset" }, { handshake: "close" }])(
  "the only upstream ends the first three connections before it answers anything: %p",
  async (first) => {
    await behind([{ rules: [{ connection: "1-3", ...first }] }], async (fdns) => {
      const answers = await load(fdns, 20, 10, (i) => `${i}.example`);
      expect(answers).toEqual(answers.map(() => ANSWERED));
    });
  },
  20_000,
);

describe("a message that comes in pieces", () => {
  test.each([{ "length-ahead": 100 }, { "length-ahead": 300 }, { trickle: 150, "trickle-octets": 20 }])(
    "is waited for, by queries one after another and at once: %p",
    async (pieces) => {
      const [counters] = await behind([pieces], async (fdns) => {
        for (let i = 0; i < 2; i++) expect(await asks(fdns, `${i}.example`)).toEqual(ANSWERED);
        const answers = await load(fdns, 5, 10, (i) => `${i}.at-once.example`);
        expect(answers).toEqual(answers.map(() => ANSWERED));
      });
      expect(counters!.connections as number).toBeLessThanOrEqual(4);
    },
    20_000,
  );
});
