/** fdns and its peers from Debian, each started as a forwarder to the same upstreams. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnTied } from "../support/tied-children.ts";
import { bareEnvironment } from "../support/toolchain.ts";
import { type Rig, type RigUpstream, UPSTREAM_NAME, UPSTREAM_PORT } from "./rig.ts";
import type { Scenario } from "./scenario.ts";
import { openUnreadLog } from "./unread-log.ts";

export const RESOLVERS = ["fdns", "unbound", "dnsdist", "knot-resolver", "stubby"] as const;
export type ResolverName = (typeof RESOLVERS)[number];

export const RESOLVER_PORT = 5300;

interface Launch {
  /** What is written from the template of that name in peers/. */
  readonly template?: string;
  /** How the template names an upstream. */
  readonly upstream?: (upstream: RigUpstream, caFile: string) => string;
  readonly command: (place: Place) => readonly string[];
}

interface Place {
  readonly folder: string;
  readonly configuration: string;
  readonly executable: string;
  readonly caFile: string;
  readonly upstreams: readonly RigUpstream[];
}

const LAUNCHES: Record<ResolverName, Launch> = {
  fdns: {
    command: ({ executable, upstreams, caFile }) => [
      executable,
      ...["--listen", `127.0.0.1:${RESOLVER_PORT}`, "--ca-file", caFile],
      ...upstreams.flatMap(({ address }) => ["--upstream", `${address}:${UPSTREAM_PORT}#${UPSTREAM_NAME}`]),
    ],
  },
  unbound: {
    template: "unbound.conf",
    upstream: ({ address }) => `  forward-addr: ${address}@${UPSTREAM_PORT}#${UPSTREAM_NAME}`,
    command: ({ configuration }) => ["/usr/sbin/unbound", "-d", "-c", configuration],
  },
  dnsdist: {
    template: "dnsdist.conf",
    // Health checks every second, the least there is; one failure takes a server out, one success brings it back.
    // Queries are pipelined, which is off by default, and tried again on another connection when one fails; the bounds
    // are short enough that another attempt fits into the client's patience.
    upstream: ({ address }, caFile) =>
      `newServer({ address = "${address}:${UPSTREAM_PORT}", tls = "openssl", subjectName = "${UPSTREAM_NAME}",
  caStore = "${caFile}", validateCertificates = true, maxInFlight = 1000, retries = 5,
  tcpConnectTimeout = 2, tcpSendTimeout = 2, tcpRecvTimeout = 2,
  checkName = "health.example.net.", checkType = "A", checkInterval = 1, checkTimeout = 1000, maxCheckFailures = 1, rise = 1 })`,
    command: ({ configuration }) => ["/usr/bin/dnsdist", "--supervised", "--disable-syslog", "-C", configuration],
  },
  "knot-resolver": {
    template: "kresd.conf",
    upstream: ({ address }, caFile) =>
      `  { "${address}@${UPSTREAM_PORT}", hostname = "${UPSTREAM_NAME}", ca_file = "${caFile}" },`,
    command: ({ configuration, folder }) => ["/usr/sbin/kresd", "-n", "-q", "-c", configuration, folder],
  },
  stubby: {
    template: "stubby.yml",
    upstream: ({ address }) =>
      `  - address_data: ${address}\n    tls_port: ${UPSTREAM_PORT}\n    tls_auth_name: "${UPSTREAM_NAME}"`,
    command: ({ configuration }) => ["/usr/bin/stubby", "-C", configuration],
  },
};

/** The packages a run needs that are missing. */
export function missingPackages(names: readonly ResolverName[]): string[] {
  const command = (name: ResolverName) =>
    LAUNCHES[name].command({ folder: "", configuration: "", executable: "/bin/sh", caFile: "", upstreams: [] })[0]!;
  return names.filter((name) => !existsSync(command(name)));
}

export interface Resolver {
  readonly pid: number;
  readonly log: () => string;
  /** From now on it can log no more, where nobody reads its log. */
  fillLog(): void;
  kill(signal: NodeJS.Signals): void;
  /** Whether it still runs. */
  readonly alive: boolean;
  stop(): Promise<void>;
}

/** Starts it inside the rig; it listens on 127.0.0.1 at RESOLVER_PORT soon after. */
export function startResolver(
  name: ResolverName,
  rig: Rig,
  folder: string,
  executable: string,
  { logIsUnread, within = [] }: Pick<Scenario, "logIsUnread" | "within"> = {},
): Resolver {
  const { template, upstream, command } = LAUNCHES[name];
  const own = join(folder, name);
  mkdirSync(own);
  const caFile = join(own, "roots.pem");
  writeFileSync(caFile, rig.upstreams.map((one) => readFileSync(one.caFile, "latin1")).join(""));
  const configuration = join(own, template ?? "none");
  if (template !== undefined) {
    const text = readFileSync(fileURLToPath(new URL(`peers/${template}.in`, import.meta.url)), "utf8")
      .replaceAll("@PORT@", `${RESOLVER_PORT}`)
      .replaceAll("@FOLDER@", own)
      .replaceAll("@CAFILE@", caFile)
      .replaceAll("@UPSTREAMS@", rig.upstreams.map((one) => upstream!(one, caFile)).join("\n"));
    writeFileSync(configuration, text);
  }
  const logFile = join(own, "log");
  const unread = logIsUnread ? openUnreadLog(join(own, "unread")) : undefined;
  const child = spawnTied(
    [
      ...rig.near.within,
      ...within,
      ...command({ folder: own, configuration, executable, caFile, upstreams: rig.upstreams }),
    ],
    {
      cwd: own,
      env: { ...bareEnvironment(), FDNS_LOG_FORMAT: "json" },
      stdin: "ignore",
      stdout: unread?.descriptor ?? Bun.file(logFile),
      stderr: unread?.descriptor ?? Bun.file(logFile),
    },
  );
  void child.exited.then(() => unread?.close());
  return {
    pid: child.pid,
    log: () => (unread === undefined ? readFileSync(logFile, "utf8") : ""),
    fillLog: () => unread?.fill(),
    kill: (signal) => child.kill(signal),
    get alive() {
      return child.exitCode === null && child.signalCode === null;
    },
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 5000);
      await child.exited;
      clearTimeout(late);
    },
  };
}
