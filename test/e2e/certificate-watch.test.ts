/** What an operator is told of certificates that are still good: another key, and days that run out. */

import { afterAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { askUdp, query, rcodeOf } from "../support/ask.ts";
import { type Form, forms, type LogLine, startFdns } from "../support/fdns.ts";
import { startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

/** fdns before such an upstream, which closes after each answer, asked three times; its log and the first key's pin. */
async function logOf(
  form: Form,
  certificate: string,
  pinned = false,
): Promise<{ log: readonly LogLine[]; pin: string }> {
  const flags = ["--certificate", certificate, "--close-after", "1"];
  const upstream = await startScriptedUpstream(folder, flags);
  try {
    const address = upstream.address + (pinned ? `?pin=${upstream.spkiPin}` : "");
    const given = ["--upstream", address, "--ca-file", upstream.caFile];
    const fdns = await startFdns({ form, flags: ["--listen", "127.0.0.1:0", ...given] });
    try {
      for (const name of ["a.example", "b.example", "c.example"]) {
        expect(rcodeOf(await askUdp(fdns.port, query({ name })))).toBe(0);
      }
    } finally {
      await fdns.stop();
    }
    return { log: fdns.log, pin: upstream.spkiPin };
  } finally {
    await upstream.stop();
  }
}

const PIN = /^sha256\/[A-Za-z0-9+/]{43}=$/;

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test("each new key is told once, with the pin to paste", async () => {
    const { log, pin } = await logOf(form, "rotated-key");
    const lines = log.filter(({ message }) => message.includes("another key than before"));
    expect(lines.length).toBeGreaterThanOrEqual(2);
    const pins = lines.map((line) => String(line.pin));
    expect(new Set([pin, ...pins]).size).toBe(lines.length + 1);
    for (const line of lines) {
      expect(line.level).toBe("info");
      expect(String(line.pin)).toMatch(PIN);
      expect(line.message).toEndWith(`it is pin=${line.pin}`);
    }
  });

  test("a certificate that ends soon is told once, not at each handshake", async () => {
    const { log } = await logOf(form, "expiring");
    const lines = log.filter(({ message }) => message.includes("its certificate ends in"));
    expect(lines).toMatchObject([{ level: "warn", daysLeft: expect.any(Number), notAfter: expect.any(String) }]);
  });

  test("nothing is said of a good one", async () => {
    const { log } = await logOf(form, "good", true);
    expect(log.filter(({ message }) => message.includes("certificate"))).toEqual([]);
  });
});
