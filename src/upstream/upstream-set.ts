/**
 * All upstreams: which one a query goes to, and where it goes next when that one fails. A query fails only when every
 * upstream has failed it, or its time is over.
 */

import type { UpstreamAddress } from "../config/config.ts";
import type { Clock } from "../runtime/runtime.ts";
import { RCODE } from "../wire/protocol.ts";
import type { ResponseLayout } from "../wire/response.ts";
import { DotServer, type ServerOwner, type ServerParts } from "./dot-server.ts";
import { type Exchange, UpstreamError } from "./exchange.ts";

export interface SetLimits {
  /** How long one server may take while another could still be asked. */
  readonly attemptMs: number;
  /** How often a query is sent once more because connections that worked died under it. */
  readonly maxResends: number;
}

/** How far past its time a query may be noticed; the price of one timer for all of them. */
const SWEEP_MS = 50;

export class UpstreamSet implements ServerOwner {
  readonly #servers: readonly DotServer[];
  readonly #clock: Clock;
  readonly #limits: SetLimits;
  readonly #inFlight = new Set<Exchange>();
  #sweepDue = false;
  #onIdle: (() => void) | undefined;

  /** The order of `identities` is the order of preference. */
  constructor(identities: readonly UpstreamAddress[], parts: ServerParts, limits: SetLimits) {
    this.#servers = identities.map((identity) => new DotServer(identity, parts, this));
    this.#clock = parts.clock;
    this.#limits = limits;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Connects to every upstream, so that the first query finds a connection and a wrong one is said at the start. */
  warm(): void {
    for (const server of this.#servers) server.warm();
  }

  /** Asks the exchange's query. Its onResponse or onFailure is called once, possibly before this returns. */
  ask(exchange: Exchange): void {
    this.#inFlight.add(exchange);
    this.#scheduleSweep();
    this.#tryNext(exchange, undefined);
  }

  /** Waits until nothing is in flight, at most `boundMs`; then ends every connection. */
  async stop(boundMs: number): Promise<void> {
    if (this.#inFlight.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(boundMs, resolve);
        this.#onIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    const error = new UpstreamError("stopping", "fdns is stopping");
    for (const exchange of [...this.#inFlight]) {
      exchange.carrier?.cancel(exchange);
      this.#fail(exchange, error);
    }
    for (const server of this.#servers) server.close(error);
  }

  onResponse(exchange: Exchange, server: DotServer, octets: Uint8Array, start: number, layout: ResponseLayout): void {
    const { rcode } = layout;
    if (isComplaint(rcode)) {
      this.onAttemptFailed(exchange, new UpstreamError("malformed", `it answered fdns' query with RCODE ${rcode}`));
      return;
    }
    if ((rcode === RCODE.SERVFAIL || rcode === RCODE.REFUSED) && this.#healthyUntried(exchange, server) !== undefined) {
      this.#tryNext(exchange, undefined);
      return;
    }
    this.#settled(exchange);
    exchange.onResponse(octets, start, layout);
  }

  onAttemptFailed(exchange: Exchange, error: UpstreamError): void {
    this.#tryNext(exchange, error);
  }

  onInterrupted(exchange: Exchange, server: DotServer, error: UpstreamError): void {
    const again = error.code !== "timeout" || this.#healthyUntried(exchange, server) === undefined;
    if (again && error.code !== "stopping" && exchange.resends < this.#limits.maxResends) {
      exchange.resends++;
      server.send(exchange);
    } else {
      this.#tryNext(exchange, error);
    }
  }

  /** Sends it to the best server that was not tried; `error` is what the last one died of. */
  #tryNext(exchange: Exchange, error: UpstreamError | undefined): void {
    const server = this.#pick(exchange);
    if (server === undefined || error?.code === "stopping") {
      this.#fail(exchange, error ?? new UpstreamError("overloaded", "no upstream is left to ask"));
      return;
    }
    exchange.triedServers.push(server);
    const isLast = exchange.triedServers.length === this.#servers.length;
    exchange.attemptEndsMs = isLast
      ? exchange.deadlineMs
      : Math.min(exchange.deadlineMs, this.#clock.nowMs() + this.#limits.attemptMs);
    server.send(exchange);
  }

  /** The first healthy server in order of preference, while the failing ones are probed; else the first at all. */
  #pick(exchange: Exchange): DotServer | undefined {
    const untried = this.#servers.filter((one) => !exchange.triedServers.includes(one));
    const healthy = untried.find((one) => one.healthy);
    if (healthy !== undefined) for (const server of untried) server.probeIfDue();
    return healthy ?? untried[0];
  }

  #healthyUntried(exchange: Exchange, except: DotServer): DotServer | undefined {
    return this.#servers.find((one) => one !== except && one.healthy && !exchange.triedServers.includes(one));
  }

  #scheduleSweep(): void {
    if (this.#sweepDue) return;
    this.#sweepDue = true;
    this.#clock.after(SWEEP_MS, () => {
      this.#sweepDue = false;
      this.#sweep(this.#clock.nowMs());
      if (this.#inFlight.size > 0) this.#scheduleSweep();
    });
  }

  #sweep(nowMs: number): void {
    for (const exchange of this.#inFlight) {
      if (exchange.attemptEndsMs > nowMs) continue;
      const server = exchange.triedServers.at(-1) as DotServer | undefined;
      server?.onTimeout(exchange);
      const error = new UpstreamError("timeout", "no answer in time");
      if (exchange.deadlineMs <= nowMs) this.#fail(exchange, error);
      else this.#tryNext(exchange, error);
    }
  }

  #fail(exchange: Exchange, error: UpstreamError): void {
    this.#settled(exchange);
    exchange.onFailure(error);
  }

  #settled(exchange: Exchange): void {
    this.#inFlight.delete(exchange);
    if (this.#inFlight.size === 0) this.#onIdle?.();
  }
}

/** RCODEs that speak of the message fdns sent, not of the name asked for (RFC 6891, 9 for those above 15). */
function isComplaint(rcode: number): boolean {
  return rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode > 15;
}
