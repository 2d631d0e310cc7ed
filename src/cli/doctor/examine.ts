/** `fdns doctor`'s round: every address of every upstream at once, and the host itself. */

import { builtMs } from "../../config/build-date.ts";
import type { Config, UpstreamAddress } from "../../config/config.ts";
import { loadTrustedRoots } from "../../config/trusted-roots.ts";
import { silentLog } from "../../observe/silent-log.ts";
import type { Clock } from "../../runtime/runtime.ts";
import { selectRuntime } from "../../runtime/select.ts";
import { groupLimits, upstreamLimits } from "../../serving/limits.ts";
import { type Bootstrap, bootstrapLookUp } from "../../upstream/dial/bootstrap.ts";
import type { Progress } from "../progress.ts";
import { addressesOf } from "../query/ask.ts";
import type { DoctorFacts, UpstreamFacts } from "./facts.ts";
import { failureOf, type ProbeParts, probeAddress } from "./probe.ts";
import { reachOf } from "./reach.ts";

/** Three connections, each with its answers, and a name resolved before them: 15 s in all. */
const ANSWER_BOUND_MS = 1500;
const LOOK_UP_MS = 2500;

/** Well over what public resolvers keep; RFC 7766, 6.2.3 speaks of seconds. */
export const IDLE_BOUND_MS = 130_000;

/** Handshakes at the same moment would lengthen each other's times; but many upstreams must not wait long. */
const STAGGER_MS = 40;
const MAX_STAGGER_MS = 800;

/** @throws UsageError (as a rejection) for roots that cannot be had. */
export async function examine(config: Config, isDeep: boolean, progress: Progress): Promise<DoctorFacts> {
  const runtime = selectRuntime();
  const { clock, random, dialTls } = runtime;
  const parts: ProbeParts = {
    clock,
    random,
    dialTls,
    trust: runtime.trustAnchors(loadTrustedRoots(config.ca).pem),
    limits: upstreamLimits.connection,
    answerBoundMs: ANSWER_BOUND_MS,
    idleBoundMs: isDeep ? IDLE_BOUND_MS : 0,
    tlsHello: runtime.choosesHello ? config.tlsHello : "full",
    hello: upstreamLimits.hello,
  };
  const bootstrap = bootstrapLookUp(
    config.bootstrap,
    { ...parts, log: silentLog, limits: upstreamLimits },
    { ...groupLimits, lookUpMs: LOOK_UP_MS },
  );
  try {
    const round = new Round(parts, bootstrap, progress);
    const upstreams = await Promise.all(config.upstreams.map((upstream) => round.examine(upstream)));
    const local = runtime.localAddresses();
    const host = { wallMs: clock.wallMs(), builtMs, ipv4: reachOf(local, 4), ipv6: reachOf(local, 6) };
    return { host, upstreams };
  } finally {
    progress.end();
    await bootstrap.stop();
  }
}

class Round {
  readonly #parts: ProbeParts;
  readonly #bootstrap: Bootstrap;
  readonly #progress: Progress;
  #started = 0;

  constructor(parts: ProbeParts, bootstrap: Bootstrap, progress: Progress) {
    this.#parts = parts;
    this.#bootstrap = bootstrap;
    this.#progress = progress;
  }

  async examine(upstream: UpstreamAddress): Promise<UpstreamFacts> {
    const { text } = upstream;
    try {
      const hosts = await Array.fromAsync(addressesOf(upstream, this.#bootstrap));
      const addresses = await Promise.all(hosts.map((host) => this.#examineAddress(upstream, host)));
      return { text, failure: undefined, addresses };
    } catch (error) {
      return { text, failure: failureOf(error, "connect"), addresses: [] };
    }
  }

  async #examineAddress(upstream: UpstreamAddress, host: string) {
    const key = upstream.addresses.length === 1 ? upstream.text : `${upstream.text} at ${host}`;
    this.#progress.step(key, "waiting");
    await pause(this.#parts.clock, Math.min(this.#started++ * STAGGER_MS, MAX_STAGGER_MS));
    const facts = await probeAddress(upstream, host, this.#parts, (doing) => this.#progress.step(key, doing));
    this.#progress.done(key);
    return facts;
  }
}

function pause(clock: Clock, ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => clock.after(ms, resolve));
}
