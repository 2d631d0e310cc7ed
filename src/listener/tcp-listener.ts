/**
 * Queries over TCP (RFC 7766): pipelined, answered concurrently and in any order, until the client has said all it
 * wants to say and heard all it asked for.
 */

import {
  type AcceptedStream,
  type Clock,
  PEER_OCTETS,
  type SocketAddress,
  type StreamHandler,
} from "../runtime/runtime.ts";
import { writeSockaddr } from "../runtime/sockaddr.ts";
import { FrameReader } from "../wire/frame.ts";
import { parseIpAddress } from "../wire/ip-address.ts";
import { writeUint16 } from "../wire/octets.ts";
import { MAX_MESSAGE_OCTETS } from "../wire/protocol.ts";
import { TcpFigures } from "./counters.ts";
import { type OpenConnections, OwnConnections } from "./open-connections.ts";
import type { QueryHandler, ResponseSink } from "./query-handler.ts";

export interface TcpLimits {
  /** A connection on which nothing was asked or answered for so long, and nothing is being worked on, is closed. */
  readonly idleMs: number;
  readonly maxConnections: number;
  readonly maxPerClient: number;
  /** Queries of one connection being worked on, above which it is not read. */
  readonly maxPending: number;
  /** Octets a client does not read, above which its connection is closed. */
  readonly maxUnsentOctets: number;
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
  #sweepDue = false;
  #toldRefusingMs = Number.NEGATIVE_INFINITY;
  #onEmpty: (() => void) | undefined;
  readonly counters: TcpFigures;

  constructor(parts: TcpParts) {
    this.#parts = parts;
    this.#open = parts.open ?? new OwnConnections();
    this.counters = parts.counters ?? new TcpFigures();
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
    const client = new TcpClient(stream, this.#parts, () => this.#forget(client));
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
      if (this.#clients.size > 0) this.#scheduleSweep();
    });
  }
}

/** The room made for a turn's responses when nothing is known of the next. */
const FIRST_ROOM_OCTETS = 1024;
const NO_ROOM = new Uint8Array(0);
/** A connection that was gone before it could be asked who it is; the unspecified address may not ask. */
const UNKNOWN_ADDRESS = new Uint8Array(16);

class TcpClient implements StreamHandler, ResponseSink {
  readonly transport = "tcp";
  readonly remote: SocketAddress;
  readonly #stream: AcceptedStream;
  readonly #parts: TcpParts;
  readonly #onGone: () => void;
  readonly #frames = new FrameReader();
  readonly #peer = new Uint8Array(PEER_OCTETS);
  #roomOctets = 0;
  #flushDue = false;
  #pending = 0;
  #paused = false;
  /** The client has said all: what is pending is answered, then the connection ends. */
  #ending = false;
  #closed = false;
  #activeMs: number;

  room: Uint8Array = NO_ROOM;

  constructor(stream: AcceptedStream, parts: TcpParts, onGone: () => void) {
    this.#stream = stream;
    this.#parts = parts;
    this.#onGone = onGone;
    this.remote = stream.remote;
    this.#activeMs = parts.clock.nowMs();
    const address = parseIpAddress(stream.remote.host.replace(/%.*$/, "")) ?? UNKNOWN_ADDRESS;
    writeSockaddr(this.#peer, 0, address, stream.remote.port, 0);
  }

  onOctets(octets: Uint8Array): void {
    if (this.#ending) return;
    this.#frames.push(octets, this.#onFrame);
    if (this.#pending < this.#parts.limits.maxPending || this.#paused || this.#closed) return;
    this.#paused = true;
    this.#stream.pause();
  }

  readonly #onFrame = (octets: Uint8Array, start: number, length: number): boolean => {
    this.#activeMs = this.#parts.clock.nowMs();
    this.#pending++; // first, because the response may be committed within the call
    if (!this.#parts.onQuery(octets, start, length, this, this.#peer, 0, this.#parts.clock.nowMs())) this.#pending--;
    return !this.#closed;
  };

  onEnd(): void {
    this.finish();
  }

  onDrain(): void {}

  onClose(): void {
    this.#closed = true;
    this.#onGone();
  }

  limitFor(): number {
    return MAX_MESSAGE_OCTETS;
  }

  reserve(octets: number): number {
    const wanted = this.#roomOctets + 2 + octets;
    if (this.room.length < wanted) {
      const larger = new Uint8Array(Math.max(wanted, this.room.length * 2, FIRST_ROOM_OCTETS));
      larger.set(this.room.subarray(0, this.#roomOctets));
      this.room = larger;
    }
    return this.#roomOctets + 2;
  }

  commit(start: number, length: number): void {
    this.#pending--;
    if (this.#closed) return;
    this.#activeMs = this.#parts.clock.nowMs();
    writeUint16(this.room, start - 2, length);
    this.#roomOctets = start + length;
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#parts.clock.endOfTurn(this.#flush);
  }

  /** One write for all responses of the turn (RFC 7766, 8, asks for length and message in one). */
  readonly #flush = (): void => {
    this.#flushDue = false;
    if (this.#closed) return;
    const { limits } = this.#parts;
    if (this.#roomOctets > 0) {
      const written = this.room.subarray(0, this.#roomOctets);
      this.room = NO_ROOM; // the stream owns it now
      this.#roomOctets = 0;
      this.#stream.write(written);
    }
    if (this.#stream.unsentOctets > limits.maxUnsentOctets) {
      this.destroy();
    } else if (this.#ending) {
      if (this.#pending === 0) this.#stream.end();
    } else if (this.#paused && this.#pending < limits.maxPending) {
      this.#paused = false;
      this.#stream.resume();
    }
  };

  /** Answers what is pending, then ends the connection. */
  finish(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#pending === 0 && !this.#flushDue) this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  closeIfIdleSince(ms: number): void {
    if (this.#pending === 0 && this.#activeMs <= ms) this.destroy();
  }
}
