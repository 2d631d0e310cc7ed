/** Port 53 that others hold in part or in whole, that this user may not have, or that a family lacks. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { query, rcodeOf } from "../support/ask.ts";
import { type Asker, startAsker } from "../support/asker.ts";
import { engines, type Form, forms, formsAndEngines, type RunningFdns, startFdns } from "../support/fdns.ts";
import { linesOf } from "../support/lines.ts";
import { makeNamespace, type Namespace } from "../support/namespace.ts";
import { STAND_IN_RCODE } from "../support/resolved-stand-in.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { projectRoot } from "../support/sources.ts";
import { bareEnvironment, bun, executable, type Finished, runToEnd, temporaryFolder } from "../support/toolchain.ts";

/** Those of systemd-resolved, and one that an interface lists. */
const HELD = ["127.0.0.53", "127.0.0.54", "10.77.0.53"];

const folder = temporaryFolder();
const running: RunningFdns[] = [];

/** A host with an upstream and a stub on it. */
interface Host extends Namespace {
  readonly asker: Asker;
  readonly upstream: ScriptedUpstream;
  leave(): Promise<void>;
}

async function makeHost(options: { ipv6?: boolean } = {}): Promise<Host> {
  const namespace = await makeNamespace(options);
  const asker = startAsker(namespace);
  const upstream = await startScriptedUpstream(folder, [], [...namespace.within, executable]);
  return {
    ...namespace,
    asker,
    upstream,
    async leave() {
      await Promise.all([upstream.stop(), asker.stop()]);
      await namespace.remove();
    },
  };
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ stop }) => stop()));
});

afterAll(() => rmSync(folder, { recursive: true }));

function flagsFor({ upstream }: Host, engine: string, listen: readonly string[]): string[] {
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--udp-engine", engine];
  return [...flags, ...listen.flatMap((address) => ["--listen", address])];
}

async function start(host: Host, form: Form, engine: string, ...listen: string[]): Promise<RunningFdns> {
  const fdns = await startFdns({ form, flags: flagsFor(host, engine, listen), within: host.within });
  running.push(fdns);
  return fdns;
}

/** Runs fdns where it cannot start. */
function startInVain(
  host: Host,
  engine: string,
  listen: readonly string[],
  via: string[] = [],
  form: Form = "executable",
) {
  const env = { FDNS_LOG_FORMAT: "json" };
  return runToEnd([...host.within, ...via, ...forms[form], ...flagsFor(host, engine, listen)], { env });
}

/** Its last line says why, in one line; the ones before are log lines of what it skipped. */
function reason({ exitCode, stderr }: Finished): string {
  expect(exitCode).toBe(1);
  const lines = stderr.trimEnd().split("\n");
  const said = lines.filter((line) => !line.startsWith("{"));
  expect(said).toEqual([lines.at(-1)!]);
  return said[0]!;
}

async function rcodes(host: Host, addresses: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const address of addresses) {
    for (const transport of ["udp", "tcp"] as const) {
      const answer = await host.asker.ask(transport, address, 53, query({ name: "x.test" }));
      found.push(`${address} ${transport} ${rcodeOf(answer)}`);
    }
  }
  return found;
}

function fromEach(addresses: readonly string[], rcode: number): string[] {
  return addresses.flatMap((address) => [`${address} udp ${rcode}`, `${address} tcp ${rcode}`]);
}

describe("beside a stand-in for the stub of systemd-resolved", () => {
  let host: Host;
  let standIn: ReturnType<typeof Bun.spawn>;

  beforeAll(async () => {
    host = await makeHost();
    for (const address of ["10.77.0.1/8", "10.77.0.53/8"]) await host.ip(`addr add ${address} dev lo`);
    const command = [...host.within, bun, `${projectRoot}test/support/resolved-stand-in.ts`, ...HELD];
    const child = Bun.spawn(command, { env: bareEnvironment(), stdout: "pipe", stderr: "inherit" });
    standIn = child;
    expect((await linesOf(child.stdout).next()).value).toBe("ready");
  });

  afterAll(async () => {
    standIn.kill();
    await standIn.exited;
    await host.leave();
  });

  test.each(formsAndEngines)(
    "%s, %s: fdns has every other address, and says in one line what it skipped",
    async (form, engine) => {
      const { log, stop } = await start(host, form, engine, ":53");
      expect(await rcodes(host, ["127.0.0.1", "10.77.0.1", "::1"])).toEqual(
        fromEach(["127.0.0.1", "10.77.0.1", "::1"], 0),
      );
      expect(await rcodes(host, HELD)).toEqual(fromEach(HELD, STAND_IN_RCODE));
      expect(await stop()).toBe(0);
      expect(log.map(({ level }) => level)).not.toContain("warn");
      const said = (text: RegExp) => log.filter(({ message }) => text.test(message)).length;
      // 127.0.0.53 is no address that an interface lists, so no line names it; this one tells what it led to.
      expect(said(/^0\.0\.0\.0:53, TCP: listening on each address by itself/)).toBe(1);
      expect(said(/^skipping /)).toBe(engine === "portable" ? 2 : 1);
      expect(said(/^skipping 10\.77\.0\.53:53, TCP: another program holds it$/)).toBe(1);
    },
  );

  test.each(Object.keys(forms) as Form[])("%s: several workers have every other address too", async (form) => {
    const flags = [...flagsFor(host, "batched", [":53"]), "--workers", "3"];
    const { log, stop } = await startFdns({ form, flags, within: host.within });
    // Until all serve: a datagram goes to any of them.
    await Bun.sleep(1500);
    for (let round = 0; round < 5; round++) {
      expect(await rcodes(host, ["127.0.0.1", "10.77.0.1", "::1"])).toEqual(
        fromEach(["127.0.0.1", "10.77.0.1", "::1"], 0),
      );
    }
    expect(await rcodes(host, HELD)).toEqual(fromEach(HELD, STAND_IN_RCODE));
    expect(await stop()).toBe(0);
    expect(log.filter(({ level }) => level !== "info")).toEqual([]);
  });

  test.each(formsAndEngines)("%s, %s: is an error beside another fdns too", async (form, engine) => {
    for (const first of engines) {
      const { stop } = await start(host, "executable", first, ":53");
      expect(reason(await startInVain(host, engine, [":53"], [], form))).toMatch(
        /:53 over (UDP|TCP): the address is in use/,
      );
      const one = reason(await startInVain(host, engine, ["127.0.0.1:53"], [], form));
      expect(one).toMatch(/ 127\.0\.0\.1:53 over (UDP|TCP): the address is in use/);
      // That one goes on as before.
      expect(await rcodes(host, ["127.0.0.1", "::1"])).toEqual(fromEach(["127.0.0.1", "::1"], 0));
      await stop();
    }
  });
});

describe("on a host of its own", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost();
  });

  afterAll(() => host.leave());

  for (const [held, wanted] of [
    [":53", ":53"],
    ["127.0.0.1:53", "127.0.0.1:53"],
    [":53", "127.0.0.1:53"],
    ["127.0.0.1:53", ":53"],
  ] as const) {
    test.each(formsAndEngines)(`%s, %s: ${wanted} is in use beside an fdns on ${held}`, async (form, engine) => {
      await start(host, "executable", "batched", held);
      expect(reason(await startInVain(host, engine, [wanted], [], form))).toMatch(
        /^fdns: .*53.*in use; see what holds it with: ss -lntup$/,
      );
    });
  }

  test.each(formsAndEngines)("%s, %s: without the right to port 53 it says how to get it", async (form, engine) => {
    const powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    for (const listen of [":53", "127.0.0.1:53"]) {
      const line = reason(await startInVain(host, engine, [listen], powerless, form));
      const order = [
        "not permitted",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "ip_unprivileged_port_start",
        "setcap",
      ];
      const places = order.map((text) => line.indexOf(text));
      expect(places).not.toContain(-1);
      expect(places).toEqual(places.toSorted((one, other) => one - other));
      expect(line).toContain("BUN_BE_BUN=1");
    }
  });
});

describe("on a host without IPv6", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost({ ipv6: false });
  });

  afterAll(() => host.leave());

  test.each(formsAndEngines)("%s, %s: the default and :53 do without it", async (form, engine) => {
    for (const listen of [[], [":53"]]) {
      const { log, stop } = await start(host, form, engine, ...listen);
      expect(await rcodes(host, ["127.0.0.1"])).toEqual(fromEach(["127.0.0.1"], 0));
      expect(await stop()).toBe(0);
      const said = log.filter(({ message }) => message.startsWith("not listening on [::"));
      // The kernel still lets the IPv6 wildcard be bound, to nobody's harm.
      const wildcard = log.some(({ message }) => /^listening on .*\[::\]:53/.test(message));
      expect(said.length + Number(wildcard)).toBe(1);
    }
  });

  test("what was asked for by name is an error", async () => {
    expect(reason(await startInVain(host, "batched", ["[::1]:53"]))).toMatch(
      / \[::1\]:53 over UDP: this host has no such address/,
    );
  });
});
