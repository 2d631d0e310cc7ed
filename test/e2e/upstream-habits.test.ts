/** Upstreams with habits of their own: what they complain of, whose question they answer. What the stub sees of it. */

import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode } from "@leichtgewicht/dns-packet";
import { hashName, synthesizedA } from "../../src/testupstream/synthesize.ts";
import { askUdp, query, rcodeOf } from "../support/ask.ts";
import type { Form, RunningFdns } from "../support/fdns.ts";
import { through } from "../support/through.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

async function expectRight(fdns: RunningFdns, name: string, dnssecOk = false): Promise<void> {
  const asked = query({ name, udpPayloadSize: 1232, dnssecOk });
  const answer = await askUdp(fdns.port, asked);
  expect({ name, rcode: rcodeOf(answer) }).toEqual({ name, rcode: 0 });
  const data = synthesizedA(hashName(asked, 12, 12 + name.length + 2)).join(".");
  expect(decode(answer).answers).toMatchObject([{ type: "A", data }]);
}

const complaints = ["formerr", "notimp", "badvers"].flatMap((rcode) =>
  ["opt", "options"].map((part) => [rcode, part] as const),
);

describe.each(["executable", "deno"] as const satisfies Form[])("%s", (form) => {
  test.each(complaints)(
    "%s to a query with %s: asked once more plainly, and plainly from then on",
    async (rcode, part) => {
      const [counters] = await through(form, [["--rcode", rcode, "--rcode-for", part]], [], async (fdns) => {
        for (let i = 0; i < 5; i++) await expectRight(fdns, `${i}.plain.example`);
        await fdns.logged("complains of EDNS options");
      });
      expect(counters).toMatchObject({ queries: 6, lastQuery: { edns: null } });
    },
  );
});

test("a client's DO is kept where options alone are complained of", async () => {
  const [counters] = await through(
    "executable",
    [["--rcode", "formerr", "--rcode-for", "options"]],
    [],
    async (fdns) => {
      for (let i = 0; i < 3; i++) await expectRight(fdns, `${i}.do.example`, true);
    },
  );
  expect(counters).toMatchObject({ queries: 4, lastQuery: { edns: { do: true, options: [] } } });
});

test("a client's DO is not dropped where every OPT is complained of: it is told so", async () => {
  await through("executable", [["--rcode", "formerr", "--rcode-for", "opt"]], [], async (fdns) => {
    await expectRight(fdns, "a.example");
    const answer = await askUdp(fdns.port, query({ name: "b.example", udpPayloadSize: 1232, dnssecOk: true }));
    expect(rcodeOf(answer)).toBe(1);
  });
});

test.each([
  ["formerr", 1, ""],
  ["notimp", 4, ""],
  ["formerr", 1, "no-question"],
  ["notimp", 4, "no-question"],
])("%s for one name, asked plainly too, is what the client gets (RCODE %p, %s)", async (rcode, expected, fault) => {
  const scenario = join(folder, "scenario.json");
  const rule = { qname: "type.example", rcode, ...(fault !== "" && { fault }) };
  writeFileSync(scenario, JSON.stringify({ rules: [rule] }));
  await through("executable", [["--scenario", scenario]], [], async (fdns) => {
    await expectRight(fdns, "other.example");
    for (let i = 0; i < 2; i++) {
      const asked = query({ name: "type.example", udpPayloadSize: 1232 });
      const answer = await askUdp(fdns.port, asked);
      expect(rcodeOf(answer)).toBe(expected);
      expect(answer.subarray(12, 30)).toEqual(asked.subarray(12, 30));
    }
    await expectRight(fdns, "another.example");
  });
});

test.each(["wrong-name", "wrong-type", "no-question", "qr0"])(
  "an upstream whose answers are %s costs a query the time of its answer, and no more",
  async (fault) => {
    await through("executable", [["--fault", fault], []], ["--strategy", "ordered"], async (fdns) => {
      for (let i = 0; i < 6; i++) {
        const beganMs = performance.now();
        await expectRight(fdns, `${i}.confused.example`);
        // It used to wait for 1.5 s each time.
        expect(performance.now() - beganMs).toBeLessThan(1200);
      }
    });
  },
);
