/** A real resolver: Debian's unbound as DNS over TLS upstream, asking Debian's nsd, both as plain processes on loopback. */

import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { makeAuthority } from "../../src/testupstream/certificates.ts";
import { linesOf } from "./lines.ts";
import { bareEnvironment } from "./toolchain.ts";
import { writeZones, zoneFile, zones } from "./zones.ts";

export interface RealUpstream {
  /** As --upstream takes it: "127.0.0.1:40001#dot.test". */
  readonly address: string;
  /** Where it speaks DNS over TLS, and where plain DNS for tools without TLS; both on 127.0.0.1. */
  readonly tlsPort: number;
  readonly plainPort: number;
  /** The throw-away CA, as --ca-file takes it. */
  readonly caFile: string;
  stop(): Promise<void>;
}

/** Starts both in the folder. Rejects with what a program wrote if one ends before it serves. */
export async function startRealUpstream(folder: string): Promise<RealUpstream> {
  const anchors = await writeZones(folder);
  const caFile = join(folder, "ca.pem");
  const authority = await makeAuthority("good", ["dot.test", "127.0.0.1"], Date.now);
  const { chainPem, keyPem } = await authority.issue();
  writeFileSync(caFile, authority.caPem);
  writeFileSync(join(folder, "chain.pem"), chainPem);
  writeFileSync(join(folder, "key.pem"), keyPem);

  const [nsdPort, tlsPort, plainPort] = await freePorts(3);
  const nsdFile = join(folder, "nsd.conf");
  writeFileSync(nsdFile, nsdConfiguration(folder, nsdPort!));
  const nsd = await startProgram(["nsd", "-d", "-c", nsdFile], "nsd started");
  try {
    const unboundFile = join(folder, "unbound.conf");
    writeFileSync(unboundFile, unboundConfiguration(folder, nsdPort!, tlsPort!, plainPort!, anchors));
    const unbound = await startProgram(["unbound", "-d", "-c", unboundFile], "start of service");
    return {
      address: `127.0.0.1:${tlsPort}#dot.test`,
      tlsPort: tlsPort!,
      plainPort: plainPort!,
      caFile,
      async stop() {
        await Promise.all([nsd(), unbound()]);
      },
    };
  } catch (error) {
    await nsd();
    throw error;
  }
}

function nsdConfiguration(folder: string, port: number): string {
  return `
server:
  ip-address: 127.0.0.1@${port}
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
${zones.map((zone) => `zone:\n  name: "${zone}"\n  zonefile: "${zoneFile(folder, zone)}"\n`).join("")}`;
}

/**
 * Every zone of the test's name space, the root included, is asked of nsd, so unbound never asks anyone else. Full
 * responses, and none synthesised from others that happen to be cached: what it answers does not depend on the order
 * of the questions.
 */
function unboundConfiguration(
  folder: string,
  nsdPort: number,
  tlsPort: number,
  plainPort: number,
  anchors: readonly string[],
): string {
  return `
server:
  interface: 127.0.0.1@${plainPort}
  interface: 127.0.0.1@${tlsPort}
  tls-port: ${tlsPort}
  tls-service-key: "${folder}/key.pem"
  tls-service-pem: "${folder}/chain.pem"
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: "${folder}/unbound.pid"
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  do-not-query-localhost: no
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  module-config: "validator iterator"
${anchors.map((file) => `  trust-anchor-file: "${file}"\n`).join("")}  local-zone: "test." nodefault
  local-zone: "2.0.192.in-addr.arpa." nodefault
  minimal-responses: no
  val-bogus-ttl: 900
  aggressive-nsec: no
  ede: yes
  incoming-num-tcp: 200
remote-control:
  control-enable: no
${zones.map((zone) => `stub-zone:\n  name: "${zone}"\n  stub-addr: 127.0.0.1@${nsdPort}\n`).join("")}`;
}

/** Ports of 127.0.0.1 that were free for TCP a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<number>((resolve, reject) => {
          socket.on("error", reject);
          socket.listen(0, "127.0.0.1", () => resolve((socket.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.close(resolve))));
  return ports;
}

/** Starts a program and waits for the line that says it serves. Resolves to what ends it. */
async function startProgram(command: readonly string[], ready: string): Promise<() => Promise<void>> {
  const environment = bareEnvironment();
  // Both live in sbin, which not every user has in the path.
  environment.PATH = [environment.PATH, "/usr/sbin", "/sbin"].join(delimiter);
  const [program = "", ...args] = command;
  const child = Bun.spawn([Bun.which(program, { PATH: environment.PATH }) ?? program, ...args], {
    env: environment,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const written: string[] = [];
  const lines = linesOf(child.stderr);
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command.join(" ")} ended with ${await child.exited}: ${written.join("\n")}`);
    written.push(value);
    if (value.includes(ready)) break;
  }
  const rest = (async () => {
    for await (const _ of lines); // so that the program never waits for a full pipe
  })();
  return async () => {
    child.kill("SIGTERM");
    await child.exited;
    await rest;
  };
}
