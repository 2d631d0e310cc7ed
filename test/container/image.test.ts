/** The image: built and run by the README's lines, as an engine runs it that grants nothing. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";
import { buildImage, type Container, type ContainerHost, makeContainerHost } from "./built-image.ts";

const PUBLISHED = ["-p", "53:9999/udp", "-p", "53:9999"];
const NOTHING_GRANTED = [
  ...["--read-only", "--read-only-tmpfs=false"],
  ...["--cap-drop=ALL", "--security-opt=no-new-privileges"],
];

const folder = temporaryFolder();
let host: ContainerHost;
let upstream: ScriptedUpstream | undefined;
const running: Container[] = [];

beforeAll(async () => {
  host = await makeContainerHost();
  await buildImage(host.store);
}, 120_000);

afterEach(async () => {
  await Promise.all(running.splice(0).map((container) => container.remove()));
});

afterAll(async () => {
  await host?.remove();
  rmSync(folder, { recursive: true });
}, 30_000);

async function run(...flags: string[]): Promise<Container> {
  const container = await host.run(...PUBLISHED, ...NOTHING_GRANTED, ...flags, "fdns");
  running.push(container);
  return container;
}

/** Runs it with DNSSERVER set to a scripted upstream, whose CA it is told to trust. */
async function runBeforeUpstream(...upstreamFlags: string[]): Promise<Container> {
  upstream = await host.startUpstream(folder, upstreamFlags);
  const environment = ["-e", `DNSSERVER=${upstream.address}`, "-e", "FDNS_CA_FILE=/ca.pem"];
  return run(...environment, "-v", `${upstream.caFile}:/ca.pem:ro`);
}

test("it holds the base and one file more, and says how it is to be run", async () => {
  expect(await host.store.podman("image", "diff", "fdns", "stand-in-base")).toBe("A /fdns");
  const [image] = JSON.parse(await host.store.podman("image", "inspect", "fdns"));
  expect(image.Config.User).toBe("65532:65532");
  expect(image.Config.Entrypoint).toEqual(["/fdns"]);
  expect(image.Config.Env).toContain("FDNS_LISTEN=:9999");
  expect(Object.keys(image.Config.ExposedPorts).sort()).toEqual(["9999/tcp", "9999/udp"]);
  const healthCheck = await host.store.podman("image", "inspect", "--format", "{{json .HealthCheck.Test}}", "fdns");
  expect(JSON.parse(healthCheck)).toEqual(["CMD", "/fdns", "health"]);
});

test("it runs without root, without any capability and on a root that cannot be written", async () => {
  const { pid } = await run();
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1];
  expect(field("Uid")).toBe("65532\t65532\t65532\t65532");
  expect(["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(field)).toEqual(Array(5).fill("0000000000000000"));
  expect(field("NoNewPrivs")).toBe("1");
  expect(field("NSpid")).toBe(`${pid}\t1`);
  const root = readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n")[0];
  expect(root).toMatch(/ \/ ro,/);
});

describe("through the published ports", () => {
  test.each([["+notcp"], ["+tcp"]])("DNSSERVER answers: dig %s", async (transport) => {
    const container = await runBeforeUpstream();
    const shown = await host.dig(transport, "www.example.test");
    expect(shown).toMatchObject({ rcode: "NOERROR", flags: "qr ra rd" });
    expect(shown.sections.ANSWER).toHaveLength(1);
    const line = (await container.log()).find(({ message }) => String(message).startsWith("listening"));
    expect(line).toMatchObject({ chosenBy: "configuration", upstreams: upstream?.address });
    expect((await upstream?.stop())?.queries).toBe(1);
  });

  test.each([["+notcp"], ["+tcp"]])(
    "without DNSSERVER the default pair is named and, out of reach here, no query is lost: dig %s",
    async (transport) => {
      const container = await run();
      const line = (await container.log()).find(({ message }) => String(message).startsWith("listening"));
      expect(line).toMatchObject({ chosenBy: "default", upstreams: "cloudflare-dns.com, dns.google" });
      expect(await host.dig(transport, "www.example.test")).toMatchObject({ rcode: "SERVFAIL" });
    },
  );
});

describe("health", () => {
  test("exits 0 as HEALTHCHECK and by hand, and 1 where nothing listens", async () => {
    const container = await run();
    expect(await host.store.tryPodman("healthcheck", "run", container.name)).toMatchObject({ exitCode: 0 });
    expect(await container.exec("/fdns", "health")).toMatchObject({ exitCode: 0 });
    expect(await container.exec("/fdns", "health", "--server", "127.0.0.1:1")).toMatchObject({ exitCode: 1 });
  });

  test("exits 1 when fdns stands still, and 0 when it goes on", async () => {
    const container = await run();
    process.kill(container.pid, "SIGSTOP");
    try {
      expect(await host.store.tryPodman("healthcheck", "run", container.name)).toMatchObject({ exitCode: 1 });
    } finally {
      process.kill(container.pid, "SIGCONT");
    }
    expect(await host.store.tryPodman("healthcheck", "run", container.name)).toMatchObject({ exitCode: 0 });
  });
});

describe("as process 1 it ends within a second of SIGTERM", () => {
  test("with nothing to do", async () => {
    const { tookMs, exitCode } = await (await run()).terminate();
    expect(exitCode).toBe(0);
    expect(tookMs).toBeLessThan(1000);
  });

  test("with a query that no upstream answers", async () => {
    const scenario = join(folder, "scenario.json");
    writeFileSync(scenario, JSON.stringify({ rules: [{ qname: "stuck.test", fault: "silent" }] }));
    const container = await runBeforeUpstream("--scenario", scenario);
    const stuck = host.dig("+tcp", "stuck.test");
    // It has come in before this one is answered.
    await Bun.sleep(300);
    await host.dig("www.example.test");
    const { tookMs, exitCode } = await container.terminate();
    expect(await stuck).toMatchObject({ rcode: "SERVFAIL" });
    expect(exitCode).toBe(0);
    // It was waited for.
    expect(tookMs).toBeGreaterThan(500);
    expect(tookMs).toBeLessThan(1000);
  });
});
