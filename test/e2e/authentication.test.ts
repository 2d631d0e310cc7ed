/** Who is asked: only a server that proved who it is, and not one octet of a query goes to any other. */

import { afterAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { askUdp, extendedErrors, query, rcodeOf } from "../support/ask.ts";
import { type Form, forms, type LogLine, startFdns } from "../support/fdns.ts";
import { startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const SERVFAIL = 2;
const NETWORK_ERROR = 23;

/** What Deno says where it cannot tell several causes apart. */
const AMBIGUOUS = "does not say which";

interface Case {
  readonly name: string;
  readonly upstream: readonly string[];
  /** In place of "127.0.0.1:PORT#dot.test". */
  readonly address?: (port: number) => string;
  readonly reason: RegExp;
  readonly env?: Record<string, string>;
  readonly caFile?: string;
}

const trustingEnvironment = {
  NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
  SSL_CERT_FILE: join(folder, "ca.pem"),
  SSL_CERT_DIR: folder,
  NODE_USE_SYSTEM_CA: "1",
  DENO_CERT: join(folder, "ca.pem"),
  DENO_TLS_CA_STORE: "system",
};

const refused: readonly Case[] = [
  { name: "expired", upstream: ["--certificate", "expired"], reason: /has expired/ },
  { name: "not yet valid", upstream: ["--certificate", "not-yet-valid"], reason: /not valid yet/ },
  { name: "self-signed", upstream: ["--certificate", "self-signed"], reason: /self-signed|trusted root/ },
  { name: "another name", upstream: ["--certificate", "wrong-name"], reason: /another name/ },
  { name: "a name in the CN only", upstream: ["--certificate", "cn-only"], reason: /no DNS name in the SAN/ },
  { name: "another CA", upstream: ["--certificate", "wrong-ca"], reason: /trusted root/ },
  { name: "for clients only", upstream: ["--certificate", "client-only-eku"], reason: /not for servers/ },
  { name: "a wildcard for a whole top level", upstream: ["--certificate", "wildcard"], reason: /another name/ },
  { name: "without its intermediate", upstream: ["--certificate", "no-intermediate"], reason: /trusted root/ },
  { name: "TLS 1.1 at most", upstream: ["--tls", "1.1"], reason: /protocol|version|handshake/i },
  { name: "another ALPN protocol", upstream: ["--alpn", "unoffered"], reason: /ALPN|handshake|protocol/i },
  {
    name: "no SAN for the address",
    upstream: ["--name", "dot.test"],
    address: (port) => `127.0.0.1:${port}`,
    reason: /another name/,
  },
  {
    name: "a name that is only an IP SAN's",
    upstream: ["--name", "127.0.0.1"],
    reason: /no DNS name in the SAN|another name/,
  },
  {
    name: "none of the pinned keys",
    upstream: [],
    address: (port) => `127.0.0.1:${port}#dot.test?pin=sha256/${"A".repeat(43)}=`,
    reason: /none of the pinned/,
  },
  {
    name: "a CA that only the environment trusts",
    upstream: [],
    env: trustingEnvironment,
    caFile: "bundled",
    reason: /trusted root/,
  },
];

const accepted: readonly Omit<Case, "reason">[] = [
  { name: "good", upstream: [] },
  { name: "with its intermediate", upstream: ["--certificate", "intermediate"] },
  { name: "TLS 1.2", upstream: ["--tls", "1.2"] },
  { name: "no ALPN selected", upstream: ["--alpn", "none"] },
  { name: "authenticated by its address", upstream: [], address: (port) => `127.0.0.1:${port}` },
];

/** fdns before one upstream, asked one question; what became of it. */
async function askThrough(form: Form, one: Omit<Case, "reason">, expectedLine?: string) {
  const upstream = await startScriptedUpstream(folder, one.upstream);
  const address = one.address?.(upstream.port) ?? upstream.address;
  let counters: Record<string, unknown> = {};
  let outcome: { answer: Uint8Array; line: LogLine | undefined } | undefined;
  try {
    const ca = ["--ca-file", one.caFile ?? upstream.caFile];
    const flags = ["--listen", "127.0.0.1:0", "--upstream", address, ...ca];
    const fdns = await startFdns({ form, flags, ...(one.env === undefined ? {} : { env: one.env }) });
    try {
      const answer = await askUdp(fdns.port, query({ name: "secret.example", udpPayloadSize: 1232 }));
      outcome = { answer, line: expectedLine === undefined ? undefined : await fdns.logged(expectedLine) };
    } finally {
      await fdns.stop();
    }
  } finally {
    counters = await upstream.stop();
  }
  return { ...outcome, address, counters };
}

for (const form of Object.keys(forms) as Form[]) {
  describe(`${form}: refused`, () => {
    test.each(refused.map((one) => [one.name, one] as const))("%s", async (_name, one) => {
      const { answer, line, address, counters } = await askThrough(form, one, "upstream ");
      expect(rcodeOf(answer!)).toBe(SERVFAIL);
      expect(extendedErrors(answer!)).toEqual([NETWORK_ERROR]);
      expect(counters).toMatchObject({ applicationOctets: 0, queries: 0 });
      expect(counters.connections).toBeGreaterThan(0);
      expect(line?.upstream).toBe(address);
      expect(line?.level).toBe("warn");
      const reasons = form === "deno" ? new RegExp(`${one.reason.source}|${AMBIGUOUS}`, "i") : one.reason;
      expect(line?.message).toMatch(reasons);
    });
  });

  describe(`${form}: accepted`, () => {
    test.each(accepted.map((one) => [one.name, one] as const))("%s", async (_name, one) => {
      const { answer, counters } = await askThrough(form, one);
      expect(rcodeOf(answer!)).toBe(0);
      expect(counters).toMatchObject({ connections: 1, queries: 1, unpaddedQueries: 0 });
    });

    test("one of two pinned keys", async () => {
      const upstream = await startScriptedUpstream(folder);
      const pins = `?pin=sha256/${"A".repeat(43)}=&pin=${upstream.spkiPin}`;
      const flags = ["--upstream", `${upstream.address}${pins}`, "--ca-file", upstream.caFile];
      const fdns = await startFdns({ form, flags: ["--listen", "127.0.0.1:0", ...flags] });
      try {
        expect(rcodeOf(await askUdp(fdns.port, query({ name: "a.example" })))).toBe(0);
      } finally {
        await fdns.stop();
        await upstream.stop();
      }
    });
  });
}
