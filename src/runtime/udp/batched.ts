/**
 * The batched UDP engine of Linux: recvmmsg(2) into flat memory, the handler on the whole batch in place, the
 * responses gathered in flat memory, one sendmmsg(2). A system call moves up to 64 datagrams, and no datagram
 * costs an allocation.
 *
 * A socket waits (the kernel signals the next datagram, see readiness.ts), dozes (the thread stops for it, see
 * doze.ts; on Bun), or polls: it looks again and again, so that TLS reads and timers get their turn in between (see
 * udp/turns.ts).
 *
 *                a signal soon after others
 *   waiting ------------------------------------> dozing
 *      ^ ^  <------------------------------------   |
 *      | |         DOZE_MS without a datagram       | load
 *      | |                                          |
 *      | |             load at a signal             v
 *      | +--------------------------------------> polling
 *      +------------------------------------------
 *             EMPTY_TURNS turns without a datagram
 */

import { systemErrorText } from "../../observe/system-error.ts";
import { systemClock } from "../clock.ts";
import { EAGAIN, EINTR, type Libc } from "../libc.ts";
import { errnoError } from "../net/bind-failure.ts";
import {
  BATCH_DATAGRAMS,
  type SocketAddress,
  type UdpCounters,
  type UdpEngine,
  type UdpOpenOptions,
  type UdpSocket,
} from "../runtime.ts";
import { isPeerOf } from "../sockaddr.ts";
import { type BoundDescriptor, bindUdp } from "./bind.ts";
import { DOZE_MS, type Doze, type Dozer } from "./doze.ts";
import { IncomingMessages } from "./messages.ts";
import { type Readiness, type ReadinessWatch, signalReadiness } from "./readiness.ts";
import { UdpSending } from "./sending.ts";
import { UdpTurns } from "./turns.ts";

/** Batches one turn takes at most: about 1 ms of cached answers, so that the rest of the loop is not kept waiting. */
const BATCHES_PER_TURN = 4;
/** Turns without a datagram before a polling socket waits: each costs idle CPU, and more than one were no cheaper. */
const EMPTY_TURNS = 1;
/**
 * Load is so many datagrams together, and so many for each millisecond since others came. Where this thread was kept
 * from looking for a moment, as by a collection, many are there as well; taken for load, with the wait below, each batch
 * would make the next one large, at 20,000 queries a second for dozens of them. At 40,000 the wait saves a third of the CPU.
 */
const LOAD_FROM = 8;
const LOAD_FROM_A_MS = 30;
/** Of what comes for two workers, each gets half. */
const LOAD_FROM_A_MS_SHARED = 15;
/**
 * A signal so soon after the last datagram is one of many to come: dozing takes a seventh less CPU a query at 20,000 a
 * second.
 */
const DOZE_FROM_MS = 0.2;
/**
 * With so many each millisecond a socket that gathers finds load each time, and costs less: 4 µs of CPU a query instead
 * of 11. Below that its answers would take 0.1 ms instead of 0.01 for it.
 */
const DOZE_UP_TO_A_MS = 80;
const DOZE_UP_TO_A_MS_SHARED = 40;
/**
 * A turn that found load and yet no full batch is one of many: the next waits a moment, so that more come together. It
 * saves an eighth of the CPU a query at full load (more batches were half empty), and costs whoever asks then some
 * 0.2 ms. With less traffic nothing waits. Waiting only from the third such turn in a row on cost as much as not to wait
 * under a quota, and gave bursts nothing.
 */
const GATHER_MICROSECONDS = 100;
/**
 * A socket that shares its port with other workers' gets a part of what comes, so it takes longer until as much is there.
 * It saves two workers a tenth of the CPU a query; 0.3 ms saved no more.
 */
const GATHER_MICROSECONDS_SHARED = 200;
/**
 * Turns without a datagram after there was load, before the socket waits. They wait that moment too: while all who ask
 * wait for upstreams, it costs less than two changes of state and a dozen signals (7 to 11 % of a forwarded query's CPU,
 * a fifth with two workers; a third on Deno).
 */
const EMPTY_TURNS_UNDER_LOAD = 4;

/**
 * @param doze the thread's, if it can. Like the readiness it serves all sockets.
 * @param readiness it and the time are for tests to choose.
 */
export function batchedUdpEngine(
  libc: Libc,
  doze?: Doze,
  readiness: Readiness = signalReadiness(libc),
  nowMs: () => number = systemClock.nowMs,
): UdpEngine {
  return {
    name: "batched",
    shares: true,
    answersFromAskedAddress: true,
    open: async (options) =>
      new BatchedSocket(libc, bindUdp(libc, options.address, options.sharing), doze, readiness, nowMs, options),
  };
}

class BatchedSocket implements UdpSocket {
  readonly engine = "batched";
  readonly address: SocketAddress;
  readonly receiveBufferOctets: number;
  readonly room: Uint8Array;
  readonly counters: UdpCounters;
  readonly #libc: Libc;
  readonly #nowMs: () => number;
  /** -1 once closed: a number the kernel may have given to another socket is never used again. */
  #descriptor: number;
  readonly #family: number;
  readonly #watch: ReadinessWatch;
  readonly #dozer: Dozer | undefined;
  readonly #options: UdpOpenOptions;
  readonly #loadFromAMs: number;
  readonly #dozeUpToAMs: number;
  readonly #incoming: IncomingMessages;
  readonly #sending: UdpSending;
  readonly #turns: UdpTurns;
  #waiting = false;
  #dozing = false;
  /** How many were taken while it dozed, since when. */
  #dozeTaken = 0;
  #dozeSinceMs = 0;
  #flushScheduled = false;
  #handling = false;
  /** Datagrams that were there when it was last looked, and looks in a row that found none. */
  #lastTaken = 0;
  #emptyTurns = 0;
  /** When some were there last. */
  #takenMs = 0;
  /** Whether they were many. */
  #underLoad = false;

  constructor(
    libc: Libc,
    bound: BoundDescriptor,
    doze: Doze | undefined,
    readiness: Readiness,
    nowMs: () => number,
    options: UdpOpenOptions,
  ) {
    this.#libc = libc;
    this.#nowMs = nowMs;
    this.#descriptor = bound.descriptor;
    this.#family = bound.family;
    this.address = bound.address;
    this.receiveBufferOctets = bound.receiveBufferOctets;
    this.#options = options;
    const isShared = options.sharing !== undefined;
    const gatherMicroseconds = isShared ? GATHER_MICROSECONDS_SHARED : GATHER_MICROSECONDS;
    this.#turns = new UdpTurns(libc, bound.descriptor, gatherMicroseconds, () => this.#turn());
    this.#loadFromAMs = isShared ? LOAD_FROM_A_MS_SHARED : LOAD_FROM_A_MS;
    this.#dozeUpToAMs = isShared ? DOZE_UP_TO_A_MS_SHARED : DOZE_UP_TO_A_MS;
    this.counters = options.counters ?? { received: 0, sent: 0, oversize: 0, sendFailures: 0 };
    this.#incoming = new IncomingMessages(libc);
    // Drains do nothing while it is held up. Dozing, it goes on looking by itself.
    this.#sending = new UdpSending(libc, bound.descriptor, this.counters, () => {
      if (!this.#dozing) this.#scheduleTurn();
    });
    this.room = this.#sending.room;
    this.#watch = readiness(bound.descriptor, () => this.#onReadable());
    this.#dozer = doze?.join(bound.descriptor, {
      onReadable: () => this.#takeDozing(),
      onQuiet: () => this.#endDoze(),
    });
    this.#scheduleTurn();
  }

  reserve(): number {
    return this.#sending.reserve();
  }

  commit(start: number, length: number, peers: Uint8Array, peerStart: number): void {
    if (this.#descriptor < 0) return;
    if (!isPeerOf(this.#family, peers, peerStart)) throw new RangeError("commit to a peer of another socket");
    this.#sending.append(start, length, peers, peerStart);
    // Responses from upstream.
    if (!this.#handling) this.#scheduleFlush();
  }

  close(): void {
    if (this.#descriptor < 0) return;
    this.#sending.close();
    this.#watch.end();
    this.#dozer?.end();
    this.#libc.close(this.#descriptor);
    this.#descriptor = -1;
  }

  /** A signal came. While a turn is scheduled it will see whatever the signal was about. */
  #onReadable(): void {
    if (!this.#waiting || this.#turns.isScheduled) return;
    const beforeMs = this.#takenMs;
    this.#take();
    if (this.#lastTaken === 0 || this.#descriptor < 0) return;
    // More will come, and each signal costs more than a system call.
    const isSoon = this.#takenMs - beforeMs < DOZE_FROM_MS;
    if (this.#dozer && isSoon && !this.#underLoad) {
      this.#startDoze();
    } else if (this.#lastTaken > 1 || (this.#libc.aside && isSoon)) {
      // For one, it is left at that: to poll and then to wait again takes two fcntl(2), two looks at nothing and two turns.
      this.#leaveWaiting();
      this.#scheduleTurn();
    }
  }

  #startDoze(): void {
    this.#leaveWaiting();
    this.#dozing = true;
    this.#dozeTaken = 0;
    this.#dozeSinceMs = this.#takenMs;
    this.#dozer?.start();
  }

  #takeDozing(): boolean {
    const { sent } = this.counters;
    this.#take();
    this.#countDozing();
    if (this.#underLoad) {
      this.#dozing = false;
      this.#dozer?.stop();
      this.#scheduleTurn();
    }
    return this.#lastTaken > 0 && this.counters.sent - sent === this.#lastTaken;
  }

  /** Load that never leaves many datagrams together, since each is answered at once. */
  #countDozing(): void {
    this.#dozeTaken += this.#lastTaken;
    const ms = this.#takenMs - this.#dozeSinceMs;
    if (ms < DOZE_MS) return;
    if (this.#dozeTaken >= this.#dozeUpToAMs * ms) this.#underLoad = true;
    this.#dozeTaken = 0;
    this.#dozeSinceMs = this.#takenMs;
  }

  /** After arming one turn looks, for what arrived before it. */
  #endDoze(): void {
    this.#dozing = false;
    this.#dozer?.stop();
    this.#enterWaiting();
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#waiting) this.#turns.last();
    else this.#turns.next(this.#isToGather);
  }

  #turn(): void {
    this.#take();
    if (this.#descriptor < 0) return;
    if (this.#lastTaken > 0) {
      if (this.#waiting) this.#leaveWaiting();
      this.#scheduleTurn();
    } else if (!this.#waiting) {
      // After arming one more turn looks, for what arrived between the last look and the arming.
      if (this.#emptyTurns >= (this.#underLoad ? EMPTY_TURNS_UNDER_LOAD : EMPTY_TURNS)) this.#enterWaiting();
      this.#scheduleTurn();
    }
  }

  /** Whether more datagrams are likely to be there in a moment. */
  get #isToGather(): boolean {
    return this.#underLoad && this.#lastTaken < BATCH_DATAGRAMS;
  }

  #enterWaiting(): void {
    this.#waiting = true;
    this.#watch.arm();
  }

  #leaveWaiting(): void {
    this.#waiting = false;
    this.#watch.disarm();
  }

  /** Receives and handles what is there, within the bounds of a turn. */
  #take(): void {
    this.#lastTaken = 0;
    this.#drain();
    if (this.#lastTaken === 0) {
      this.#emptyTurns++;
      return;
    }
    this.#emptyTurns = 0;
    const nowMs = this.#nowMs();
    const isDense = this.#lastTaken >= this.#loadFromAMs * (nowMs - this.#takenMs);
    this.#underLoad = isDense && this.#lastTaken >= LOAD_FROM;
    this.#takenMs = nowMs;
  }

  #drain(): void {
    for (let batch = 0; batch < BATCHES_PER_TURN && this.#descriptor >= 0; batch++) {
      // Nothing more is taken in while answers cannot leave: the kernel's receive buffer is the place to queue.
      if (this.#sending.isHeldUp) return;
      const taken = this.#incoming.receive(this.#descriptor);
      if (taken < 0) this.#reportReceive(this.#libc.errno());
      if (taken <= 0) return;
      this.#lastTaken += taken;
      this.counters.received += this.#incoming.count;
      this.counters.oversize += this.#incoming.oversize;
      if (this.#incoming.count > 0) this.#handle();
      if (taken < BATCH_DATAGRAMS) return;
    }
  }

  #handle(): void {
    this.#handling = true;
    try {
      this.#options.onBatch(this.#incoming);
    } catch (fault) {
      this.#options.onFault(fault instanceof Error ? fault : new Error(String(fault)));
    }
    this.#handling = false;
    this.#sending.flush();
  }

  #reportReceive(errno: number): void {
    if (errno === EAGAIN || errno === EINTR) return;
    this.#options.onFault(new Error(`receiving over UDP: ${systemErrorText(errnoError("recvmmsg", errno))}`));
  }

  /**
   * Where much comes, setImmediate: it comes after every connection readable in this turn has been read, so that their
   * answers leave in one call too. Where little does, a microtask, which comes after the single read: an answer leaves
   * earlier, by a tenth of what the slowest tenth of them takes at 20,000 queries a second.
   */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    if (this.#waiting || this.#dozing) queueMicrotask(this.#onFlush);
    else setImmediate(this.#onFlush);
  }

  readonly #onFlush = (): void => {
    this.#flushScheduled = false;
    this.#sending.flush();
  };
}
