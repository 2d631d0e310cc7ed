/**
 * One TCP client: its queries one by one, as many as it takes the responses of. What is too much waits, in the client's
 * own send buffer where it can and else as the rest of the one read that was too long.
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
import type { CrowdedClient, CrowdedOut } from "./crowded-out.ts";
import type { QueryHandler, ResponseSink } from "./query-handler.ts";
import type { TcpLoad } from "./tcp-load.ts";
import { NO_ROOM, type TcpRooms } from "./tcp-rooms.ts";
import type { TcpTurns, TurnTaker } from "./tcp-turns.ts";

export interface TcpClientParts {
  readonly clock: Pick<Clock, "nowMs">;
  readonly load: TcpLoad;
  readonly turns: TcpTurns;
  readonly rooms: TcpRooms;
  /** Messages in a row that deserve no response, after which the client is not worth listening to. */
  readonly maxUseless: number;
  readonly onQuery: QueryHandler;
  readonly onGone: (client: TcpClient) => void;
  readonly crowdedOut: CrowdedOut;
}

const NO_OCTETS = new Uint8Array(0);
/** A connection that was gone before it could be asked who it is; the unspecified address may not ask. */
const UNKNOWN_ADDRESS = new Uint8Array(16);

export class TcpClient implements StreamHandler, ResponseSink, TurnTaker, CrowdedClient {
  readonly transport = "tcp";
  readonly remote: SocketAddress;
  readonly #stream: AcceptedStream;
  readonly #parts: TcpClientParts;
  readonly #frames = new FrameReader();
  readonly #peer = new Uint8Array(PEER_OCTETS);
  /** Ending: all is said, and what is pending is answered; then the connection ends. */
  #state: "open" | "ending" | "gone" = "open";
  /** What was read and has to wait: #rest[#restStart...]. */
  #rest: Uint8Array = NO_OCTETS;
  #restStart = 0;
  /** The client sends no more; what it sent may still wait. */
  #isHalfClosed = false;
  #isPaused = false;
  #isToGoOn = false;
  #pending = 0;
  /** Responses that are known, and had no room: see whenRoom(). */
  readonly #heldBack: ((isGone: boolean) => void)[] = [];
  #roomOctets = 0;
  #isToFlush = false;
  #useless = 0;
  #writtenOctets = 0;
  /** What is part of the load of all. */
  #countedOctets = 0;
  #activeMs: number;
  /** As closeIfIdleSince() saw it last. */
  #sawUnsent = false;
  #sawTakenOctets = 0;

  room: Uint8Array = NO_ROOM;
  /** Rooms of which the stream has not sent all yet. */
  readonly #lent: Uint8Array[] = [];

  constructor(stream: AcceptedStream, parts: TcpClientParts) {
    this.#stream = stream;
    this.#parts = parts;
    this.remote = stream.remote;
    this.#activeMs = parts.clock.nowMs();
    parts.load.connections++;
    const address = parseIpAddress(stream.remote.host.replace(/%.*$/, "")) ?? UNKNOWN_ADDRESS;
    writeSockaddr(this.#peer, 0, address, stream.remote.port, 0);
  }

  onOctets(octets: Uint8Array): void {
    if (this.#state !== "open") return;
    if (this.#hasRest) this.#keepRest(Buffer.concat([this.#rest.subarray(this.#restStart), octets]), 0);
    else if (this.#mayRead) this.#read(octets, 0);
    else this.#keepRest(octets, 0);
    this.#settle();
  }

  onEnd(): void {
    this.#isHalfClosed = true;
    this.#settle();
  }

  onDrain(): void {
    if (this.#state === "gone") return;
    this.#activeMs = this.#parts.clock.nowMs();
    for (let room = this.#lent.pop(); room !== undefined; room = this.#lent.pop()) this.#parts.rooms.giveBack(room);
    this.#countOctets();
    this.#settle();
  }

  onClose(): void {
    this.#state = "gone";
    this.#rest = NO_OCTETS;
    this.#roomOctets = 0;
    const { load, onGone } = this.#parts;
    load.connections--;
    load.unsentOctets -= this.#countedOctets;
    load.pending -= this.#heldBack.length;
    for (const answer of this.#heldBack.splice(0)) answer(true);
    onGone(this);
  }

  limitFor(): number {
    return MAX_MESSAGE_OCTETS;
  }

  get isFull(): boolean {
    if (this.#state === "gone") return false;
    const { load } = this.#parts;
    const octets = this.#roomOctets + this.#stream.unsentOctets;
    if (load.hasUnsent(octets)) return true;
    // What the kernel holds counts then, too: else each of many that do not read adds one response to what it holds.
    return load.isCrowded && load.exceedsShare(octets + this.#stream.unacknowledgedOctets);
  }

  whenRoom(answer: (isGone: boolean) => void): void {
    this.#heldBack.push(answer);
  }

  reserve(octets: number): number {
    const wanted = this.#roomOctets + 2 + octets;
    if (this.room.length < wanted) this.room = this.#parts.rooms.larger(this.room, this.#roomOctets, wanted);
    return this.#roomOctets + 2;
  }

  commit(start: number, length: number): void {
    const { load, turns } = this.#parts;
    this.#pending--;
    load.pending--;
    if (this.#state === "gone") return;
    this.#markActive();
    writeUint16(this.room, start - 2, length);
    this.#roomOctets = start + length;
    turns.spendOctets(length);
    this.#countOctets();
    if (this.#isToFlush) return;
    this.#isToFlush = true;
    turns.flushLater(this);
  }

  /** One write for all responses of the turn (RFC 7766, 8, asks for length and message in one). */
  flush(): void {
    this.#isToFlush = false;
    if (this.#state === "gone") return;
    if (this.#roomOctets > 0) {
      const written = this.room.subarray(0, this.#roomOctets);
      // The stream owns it until all is sent.
      this.#lent.push(this.room);
      this.room = NO_ROOM;
      this.#roomOctets = 0;
      this.#writtenOctets += written.length;
      this.#stream.write(written);
      this.#countOctets();
    }
    this.#endIfDone();
    this.#settle();
  }

  goOn(): void {
    this.#isToGoOn = false;
    const { turns } = this.#parts;
    while (this.#heldBack.length > 0 && turns.hasLeft && !this.isFull) {
      turns.spendQuery();
      this.#heldBack.shift()!(false);
    }
    if (this.#hasRest && this.#mayRead) this.#read(this.#rest, this.#restStart);
    this.#settle();
  }

  hasRoom(): void {
    this.#settle();
  }

  /** Answers what is pending, then ends the connection. What was not taken up yet is dropped. */
  finish(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#rest = NO_OCTETS;
    this.#endIfDone();
  }

  destroy(): void {
    this.#state = "gone";
    this.#stream.destroy();
  }

  /** Closes it if nothing useful happened since. While responses wait to be taken, only that they are is useful. */
  closeIfIdleSince(ms: number): void {
    const { unsentOctets } = this.#stream;
    const heldOctets = unsentOctets === 0 ? 0 : unsentOctets + this.#stream.unacknowledgedOctets;
    const takenOctets = this.#writtenOctets - heldOctets;
    if (this.#sawUnsent && takenOctets > this.#sawTakenOctets) this.#activeMs = this.#parts.clock.nowMs();
    this.#sawUnsent = unsentOctets > 0 || this.#heldBack.length > 0;
    this.#sawTakenOctets = takenOctets;
    if ((this.#pending === 0 || this.#sawUnsent) && this.#activeMs <= ms) this.destroy();
  }

  get #hasRest(): boolean {
    return this.#restStart < this.#rest.length;
  }

  get #isStopped(): boolean {
    return this.#parts.load.hasPending(this.#pending) || this.isFull;
  }

  get #mayRead(): boolean {
    return this.#state === "open" && this.#parts.turns.hasLeft && !this.#isStopped;
  }

  #read(octets: Uint8Array, start: number): void {
    this.#keepRest(octets, this.#frames.push(octets, this.#onFrame, start));
  }

  #keepRest(octets: Uint8Array, start: number): void {
    const left = this.#state === "open" ? octets.length - start : 0;
    // Copied where that frees most of a long read, and never as a view of it.
    const isToCopy = left <= octets.length / 2;
    this.#rest = left === 0 ? NO_OCTETS : isToCopy ? new Uint8Array(octets.subarray(start)) : octets;
    this.#restStart = isToCopy ? 0 : start;
  }

  readonly #onFrame = (octets: Uint8Array, start: number, length: number): boolean => {
    const { clock, load, turns, onQuery, maxUseless } = this.#parts;
    const before = this.#pending;
    turns.spendQuery();
    // First, because the response may be committed within the call.
    this.#pending++;
    load.pending++;
    if (onQuery(octets, start, length, this, this.#peer, 0, clock.nowMs())) {
      this.#useless = 0;
      this.#markActive();
      if (this.#pending > before) turns.spendForwarded();
    } else {
      this.#pending--;
      load.pending--;
      if (++this.#useless > maxUseless) this.destroy();
    }
    return this.#mayRead;
  };

  #markActive(): void {
    if (this.#stream.unsentOctets === 0) this.#activeMs = this.#parts.clock.nowMs();
  }

  #countOctets(): void {
    const octets = this.#roomOctets + this.#stream.unsentOctets;
    this.#parts.load.unsentOctets += octets - this.#countedOctets;
    this.#countedOctets = octets;
  }

  /** Reads on, waits for the next turn, or stops reading: as it stands now. */
  #settle(): void {
    if (this.#state === "gone") return;
    if (this.#isHalfClosed && !this.#hasRest) this.finish();
    const isStopped = this.#isStopped;
    const isHeld = this.#hasRest || isStopped;
    if (isHeld !== this.#isPaused) {
      this.#isPaused = isHeld;
      if (isHeld) this.#stream.pause();
      else this.#stream.resume();
    }
    if (isStopped && this.#stream.unsentOctets === 0 && this.isFull) this.#parts.crowdedOut.add(this);
    if (this.#isToGoOn || !((this.#hasRest && !isStopped) || (this.#heldBack.length > 0 && !this.isFull))) return;
    this.#isToGoOn = true;
    this.#parts.turns.goOnLater(this);
  }

  #endIfDone(): void {
    if (this.#state === "ending" && this.#pending === 0 && this.#roomOctets === 0) this.#stream.end();
  }
}
