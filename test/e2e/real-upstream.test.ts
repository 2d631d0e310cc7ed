/**
 * Against a real resolver: what dig, kdig and drill show of an answer by fdns is what they show of the same answer by
 * unbound, asked directly.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { realQuestions } from "../support/real-questions.ts";
import { type RealUpstream, startRealUpstream } from "../support/real-upstream.ts";
import { differences, type Shown, truncatedDifferences } from "../support/shown-response.ts";
import { asksAgain, askWith, type StubQuestion, type Target, type ToolName, toolNames } from "../support/stub-tools.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
const hosts = ["127.0.0.1", "::1"] as const;
const transports = ["udp", "tcp"] as const;

let upstream: RealUpstream;
/** What each tool shows when it asks unbound, in the order of the questions. */
const direct = new Map<ToolName, readonly Shown[]>();
let comparisons = 0;
let truncated = 0;

beforeAll(async () => {
  upstream = await startRealUpstream(folder);
  const plain: Target = { host: "127.0.0.1", port: upstream.plainPort, transport: "tcp" };
  const tls: Target = { host: "127.0.0.1", port: upstream.tlsPort, transport: "tls", caFile: upstream.caFile };
  // unbound words some answers differently the second time, when they come from its cache.
  await askAll("drill", plain);
  for (const tool of toolNames) direct.set(tool, await askAll(tool, tool === "drill" ? plain : tls));
}, 60_000);

afterAll(async () => {
  await upstream?.stop();
  rmSync(folder, { recursive: true, force: true });
  console.log(`real upstream: ${comparisons} comparisons of ${realQuestions.length} questions, ${truncated} truncated`);
});

test("at least 40 questions, answered in every way that matters", () => {
  expect(realQuestions.length).toBeGreaterThanOrEqual(40);
  const shown = direct.get("dig") ?? [];
  expect(new Set(shown.map(({ rcode }) => rcode))).toEqual(new Set(["NOERROR", "NXDOMAIN", "SERVFAIL"]));
  for (const flag of ["aa", "ad", "cd"]) expect(shown.some(({ flags }) => flags.split(" ").includes(flag))).toBe(true);
  for (const name of ["ANSWER", "AUTHORITY", "ADDITIONAL"] as const) {
    expect(shown.some(({ sections }) => sections[name].length > 0)).toBe(true);
  }
  expect(shown.some(({ opt }) => opt.includes("EDE: 6"))).toBe(true);
  expect(Math.max(...shown.map(({ messageOctets }) => messageOctets))).toBeGreaterThan(60_000);
});

const everyWay = toolNames.flatMap((tool) =>
  hosts.flatMap((host) => transports.map((transport) => [tool, transport, host] as const)),
);
/** Every answer from upstream; with a cache that is so only the first time a question is asked, with DO and CD or not. */
const WITHOUT_CACHE = ["--cache-size", "0"];
/** The ceiling is above all that unbound says, so that TTLs can be compared. */
const AS_UNBOUND = ["--cache-max-negative-ttl", "1d"];
const withKdig = everyWay.filter(([tool]) => tool === "kdig");

for (const form of Object.keys(forms) as Form[]) {
  describeFdns(form, "batched", everyWay);
  describeFdns(form, "batched", withKdig, WITHOUT_CACHE);
  describeFdns(form, "portable", withKdig);
}

function describeFdns(
  form: Form,
  engine: "batched" | "portable",
  ways: readonly (typeof everyWay)[number][],
  cache = AS_UNBOUND,
): void {
  describe(`${form}, ${engine} engine, ${cache.join(" ")}`, () => {
    let fdns: RunningFdns;
    const ports = new Map<string, number>();

    beforeAll(async () => {
      fdns = await startFdns({
        form,
        flags: [
          ...hosts.flatMap((host) => ["--listen", host === "::1" ? "[::1]:0" : `${host}:0`]),
          ...["--upstream", upstream.address, "--ca-file", upstream.caFile, "--udp-engine", engine, ...cache],
        ],
      });
      const { message, udpEngine } = await fdns.logged("listening on ");
      expect(udpEngine).toBe(engine);
      ports.set("127.0.0.1", Number(/127\.0\.0\.1:(\d+)/.exec(message)?.[1]));
      ports.set("::1", Number(/\[::1\]:(\d+)/.exec(message)?.[1]));
    });

    afterAll(async () => {
      expect(await fdns?.stop()).toBe(0);
    });

    test.each(ways)("%s over %s to %s shows what unbound answers", async (tool, transport, host) => {
      const shown = await askAll(tool, { host, port: ports.get(host)!, transport });
      const wrong = shown.flatMap((now, i) => {
        const question = realQuestions[i]!;
        const found = compare(tool, transport, question, withoutAa(direct.get(tool)![i]!), now);
        return found.map((difference) => `${JSON.stringify(question)}: ${difference}`);
      });
      expect(wrong).toEqual([]);
    });
  });
}

/** The differences of an answer by fdns from one by unbound, over UDP truncated exactly if it is too large. */
function compare(tool: ToolName, transport: string, question: StubQuestion, before: Shown, now: Shown): string[] {
  comparisons++;
  const tooLarge = transport === "udp" && before.messageOctets > udpLimitOctets(question, before);
  if (tooLarge) truncated++;
  if (!asksAgain[tool]) return tooLarge ? truncatedDifferences(before, now) : differences(before, now);
  const found = differences(before, now);
  if (now.askedAgain !== tooLarge) {
    found.push(`${before.messageOctets} octets, asked again over TCP: ${now.askedAgain}`);
  }
  return found;
}

/** A forwarder is authoritative for nothing. */
function withoutAa(shown: Shown): Shown {
  return { ...shown, flags: shown.flags.replace(/^aa /, "") };
}

/** 512 without an OPT (RFC 1035, 4.2.1), else what it offers, at most the 1232 that fdns sends. */
function udpLimitOctets(question: StubQuestion, before: Shown): number {
  return before.opt === "" ? 512 : Math.min(question.udpPayloadSize ?? 1232, 1232);
}

/** All questions with one tool, a few processes at a time. */
async function askAll(tool: ToolName, target: Target): Promise<Shown[]> {
  const shown: Shown[] = [];
  const rest = realQuestions.entries();
  const worker = async () => {
    for (const [i, question] of rest) shown[i] = await askWith(tool, question, target);
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  return shown;
}
