/** Many queries at once: bursts without loss, and a million answers of which none reaches another query. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { runCrossing } from "../support/crossing.ts";
import { type Form, forms, formsAndEngines, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";
import { Ledger, totals } from "../support/volume.ts";
import { askOverUdp } from "../support/volume-client.ts";

const BURST = 5000;
/** What the kernel charges for a small datagram, against twice the octets it granted (socket(7)). */
const CHARGED_OCTETS = 768;

const folder = temporaryFolder();
let upstream: ScriptedUpstream;

beforeAll(async () => {
  upstream = await startScriptedUpstream(folder);
});

afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

describe.each(Object.keys(forms) as Form[])("%s: a burst that arrives while fdns does something else", (form) => {
  test.each([1, 10])("sent by %i clients is answered without loss", async (clients) => {
    const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--udp-engine", "batched"];
    const fdns = await startFdns({ form, flags: [...flags, "--listen", "127.0.0.1:0"] });
    try {
      const granted = Number((await fdns.logged("listening on")).udpReceiveBufferOctets);
      // A host that grants less (net.core.rmem_max, without root) loses what does not fit: the burst is what fits.
      const perClient = Math.floor(Math.min(BURST, (2 * granted) / CHARGED_OCTETS) / clients);
      if (process.getuid?.() === 0) expect(perClient * clients).toBe(BURST);
      const ledgers = Array.from({ length: clients }, (_, i) => new Ledger(i * perClient, perClient));
      let sending = clients;
      fdns.kill("SIGSTOP");
      const onFirstWindow = () => --sending === 0 && fdns.kill("SIGCONT");
      await Promise.all(
        ledgers.map((ledger) => askOverUdp(ledger, { port: fdns.port, window: perClient, onFirstWindow })),
      );
      const all = perClient * clients;
      expect(totals(ledgers)).toEqual({ asked: all, answered: all, crossed: 0, failed: 0 });
    } finally {
      fdns.kill("SIGCONT");
      expect(await fdns.stop()).toBe(0);
    }
  });
});

/** scripts/crossing runs a million on any of them; here one does, the others fewer. */
const counts = { executable: { batched: 1_000_000, portable: 100_000 }, bun: 100_000, deno: 100_000 };

test.each(formsAndEngines)(
  "%s, %s: no answer is crossed, none is missing, over shuffled and delayed answers",
  async (form, engine) => {
    const count = form === "executable" ? counts[form][engine] : counts[form];
    const { tookMs: _, ...outcome } = await runCrossing({ count, form, engine });
    expect(outcome).toEqual({ asked: count, answered: count, crossed: 0, failed: 0, exitCode: 0 });
  },
  120_000,
);
