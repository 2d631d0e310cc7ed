/** `fdns test-upstream`: a DNS over TLS server with bad certificates and bad manners, for tests. */

import { X509Certificate } from "node:crypto";
import { UsageError } from "../config/config.ts";
import type { Log } from "../observe/log.ts";
import { quoted } from "../observe/quoted.ts";
import { systemErrorText } from "../observe/system-error.ts";
import { systemClock } from "../runtime/clock.ts";
import { readGivenFile } from "../runtime/files/given-file.ts";
import { writeOwnFile } from "../runtime/files/own-file.ts";
import { outputTakesLines } from "../runtime/files/unread-output.ts";
import type { FileKind } from "../runtime/kept-files.ts";
import { json, listenHttp } from "../runtime/net/http-listen.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import { BEHAVIOUR_KEYS } from "../testupstream/behaviour.ts";
import { CA_NAME, CERTIFICATES } from "../testupstream/certificates.ts";
import { readBehaviours, readTestUpstreamOptions, type TestUpstreamPlan } from "../testupstream/options.ts";
import { ALPN_CHOICES, startTestUpstream, type TestUpstream } from "../testupstream/start.ts";
import type { OptionSpec, ParsedArguments } from "./arguments.ts";

const OWN_OPTIONS: readonly OptionSpec[] = [
  {
    name: "listen",
    kind: "list",
    valueName: "ADDRESS:PORT",
    description: "Where to serve DNS over TLS; port 0 takes a free one",
    defaultText: "127.0.0.1:8853",
  },
  {
    name: "control",
    kind: "value",
    valueName: "ADDRESS:PORT",
    description:
      "Serve the counters as JSON at http://ADDRESS:PORT/counters, on loopback only; POST behaviours and rules as in a scenario file to /behaviour, anything to /close",
  },
  {
    name: "certificate",
    kind: "value",
    valueName: "KIND",
    description: `The certificate: ${Object.keys(CERTIFICATES).join(", ")}`,
    defaultText: "good",
  },
  {
    name: "name",
    kind: "list",
    valueName: "NAME",
    description: "A DNS name or address the certificate is for",
    defaultText: "dot.test, 127.0.0.1 and ::1",
  },
  {
    name: "ca-out",
    kind: "value",
    valueName: "FILE",
    description: "Write the throw-away CA's certificate there, as PEM",
  },
  {
    name: "rotate-every",
    kind: "value",
    valueName: "N",
    description: "With the certificate rotated-key: a new key every N connections; 0 is only on SIGHUP",
    defaultText: "1",
  },
  {
    name: "tls",
    kind: "list",
    valueName: "VERSION",
    description: "TLS versions to offer: 1.1, 1.2, 1.3",
    defaultText: "1.2 and 1.3",
  },
  {
    name: "alpn",
    kind: "value",
    valueName: "CHOICE",
    description: `The ALPN protocol selected: ${Object.keys(ALPN_CHOICES).join(", ")}`,
    defaultText: "dot",
  },
  {
    name: "zone",
    kind: "value",
    valueName: "FILE",
    description: "Answer from this zone file",
    defaultText: "answers are made up from the name asked",
  },
  {
    name: "scenario",
    kind: "value",
    valueName: "FILE",
    description: "Take these options, and rules for some names, queries or connections, from a JSON file; flags win",
  },
  { name: "seed", kind: "value", valueName: "N", description: "Start of the random numbers", defaultText: "1" },
];

/** The options of the command: its own, then one for each behaviour. */
export const testUpstreamOptions: OptionSpec[] = [
  ...OWN_OPTIONS,
  ...BEHAVIOUR_KEYS.map(
    ({ key, valueName, description }): OptionSpec =>
      key === "ad"
        ? { name: key, kind: "switch", description }
        : { name: key, kind: key === "fault" ? "list" : "value", valueName, description },
  ),
];

/** Where the command says what a program is to read, and how it learns that it is to end. */
export interface TestUpstreamOutput {
  /** Prints one line to standard output. */
  readonly print: (line: string) => void;
  readonly log: Log;
  /** Ends the command like SIGTERM does. */
  readonly stop?: AbortSignal;
}

function readFile(path: string, flag: string): string {
  try {
    return readGivenFile(path);
  } catch (cause) {
    throw new UsageError(`--${flag} ${quoted(path)}: ${systemErrorText(cause)}; a file that can be read is allowed`);
  }
}

/** A certificate of an earlier run. */
const CA_FILE: FileKind = {
  name: "certificate of a throw-away CA of fdns",
  lookAtOctets: 65_536,
  isOwn: (octets) => octets.length === 0 || isThrowAwayCa(octets),
  blank: new Uint8Array(0),
};

/** It would be made, but not what leads to it. */
const NO_FOLDER = { ENOENT: "there is no such folder" };

function isThrowAwayCa(octets: Uint8Array): boolean {
  const pem = new TextDecoder("latin1").decode(octets);
  if (!/^-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*$/.test(pem)) return false;
  try {
    return new X509Certificate(pem).subject === `CN=${CA_NAME}`;
  } catch {
    return false;
  }
}

async function writeCa(path: string, pem: string): Promise<void> {
  try {
    await writeOwnFile(path, new TextEncoder().encode(pem), CA_FILE, 0o644);
  } catch (cause) {
    throw new UsageError(
      `--ca-out ${quoted(path)}: ${systemErrorText(cause, NO_FOLDER)}; a file that can be written is allowed`,
    );
  }
}

/** How long the last line waits for whoever reads standard output. */
const LAST_LINE_MS = 1000;

const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

/** Resolves when the process is told to end; puts signal handlers in place until then. */
function untilStopped(upstream: TestUpstream, { log, stop }: TestUpstreamOutput): Promise<void> {
  return new Promise((resolve) => {
    const onHangup = () => {
      upstream.rotate();
      log.info("certificate rotation asked for by SIGHUP", { keyRotations: upstream.counters.keyRotations });
    };
    const onStop = () => {
      for (const signal of STOP_SIGNALS) process.off(signal, onStop);
      process.off("SIGHUP", onHangup);
      resolve();
    };
    for (const signal of STOP_SIGNALS) process.on(signal, onStop);
    process.on("SIGHUP", onHangup);
    stop?.addEventListener("abort", onStop, { once: true });
    if (stop?.aborted) onStop();
  });
}

function startLine(upstream: TestUpstream, plan: TestUpstreamPlan, control: SocketAddress | undefined): string {
  const [first] = upstream.addresses;
  return JSON.stringify({
    address: first?.host,
    port: first?.port,
    ca: plan.caOut,
    spkiPin: upstream.spkiPin,
    listen: upstream.addresses,
    control,
  });
}

/**
 * Serves until SIGTERM, SIGINT or SIGQUIT. Prints one JSON line when it serves and one with the counters at the end.
 * @returns the exit code, 0.
 * @throws UsageError for a bad value; Error when an address cannot be bound (as rejections).
 */
export async function testUpstream(args: ParsedArguments, output: TestUpstreamOutput): Promise<number> {
  const plan = readTestUpstreamOptions(args.values, readFile);
  const upstream = await startTestUpstream(plan.upstream);
  try {
    if (plan.caOut !== undefined) await writeCa(plan.caOut, upstream.caPem);
    const control =
      plan.control &&
      (await listenHttp({
        address: plan.control,
        pages: { "/counters": () => json(upstream.report()) },
        actions: {
          "/behaviour": (body) => upstream.behave(readBehaviours(body, "posted")),
          "/close": () => upstream.closeConnections(),
        },
      }));
    const stopped = untilStopped(upstream, output);
    if (await outputTakesLines(stopped)) output.print(startLine(upstream, plan, control?.address));
    await stopped;
    await control?.close();
  } finally {
    await upstream.close();
  }
  const bound = new Promise<void>((resolve) => {
    systemClock.after(LAST_LINE_MS, resolve);
  });
  if (await outputTakesLines(bound)) output.print(JSON.stringify(upstream.report()));
  return 0;
}
