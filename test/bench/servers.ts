/** fdns, its peers from Debian and the floor: how each is started, as a forwarder with one thread. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { forms } from "../support/fdns.ts";
import { addressQuery, firstAnswer, rcodeOf } from "../support/first-answer.ts";
import { spawnTied } from "../support/tied-children.ts";
import { bareEnvironment } from "../support/toolchain.ts";
import { freePort } from "./free-port.ts";
import { withLargeReceiveBuffers } from "./receive-buffer.ts";
import { UPSTREAM_NAME } from "./upstream.ts";

export const PEERS = ["unbound", "dnsdist", "knot-resolver", "stubby"] as const;
export const SERVERS = [
  "fdns",
  "fdns-portable",
  "fdns-2-workers",
  "fdns-deno",
  ...PEERS,
  "echo",
  "echo-2-threads",
] as const;
export type ServerName = (typeof SERVERS)[number];

export function isPeer(name: string): boolean {
  return (PEERS as readonly string[]).includes(name);
}

export function workersOf(name: ServerName): number {
  return name === "fdns-2-workers" ? 2 : 1;
}

interface Place {
  readonly folder: string;
  readonly configuration: string;
  readonly port: number;
  readonly upstreamPort: number;
  readonly caFile: string;
  readonly fdns: string;
  readonly echo: string;
  /** What `fdns serve --help` says: which options there are. */
  readonly help: string;
}

interface Launch {
  /** Of its configuration in peers/. */
  readonly template?: string;
  /** It cannot set its receive buffer. */
  readonly smallBuffer?: boolean;
  readonly command: (place: Place) => readonly string[];
}

/** As much as the peers have, more than a million names need. */
const CACHE_SIZE = "1GiB";

function fdnsFlags({ port, upstreamPort, caFile, help }: Place): string[] {
  return [
    ...["--listen", `127.0.0.1:${port}`, "--upstream", `127.0.0.1:${upstreamPort}#${UPSTREAM_NAME}`],
    ...["--ca-file", caFile, "--log-level", "warn"],
    ...(help.includes("--cache-size") ? ["--cache-size", CACHE_SIZE] : []),
  ];
}

const LAUNCHES: Record<ServerName, Launch> = {
  fdns: { command: (place) => [place.fdns, ...fdnsFlags(place)] },
  "fdns-portable": { command: (place) => [place.fdns, ...fdnsFlags(place), "--udp-engine", "portable"] },
  "fdns-2-workers": {
    command: (place) => [place.fdns, ...fdnsFlags(place), "--workers", `${workersOf("fdns-2-workers")}`],
  },
  "fdns-deno": { command: (place) => [...forms.deno, ...fdnsFlags(place)] },
  unbound: { template: "unbound.conf", command: ({ configuration }) => ["unbound", "-d", "-c", configuration] },
  dnsdist: {
    template: "dnsdist.conf",
    command: ({ configuration }) => ["dnsdist", "--supervised", "--disable-syslog", "-C", configuration],
  },
  "knot-resolver": {
    template: "kresd.conf",
    smallBuffer: true,
    command: ({ configuration, folder }) => ["kresd", "-n", "-q", "-c", configuration, folder],
  },
  stubby: {
    template: "stubby.yml",
    smallBuffer: true,
    command: ({ configuration }) => ["stubby", "-C", configuration],
  },
  echo: { command: ({ echo, port }) => [echo, "127.0.0.1", `${port}`] },
  "echo-2-threads": { command: ({ echo, port }) => [echo, "127.0.0.1", `${port}`, "2"] },
};

export interface StartOptions {
  readonly name: ServerName;
  readonly core: number;
  readonly upstream: { readonly port: number; readonly caFile: string };
  readonly fdns: string;
  readonly echo: string;
  readonly help: string;
  /** Put before the command: a quota. */
  readonly within?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningServer {
  readonly name: ServerName;
  readonly pid: number;
  readonly port: number;
  /** From just before the start of the process to its first answer. */
  readonly startMs: number;
  log(): string;
  stop(): Promise<void>;
}

const START_GIVE_UP_MS = 10_000;
const ASK_EVERY_MS = 1;
/** A first query may be lost: another socket asks then. */
const SOCKET_LIFE_MS = 500;
const STOP_GIVE_UP_MS = 3000;
/** unbound and kresd live in sbin, which not every user has in the path. */
const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
/** kresd keeps its cache in its folder: memory, where its manual wants it. */
const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : "/tmp";

/** Starts a server and waits for its first answer. Rejects with its log if there is none. */
export function startServer(options: StartOptions): Promise<RunningServer> {
  const start = () => startAsItIs(options);
  return LAUNCHES[options.name].smallBuffer ? withLargeReceiveBuffers(start) : start();
}

async function startAsItIs(options: StartOptions): Promise<RunningServer> {
  const { name, core, upstream } = options;
  const { template, command } = LAUNCHES[name];
  const port = await freePort();
  const folder = join(MEMORY, `fdns-bench-${process.pid}-${port}`);
  mkdirSync(folder);
  const place: Place = {
    ...{ folder, port, configuration: join(folder, template ?? "none"), upstreamPort: upstream.port },
    ...{ caFile: upstream.caFile, fdns: options.fdns, echo: options.echo, help: options.help },
  };
  if (template) writeFileSync(place.configuration, filledIn(template, place));
  const logFile = join(folder, "log");
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeFolder);

  const began = performance.now();
  const child = spawnTied([...(options.within ?? []), "taskset", "-c", `${core}`, ...command(place)], {
    cwd: folder,
    env: { ...bareEnvironment(), PATH, ...options.env },
    stdin: "ignore",
    stdout: Bun.file(logFile),
    stderr: Bun.file(logFile),
  });
  const log = () => readFileSync(logFile, "utf8");
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_GIVE_UP_MS);
    await child.exited;
    clearTimeout(late);
    removeFolder();
    process.off("exit", removeFolder);
  };
  try {
    await untilAnswered(port, () => child.exitCode === null);
  } catch (error) {
    const said = log().slice(-2000);
    await stop();
    throw new Error(`${name} did not start: ${(error as Error).message}\n${said}`, { cause: error });
  }
  return { name, pid: child.pid, port, startMs: performance.now() - began, log, stop };
}

function filledIn(template: string, { folder, port, upstreamPort, caFile }: Place): string {
  return readFileSync(fileURLToPath(new URL(`peers/${template}.in`, import.meta.url)), "utf8")
    .replaceAll("@FOLDER@", folder)
    .replaceAll("@PORT@", `${port}`)
    .replaceAll("@UPSTREAM@", `${upstreamPort}`)
    .replaceAll("@CAFILE@", caFile);
}

/** A peer may refuse at first, while it has no connection yet. */
async function untilAnswered(port: number, alive: () => boolean): Promise<void> {
  const giveUp = performance.now() + START_GIVE_UP_MS;
  const query = addressQuery("ready.bench.example.net");
  while (alive() && performance.now() < giveUp) {
    const response = await firstAnswer(port, query, ASK_EVERY_MS, SOCKET_LIFE_MS).catch(() => undefined);
    if (response && rcodeOf(response) === 0) return;
    if (response) await Bun.sleep(ASK_EVERY_MS);
  }
  throw new Error(alive() ? `no answer within ${START_GIVE_UP_MS} ms` : "it ended");
}
