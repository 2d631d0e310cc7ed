/**
 * How a thread stops for sockets whose datagrams come closely: poll(2) on all of them and on the descriptor of the
 * runtime's event loop, which is readable as soon as there is something for that, a connection, another thread's
 * message or a signal. What was signalled instead (readiness.ts) takes six system calls a datagram and a signal's frame on
 * the stack; this takes three.
 *
 * The event loop has its turn whenever it has something to do, or a datagram left something for it to do. Its timers
 * do not show in its descriptor, so nothing keeps it for longer than DOZE_MS.
 */

import { type Libc, POLLFD_REVENTS, type Pollfds, pollfds } from "../libc.ts";

/** The most a timer comes late. Also: without a datagram for so long, a socket dozes no more. */
export const DOZE_MS = 1;

export interface Dozing {
  /**
   * Called where something can be received. @returns whether all of it has been dealt with, so that nothing of it waits
   * for the event loop
   */
  onReadable(): boolean;
  /** Called where nothing has come for a while. */
  onQuiet(): void;
}

/** One socket's part. */
export interface Dozer {
  start(): void;
  stop(): void;
  /** Forgets the descriptor, which must still be open. */
  end(): void;
}

interface Member {
  readonly descriptor: number;
  readonly dozing: Dozing;
  isDozing: boolean;
  /** When something came last. */
  readableMs: number;
}

/** One a thread, so that no socket waits while the thread stops for another. */
export class Doze {
  readonly #libc: Libc;
  readonly #loop: number;
  readonly #nowMs: () => number;
  #members: readonly Member[] = [];
  /** How many of them doze. */
  #dozing = 0;
  /** The loop's descriptor, then the members'. */
  #descriptors: Pollfds = pollfds([]);
  #turnScheduled = false;

  /** `loop`: the descriptor of this thread's event loop. */
  constructor(libc: Libc, loop: number, nowMs: () => number) {
    this.#libc = libc;
    this.#loop = loop;
    this.#nowMs = nowMs;
    this.#list([]);
  }

  join(descriptor: number, dozing: Dozing): Dozer {
    const member: Member = { descriptor, dozing, isDozing: false, readableMs: 0 };
    this.#list([...this.#members, member]);
    const stop = () => {
      if (member.isDozing) this.#dozing--;
      member.isDozing = false;
    };
    return {
      start: () => {
        if (!member.isDozing) this.#dozing++;
        member.isDozing = true;
        member.readableMs = this.#nowMs();
        this.#scheduleTurn();
      },
      stop,
      end: () => {
        stop();
        this.#list(this.#members.filter((other) => other !== member));
      },
    };
  }

  #list(members: readonly Member[]): void {
    this.#members = members;
    this.#descriptors = pollfds([this.#loop, ...members.map(({ descriptor }) => descriptor)]);
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#turnScheduled = false;
    const endMs = this.#nowMs() + DOZE_MS;
    while (this.#dozing > 0 && this.#look() && this.#nowMs() < endMs);
    if (this.#dozing > 0) this.#scheduleTurn();
  };

  /** @returns whether it may look again before the event loop has its turn */
  #look(): boolean {
    const members = this.#members;
    const { octets, halves } = this.#descriptors;
    // Where a signal ended it nothing has been written.
    const isAny = this.#libc.poll(octets, members.length + 1, DOZE_MS) > 0;
    let again = isAny && halves[POLLFD_REVENTS] === 0;
    for (let i = 0; i < members.length; i++) {
      const member = members[i]!;
      const isReadable = isAny && halves[(i + 1) * 4 + POLLFD_REVENTS] !== 0;
      if (!member.isDozing) {
        // Its own way of waiting needs the event loop.
        if (isReadable) again = false;
      } else if (isReadable) {
        member.readableMs = this.#nowMs();
        if (!member.dozing.onReadable()) again = false;
      } else if (this.#nowMs() - member.readableMs >= DOZE_MS) {
        member.dozing.onQuiet();
      }
    }
    return again;
  }
}
