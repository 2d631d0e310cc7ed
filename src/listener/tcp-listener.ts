/**
 * Queries over TCP (RFC 7766): pipelined, answered concurrently and in any order, until the client has said all it
 * wants to say and heard all it asked for.
 */

import type { AcceptedStream, Clock, StreamHandler } from "../runtime/runtime.ts";
import { TcpFigures } from "./counters.ts";
import { CrowdedOut } from "./crowded-out.ts";
import { type OpenConnections, OwnConnections } from "./open-connections.ts";
import type { QueryHandler } from "./query-handler.ts";
import { TcpClient, type TcpClientParts } from "./tcp-client.ts";
import { TcpLoad, type TcpLoadLimits } from "./tcp-load.ts";
import { TcpRooms } from "./tcp-rooms.ts";
import { TcpTurns } from "./tcp-turns.ts";

export interface TcpLimits extends TcpLoadLimits {
  /** A connection on which nothing was asked or answered for so long, and nothing is being worked on, is closed. */
  readonly idleMs: number;
  readonly maxConnections: number;
  readonly maxPerClient: number;
  /** Messages in a row that deserve no response, after which a connection is closed. */
  readonly maxUseless: number;
}

export interface TcpParts {
  readonly clock: Clock;
  readonly limits: TcpLimits;
  readonly onQuery: QueryHandler;
  /** Called when connections are refused for want of room, once a minute at most; `limit` says which. */
  readonly onRefusing: (limit: string) => void;
  /** Where other workers take connections too; the limits are for all of them. */
  readonly open?: OpenConnections;
  readonly counters?: TcpFigures;
}

/** How often the log hears that connections are refused: clients that come and go at the limit are not to fill it. */
const TELL_REFUSING_MS = 60_000;

/** All TCP clients of fdns, on whichever address they came: the limits are for all together. */
export class TcpClients {
  readonly #parts: TcpParts;
  readonly #clients = new Set<TcpClient>();
  readonly #open: OpenConnections;
  readonly #clientParts: TcpClientParts;
  #sweepDue = false;
  #toldRefusingMs = Number.NEGATIVE_INFINITY;
  #onEmpty: (() => void) | undefined;
  readonly counters: TcpFigures;

  constructor(parts: TcpParts) {
    this.#parts = parts;
    this.#open = parts.open ?? new OwnConnections();
    this.counters = parts.counters ?? new TcpFigures();
    this.#clientParts = {
      clock: parts.clock,
      load: new TcpLoad(parts.limits),
      turns: new TcpTurns(parts.clock),
      rooms: new TcpRooms(),
      maxUseless: parts.limits.maxUseless,
      onQuery: parts.onQuery,
      onGone: (client) => this.#forget(client),
      crowdedOut: new CrowdedOut(parts.clock),
    };
  }

  get count(): number {
    return this.#clients.size;
  }

  /** Takes a new connection, or returns undefined if there is no room for it. */
  readonly accept = (stream: AcceptedStream): StreamHandler | undefined => {
    const { limits } = this.#parts;
    const { host } = stream.remote;
    const full = this.#open.total >= limits.maxConnections;
    if (full || this.#open.ofClient(host) >= limits.maxPerClient) {
      this.counters.refused++;
      this.#tellRefusing(full ? `${limits.maxConnections} in all` : `${limits.maxPerClient} per client`);
      return undefined;
    }
    this.counters.accepted++;
    this.#open.add(host);
    const client = new TcpClient(stream, this.#clientParts);
    this.#clients.add(client);
    this.#scheduleSweep();
    return client;
  };

  #tellRefusing(limit: string): void {
    const nowMs = this.#parts.clock.nowMs();
    if (nowMs - this.#toldRefusingMs < TELL_REFUSING_MS) return;
    this.#toldRefusingMs = nowMs;
    this.#parts.onRefusing(limit);
  }

  /** Lets what is being worked on be answered, reads nothing more, and resolves when all are gone. */
  async stop(): Promise<void> {
    for (const client of [...this.#clients]) client.finish();
    if (this.#clients.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  closeAll(): void {
    for (const client of [...this.#clients]) client.destroy();
  }

  #forget(client: TcpClient): void {
    this.#clients.delete(client);
    this.#clientParts.crowdedOut.delete(client);
    this.#open.remove(client.remote.host);
    if (this.#clients.size === 0) this.#onEmpty?.();
  }

  /** One timer for all, and none without clients. A connection may idle up to an eighth longer than the limit. */
  #scheduleSweep(): void {
    if (this.#sweepDue) return;
    this.#sweepDue = true;
    const { clock, limits } = this.#parts;
    clock.after(limits.idleMs / 8, () => {
      this.#sweepDue = false;
      const idleSinceMs = clock.nowMs() - limits.idleMs;
      for (const client of [...this.#clients]) client.closeIfIdleSince(idleSinceMs);
      this.#clientParts.rooms.shrink();
      if (this.#clients.size > 0) this.#scheduleSweep();
    });
  }
}
