/** What `fdns query` shows of a real resolver's answers is what dig shows of them: names, types and RDATA of every kind. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { realQuestions } from "../support/real-questions.ts";
import { type RealUpstream, startRealUpstream } from "../support/real-upstream.ts";
import { readShown } from "../support/shown-response.ts";
import type { StubQuestion } from "../support/stub-tools.ts";
import { executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
let upstream: RealUpstream;

beforeAll(async () => {
  upstream = await startRealUpstream(folder);
  // unbound words some answers differently the second time, when they come from its cache.
  for (const question of realQuestions) await shownByDig(question);
}, 60_000);

afterAll(async () => {
  await upstream?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** An answer without its TTLs, its records in order of their text. */
interface Comparable {
  readonly rcode: string;
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

async function shownByDig({ name, type, dnssecOk, cd }: StubQuestion): Promise<Comparable> {
  const flags = ["+tcp", "+tries=1", "+nosplit", ...(dnssecOk ? ["+dnssec"] : []), ...(cd ? ["+cdflag"] : [])];
  const command = ["dig", "-r", "@127.0.0.1", "-p", String(upstream.plainPort), "-q", name, "-t", type, ...flags];
  const { stdout } = await runToEnd(command);
  const { rcode, sections } = readShown(stdout, command.join(" "));
  const [answer, authority, additional] = [sections.ANSWER, sections.AUTHORITY, sections.ADDITIONAL].map((records) =>
    records.map(({ text }) => text).sort(),
  ) as [string[], string[], string[]];
  return { rcode, answer, authority, additional };
}

interface JsonRecord {
  readonly name: string;
  readonly class: string;
  readonly type: string;
  readonly data: string;
}

async function shownByFdns({ name, type, dnssecOk, cd }: StubQuestion): Promise<Comparable> {
  const flags = ["--json", ...(dnssecOk ? ["--do"] : []), ...(cd ? ["--cd"] : [])];
  const from = ["--upstream", upstream.address, "--ca-file", upstream.caFile];
  const { stdout, stderr } = await runToEnd([executable, "query", ...flags, ...from, "--", name, type]);
  expect(stderr).toBe("");
  const shown = JSON.parse(stdout);
  const texts = (records: readonly JsonRecord[]) =>
    records.map((record) => `${record.name} ${record.class} ${record.type} ${record.data}`.replace(/\s+/g, " ")).sort();
  return {
    rcode: shown.status,
    answer: texts(shown.answer),
    authority: texts(shown.authority),
    additional: texts(shown.additional),
  };
}

// LOC is shown as octets, which is right for any type and read by anything (RFC 3597, 5).
const compared = realQuestions.filter(({ type }) => type !== "LOC");

test.each(compared.map((question) => [JSON.stringify(question), question] as const))("%s", async (_text, question) => {
  expect(await shownByFdns(question)).toEqual(await shownByDig(question));
});
