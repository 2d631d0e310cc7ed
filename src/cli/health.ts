/**
 * `fdns health`: whether a server answers at all, for probes. It loads nothing of the forwarder: a probe runs every few
 * seconds, and must not cost more than what it watches.
 */

import { type ListenAddress, UsageError } from "../config/config.ts";
import { loadListen } from "../config/load.ts";
import { formatListenAddress, parseListenAddress } from "../config/syntax/listen-address.ts";
import { durationOf, formatDuration } from "../config/syntax/values.ts";
import { quoted } from "../observe/quoted.ts";
import { systemClock, systemRandom } from "../runtime/clock.ts";
import { environment, terminals, writeError, writeOut } from "../runtime/process.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import { askUdp } from "../runtime/udp/ask-udp.ts";
import type { ParsedArguments } from "./arguments.ts";
import { type Command, exitCodes } from "./command.ts";

const within = {
  value: 1000,
  min: 1,
  max: 60_000,
  unit: "ms",
  why: "Docker's and Kubernetes' probes are given 1 s and more; an answer of its own takes fdns well below 1 ms",
} as const;

export const health: Command = {
  options: [
    {
      name: "server",
      kind: "value",
      valueName: "ADDRESS",
      description: "Whom to ask, written as for --listen; :9999 is port 9999 of this host",
      defaultText: "where FDNS_LISTEN says, else 127.0.0.1:53 and [::1]:53",
    },
    {
      name: "within",
      kind: "value",
      valueName: "DURATION",
      description: "How long to wait for the response",
      defaultText: formatDuration(within.value),
    },
    { name: "verbose", kind: "switch", description: "Say so when it is alive; at a terminal it always does" },
  ],
  examples: [
    { line: "fdns health", meaning: "the fdns of this host or container, by the same FDNS_LISTEN" },
    { line: "fdns health --server 127.0.0.1:5353 --within 500ms", meaning: "one that listens elsewhere" },
  ],
  notes: [
    "One query over UDP that a server answers by itself, without asking anybody (id.server, class CH). Any response is life, also REFUSED. Several addresses are asked at once; one response is enough.",
  ],
  exitCodes: [
    { code: 0, meaning: "alive: a response came" },
    { code: 1, meaning: "none came in time, or nothing listens there; output cannot be written" },
    { code: 2, meaning: "a wrong flag, value or variable; nothing was sent" },
  ],
  async run(args) {
    const listen = addressesToAsk(args);
    const boundMs = boundOf(args);
    const places = listen.map(formatListenAddress).join(", ");
    const startedMs = systemClock.nowMs();
    const query = liveQuery();
    try {
      await askUdp(listen.flatMap(targets), query, boundMs, (octets) => answers(query, octets));
    } catch (error) {
      writeError(`fdns: not alive: ${places}: ${(error as Error).message}\n`);
      return exitCodes.failure.code;
    }
    if (args.values.has("verbose") || terminals().stdout) {
      writeOut(`alive: ${places} answered in ${(systemClock.nowMs() - startedMs).toFixed(1)} ms\n`);
    }
    return exitCodes.ok.code;
  },
};

function addressesToAsk(args: ParsedArguments): readonly ListenAddress[] {
  const server = args.values.get("server")?.[0];
  const [listen, source] =
    server === undefined
      ? [loadListen(new Map(), environment()), "FDNS_LISTEN"]
      : [[named("--server", () => parseListenAddress(server))], "--server"];
  const portless = listen.find((address) => address.port === 0);
  if (portless === undefined) return listen;
  throw new UsageError(
    `${source}: ${quoted(formatListenAddress(portless))} lets the host choose the port; a port from 1 to 65535 is allowed here`,
  );
}

function boundOf(args: ParsedArguments): number {
  const text = args.values.get("within")?.[0];
  return text === undefined ? within.value : named("--within", () => durationOf(within)(text));
}

function named<Value>(source: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${source}: ${error.message}`) : error;
  }
}

/** Where a wildcard is asked: loopback, of the families it has. */
function targets({ host, port }: ListenAddress): SocketAddress[] {
  if (host === "*") return ["127.0.0.1", "::1"].map((loopback) => ({ host: loopback, port }));
  const loopback = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host];
  return [{ host: loopback ?? host, port }];
}

/** id.server CH TXT, RD=0 (RFC 4892, 2): of the server itself, so never sent on. */
function liveQuery(): Uint8Array {
  const header = new Uint8Array(12);
  systemRandom.fill(header.subarray(0, 2));
  header[5] = 1;
  const name = ["id", "server"].flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  return Uint8Array.from([...header, ...name, 0, 0, 16, 0, 3]);
}

/** Whether it has the query's ID and is a response. */
function answers(query: Uint8Array, octets: Uint8Array): boolean {
  return octets.length >= 12 && octets[0] === query[0] && octets[1] === query[1] && (octets[2]! & 0x80) !== 0;
}
