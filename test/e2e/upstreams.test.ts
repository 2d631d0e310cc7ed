/** Upstreams that misbehave, fail and come back: what the stub sees of it. */

import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decode } from "@leichtgewicht/dns-packet";
import { hashName, synthesizedA } from "../../src/testupstream/dns/synthesize.ts";
import { askTcp, askUdp, extendedErrors, query, rcodeOf } from "../support/ask.ts";
import { type Form, forms, type RunningFdns, startFdns } from "../support/fdns.ts";
import { startScriptedUpstream } from "../support/scripted-upstream.ts";
import { through } from "../support/through.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const SERVFAIL = 2;

/** Asks for the A record of a name and checks that it is that name's. */
async function expectRight(fdns: RunningFdns, name: string): Promise<void> {
  const asked = query({ name, udpPayloadSize: 1232 });
  const answer = await askUdp(fdns.port, asked);
  expect({ name, rcode: rcodeOf(answer) }).toEqual({ name, rcode: 0 });
  const data = synthesizedA(hashName(asked, 12, 12 + name.length + 2)).join(".");
  expect(decode(answer).answers).toMatchObject([{ type: "A", data }]);
}

/** Asks for so many names at once, each checked. */
async function expectAllRight(fdns: RunningFdns, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => expectRight(fdns, `${i}.many.example`)));
}

describe.each(Object.keys(forms) as Form[])("%s", (form) => {
  test.each([
    ["delayed", ["--delay", "0-80"]],
    ["reordered", ["--shuffle", "32"]],
    ["split into single octets", ["--split", "octets"]],
    ["split at random", ["--split", "random", "--shuffle", "8"]],
    ["sent twice", ["--fault", "duplicate"]],
    ["closed after twenty answers", ["--close-after", "20"]],
    ["reset after thirty answers", ["--reset-after", "30"]],
  ])("answers %s all arrive, none crossed", async (_name, flags) => {
    const [counters] = await through(form, [flags], [], (fdns) => expectAllRight(fdns, 100));
    expect(counters).toMatchObject({ idReuses: 0, unpaddedQueries: 0 });
  });

  test.each(["wrong-id", "wrong-name", "wrong-type", "qr0", "malformed", "silent", "cut-fin", "cut-rst", "garbage"])(
    "an upstream whose every answer is %s gives nothing away, and the other one answers",
    async (fault) => {
      await through(form, [["--fault", fault], []], [], (fdns) => expectAllRight(fdns, 10));
    },
    20_000,
  );

  test.each(["zero-frame", "short-frame", "unsolicited"])("%s before each answer harms no query", async (fault) => {
    await through(form, [["--fault", fault], []], [], (fdns) => expectAllRight(fdns, 10));
  });

  test.each(["servfail", "refused", "formerr", "notimp"])("%s of one upstream is not the last word", async (rcode) => {
    await through(form, [["--rcode", rcode], []], [], (fdns) => expectAllRight(fdns, 10));
  });

  test("SERVFAIL of the only upstream is passed on, with its Extended DNS Error", async () => {
    await through(form, [["--rcode", "servfail", "--ede", "6"]], [], async (fdns) => {
      const answer = await askUdp(fdns.port, query({ name: "bogus.example", udpPayloadSize: 1232 }));
      expect([rcodeOf(answer), extendedErrors(answer)]).toEqual([SERVFAIL, [6]]);
    });
  });

  test("65,535 octets arrive whole over TCP", async () => {
    await through(form, [["--fault", "oversize", "--split", "random"]], [], async (fdns) => {
      const [answer] = await askTcp(fdns.port, [query({ name: "large.example" })]);
      expect(answer!.length).toBeGreaterThan(65_400);
    });
  });

  test("a bad certificate, a refused port, a hanging handshake: the next upstream answers", async () => {
    const bad = [["--certificate", "expired"], ["--handshake", "hold"], ["--handshake", "reset"], []];
    const counters = await through(form, bad, ["--query-timeout", "8s"], async (fdns) => {
      await expectAllRight(fdns, 10);
      expect((await fdns.logged("expired")).level).toBe("warn");
    });
    expect(counters.map(({ applicationOctets }) => applicationOctets).slice(0, 3)).toEqual([0, 0, 0]);
  }, 20_000);

  test("an upstream that closes when idle is asked again without a failure, on a resumed session", async () => {
    const [counters] = await through(form, [["--close-idle", "200"]], [], async (fdns) => {
      for (let i = 0; i < 3; i++) {
        await expectRight(fdns, `${i}.idle.example`);
        await Bun.sleep(350);
      }
    });
    expect(counters?.connections).toBe(3);
    if (form !== "deno") expect(counters?.handshakesResumed).toBe(2);
  });

  test("an upstream given by name is found over the bootstrap server, and authenticated by that name", async () => {
    const folder = temporaryFolder();
    folders.push(folder);
    const zone = join(folder, "zone");
    writeFileSync(
      zone,
      "$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\nresolver CNAME host\nhost A 127.0.0.1\n",
    );
    const bootstrap = await startScriptedUpstream(folder, ["--zone", zone]);
    const behind = temporaryFolder();
    folders.push(behind);
    const upstream = await startScriptedUpstream(behind, ["--name", "resolver.example"]);
    const roots = join(folder, "roots.pem");
    writeFileSync(roots, `${await Bun.file(bootstrap.caFile).text()}\n${await Bun.file(upstream.caFile).text()}`);
    const named = `tls://resolver.example:${upstream.port}`;
    const flags = ["--upstream", named, "--bootstrap", bootstrap.address, "--ca-file", roots];
    const fdns = await startFdns({ form, flags: ["--listen", "127.0.0.1:0", ...flags] });
    await expectRight(fdns, "a.example");
    await fdns.stop();
    expect(await bootstrap.stop()).toMatchObject({ queries: 2, unpaddedQueries: 0 });
    expect(await upstream.stop()).toMatchObject({ queries: 1 });
  });

  test("an upstream that fails and comes back: one line for each change, not for each query", async () => {
    const scenario = join(temporaryFolder(), "scenario.json");
    folders.push(dirname(scenario));
    writeFileSync(scenario, JSON.stringify({ rules: [{ connection: "1-2", handshake: "close" }] }));
    await through(form, [["--scenario", scenario]], [], async (fdns) => {
      const asked = query({ name: "a.example", udpPayloadSize: 1232 });
      expect(rcodeOf(await askUdp(fdns.port, asked))).toBe(0);
      await fdns.logged("works again");
      expect(fdns.log.filter(({ upstream }) => upstream !== undefined)).toHaveLength(2);
    });
  }, 20_000);
});
