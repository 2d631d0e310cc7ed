/** The run that looks for crossed answers: one fdns, an upstream that shuffles and delays, many stubs at once. */

import { rmSync } from "node:fs";
import { type Form, type RunningFdns, startFdns } from "./fdns.ts";
import { startScriptedUpstream } from "./scripted-upstream.ts";
import { temporaryFolder } from "./toolchain.ts";
import { Ledger, type Totals, totals } from "./volume.ts";
import { askOverTcp, askOverUdp } from "./volume-client.ts";

export interface CrossingOptions {
  /** Queries in all; a fifth of them over TCP. */
  readonly count: number;
  readonly form: Form;
  readonly engine: "batched" | "portable";
}

export interface CrossingOutcome extends Totals {
  readonly tookMs: number;
  readonly exitCode: number;
}

/** What the receive buffer of each engine holds whatever happens: the portable one's is the host's default under Deno. */
const UDP_WINDOW = { batched: 800, portable: 200 };
const TCP_CONNECTIONS = 4;
const TCP_WINDOW = 50;

/** Answers leave in random order, each after a random time, on connections with hundreds in flight. */
const UPSTREAM_FLAGS = ["--delay", "0-10", "--shuffle", "50", "--shuffle-window", "5"];

export async function runCrossing({ count, form, engine }: CrossingOptions): Promise<CrossingOutcome> {
  const folder = temporaryFolder();
  const upstream = await startScriptedUpstream(folder, UPSTREAM_FLAGS);
  const flags = ["--upstream", upstream.address, "--ca-file", upstream.caFile, "--udp-engine", engine];
  let fdns: RunningFdns | undefined;
  try {
    fdns = await startFdns({ form, flags: [...flags, "--listen", "127.0.0.1:0"] });
    const perConnection = Math.floor(count / 5 / TCP_CONNECTIONS);
    const overTcp = Array.from({ length: TCP_CONNECTIONS }, (_, i) => new Ledger(i * perConnection, perConnection));
    const overUdp = new Ledger(TCP_CONNECTIONS * perConnection, count - TCP_CONNECTIONS * perConnection);
    const began = performance.now();
    const { port } = fdns;
    await Promise.all([
      askOverUdp(overUdp, { port, window: UDP_WINDOW[engine] }),
      ...overTcp.map((ledger) => askOverTcp(ledger, { port, window: TCP_WINDOW })),
    ]);
    const tookMs = performance.now() - began;
    return { ...totals([overUdp, ...overTcp]), tookMs, exitCode: await fdns.stop() };
  } finally {
    await fdns?.stop();
    await upstream.stop();
    rmSync(folder, { recursive: true });
  }
}
