/** What one socket has to send: gathered in flat memory, offered to the kernel in batches, and again while that is full. */

import { EAGAIN, EINTR, type Libc } from "../libc.ts";
import { DATAGRAM_OCTETS, DATAGRAM_STRIDE, type UdpCounters } from "../runtime.ts";
import { OutgoingMessages } from "./messages.ts";

/** While the kernel's send buffer is full: how soon to offer again, and how often without progress before giving up. */
const SEND_RETRY_MS = 1;
const SEND_RETRIES = 50;

export class UdpSending {
  readonly room: Uint8Array;
  readonly #libc: Libc;
  /** -1 once closed. */
  #descriptor: number;
  readonly #counters: UdpCounters;
  readonly #onRetried: () => void;
  readonly #outgoing: OutgoingMessages;
  /** Set while the kernel's send buffer is full; and how often it has run since something was taken. */
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;

  /** @param onRetried called once the kernel has taken, or was not to be given, what held the rest up */
  constructor(libc: Libc, descriptor: number, counters: UdpCounters, onRetried: () => void) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#counters = counters;
    this.#onRetried = onRetried;
    this.#outgoing = new OutgoingMessages(libc);
    this.room = this.#outgoing.octets;
  }

  /** Whether the kernel's send buffer is full. */
  get isHeldUp(): boolean {
    return this.#retryTimer !== undefined;
  }

  /** @returns where in the room the next datagram goes */
  reserve(): number {
    if (this.#outgoing.isFull) {
      this.flush();
      // The kernel took nothing and there is no more room: the ones that waited longest are given up.
      if (this.#outgoing.isFull) this.#giveUp(this.#outgoing.unsent);
    }
    return this.#outgoing.queued * DATAGRAM_STRIDE;
  }

  /** @throws RangeError where `start` is not what reserve() gave, or the datagram is longer than its place */
  append(start: number, length: number, peers: Uint8Array, peerStart: number): void {
    if (start !== this.#outgoing.queued * DATAGRAM_STRIDE || this.#outgoing.isFull) {
      throw new RangeError(`commit at ${start}: not what reserve() gave`);
    }
    if (!(length >= 0 && length <= DATAGRAM_OCTETS)) throw new RangeError(`commit of ${length} octets`);
    this.#outgoing.append(length, peers, peerStart);
  }

  /** Offers everything queued to the kernel. What it cannot take now stays, what it refuses is skipped. */
  flush(): void {
    const outgoing = this.#outgoing;
    let refusals = 0;
    while (outgoing.unsent > 0 && this.#descriptor >= 0) {
      const taken = outgoing.send(this.#descriptor);
      if (taken > 0) {
        this.#counters.sent += taken;
        this.#retries = 0;
        refusals = 0;
        continue;
      }
      const errno = taken < 0 ? this.#libc.errno() : EAGAIN;
      if (errno === EINTR) continue;
      if (errno === EAGAIN) {
        this.#retryTimer ??= setTimeout(() => this.#retry(), SEND_RETRY_MS);
        return;
      }
      // An error that was pending from another datagram is reported once and then gone, so this one is offered
      // again; refused twice, it is itself at fault (no route, a firewall's no) and must not stop the next.
      if (++refusals > 1) {
        this.#giveUp(1);
        refusals = 0;
      }
    }
  }

  /** The last offer. To be called before the descriptor is closed. */
  close(): void {
    this.flush();
    if (this.#outgoing.unsent > 0) this.#giveUp(this.#outgoing.unsent);
    clearTimeout(this.#retryTimer);
    this.#descriptor = -1;
  }

  #retry(): void {
    this.#retryTimer = undefined;
    if (++this.#retries > SEND_RETRIES) this.#giveUp(this.#outgoing.unsent);
    this.flush();
    if (this.#retryTimer === undefined) this.#onRetried();
  }

  #giveUp(count: number): void {
    this.#counters.sendFailures += count;
    this.#outgoing.skip(count);
    this.#retries = 0;
  }
}
