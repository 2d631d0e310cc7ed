/** dnsperf: as many queries as a server answers, with so many outstanding. */

import { outputOf } from "../support/tied-children.ts";

export interface DnsperfOptions {
  readonly core: number;
  readonly port: number;
  /** A name and a type a line. */
  readonly file: string;
  readonly seconds: number;
  /** Each line once, for names that must be new; else from the start again. */
  readonly once?: boolean;
  /** Connections over TCP, sockets over UDP; default 4. */
  readonly clients?: number;
  readonly outstanding?: number;
  readonly transport?: "udp" | "tcp";
}

export interface DnsperfReport {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  /** Answers with another RCODE than NOERROR. */
  readonly refused: number;
  readonly seconds: number;
  readonly queriesPerSecond: number;
}

/** What is asked for: "0 lost with 1,000 outstanding". */
const OUTSTANDING = 1000;
/** A query without an answer after so many seconds is lost. */
const LOST_AFTER_SECONDS = 2;
const SOCKET_KIB = 4096;

export async function runDnsperf(options: DnsperfOptions): Promise<DnsperfReport> {
  const { core, port, file, seconds, once, clients = 4, outstanding = OUTSTANDING, transport = "udp" } = options;
  return parseDnsperf(
    await outputOf([
      ...["taskset", "-c", `${core}`, "dnsperf", "-s", "127.0.0.1", "-p", `${port}`, "-m", transport, "-d", file],
      ...["-l", `${seconds}`, ...(once ? ["-n", "1"] : []), "-c", `${clients}`, "-T", "1", "-q", `${outstanding}`],
      ...["-t", `${LOST_AFTER_SECONDS}`, "-b", `${SOCKET_KIB}`, "-e", "-W"],
    ]),
  );
}

/** Of what dnsperf 2.10 and later print. @throws Error if it has no statistics. */
export function parseDnsperf(text: string): DnsperfReport {
  const number = (label: string) => {
    const found = new RegExp(`^\\s*${label}:\\s+([0-9.]+)`, "m").exec(text)?.[1];
    if (found === undefined) throw new Error(`dnsperf said nothing of "${label}":\n${text}`);
    return Number(found);
  };
  const answered = number("Queries completed");
  const noError = Number(/NOERROR (\d+)/.exec(text)?.[1] ?? 0);
  return {
    sent: number("Queries sent"),
    answered,
    lost: number("Queries lost"),
    refused: answered - noError,
    seconds: number("Run time \\(s\\)"),
    queriesPerSecond: number("Queries per second"),
  };
}
