/**
 * Readiness in threads. A signal reaches the event loop of the main thread alone, so that one looks (poll(2)) which
 * descriptors of other threads became readable, and wakes their threads by a message.
 *
 * Each thread has places in shared memory, one a descriptor, so that nothing is sent for a thread that is not waiting:
 *   0: free      n > 0: descriptor n - 1 is waited for      n < 0: descriptor -n - 1 is open, and nobody waits,
 *                                                        or its thread has been told
 */

import { systemClock } from "../clock.ts";
import { F_SETFL, type Libc, loadLibc, O_ASYNC, O_NONBLOCK, POLLFD_REVENTS, type Pollfds, pollfds } from "../libc.ts";
import { type Readiness, signalMainThread, type Watched } from "./readiness.ts";

/** Makes relays, with the C library at hand. @throws Error (as a rejection) where it cannot be called */
export async function relayReadiness(): Promise<
  (places: readonly Int32Array[], wake: (thread: number) => void) => ReadinessRelay
> {
  const libc = await loadLibc();
  return (places, wake) => new ReadinessRelay(libc, places, wake);
}

/** On the main thread. `places`: of each thread. */
export class ReadinessRelay {
  readonly #libc: Libc;
  readonly #places: readonly Int32Array[];
  readonly #wake: (thread: number) => void;
  readonly #descriptors: Pollfds;
  /** Of the n-th descriptor that was asked about: whose it is, and at which place. */
  readonly #owners: Int32Array;
  readonly #placesOf: Int32Array;

  constructor(libc: Libc, places: readonly Int32Array[], wake: (thread: number) => void) {
    this.#libc = libc;
    this.#places = places;
    this.#wake = wake;
    const most = places.reduce((total, { length }) => total + length, 0);
    this.#descriptors = pollfds(new Array(most).fill(-1));
    this.#owners = new Int32Array(most);
    this.#placesOf = new Int32Array(most);
    // For ever: unheard, the signal ends the process.
    process.on("SIGIO", () => this.#relay());
  }

  /** Closes what a thread that is no more left open, so that the kernel gives it no more datagrams. */
  closeThoseOf(thread: number): void {
    const places = this.#places[thread]!;
    for (let i = 0; i < places.length; i++) {
      const descriptor = Math.abs(Atomics.exchange(places, i, 0)) - 1;
      if (descriptor >= 0) this.#libc.close(descriptor);
    }
  }

  #relay(): void {
    const count = this.#gather();
    const { octets, words, halves } = this.#descriptors;
    if (count === 0 || this.#libc.poll(octets, count, 0) <= 0) return;
    let woken = -1;
    for (let i = 0; i < count; i++) {
      if (halves[i * 4 + POLLFD_REVENTS] === 0) continue;
      const owner = this.#owners[i]!;
      // Told once, until it waits again: more signals come before it wakes up.
      const place = words[i * 2]! + 1;
      const isTold = Atomics.compareExchange(this.#places[owner]!, this.#placesOf[i]!, place, -place) !== place;
      if (isTold || owner === woken) continue;
      woken = owner;
      this.#wake(owner);
    }
  }

  /** Lists the descriptors that are waited for. Returns how many there are. */
  #gather(): number {
    const { words, halves } = this.#descriptors;
    let count = 0;
    for (let thread = 0; thread < this.#places.length; thread++) {
      const places = this.#places[thread]!;
      for (let i = 0; i < places.length; i++) {
        const place = Atomics.load(places, i);
        if (place <= 0) continue;
        this.#owners[count] = thread;
        this.#placesOf[count] = i;
        words[count * 2] = place - 1;
        halves[count * 4 + POLLFD_REVENTS] = 0;
        count++;
      }
    }
    return count;
  }
}

interface RelayWatched extends Watched {
  /** Sets the descriptor's mark again: whoever has been told and still waits may be told anew. */
  readonly mark: () => void;
}

/** In a thread: `wakeAll` is to be called when the main thread says so. */
export function relayedReadiness(libc: Libc, places: Int32Array): { readiness: Readiness; wakeAll(): void } {
  let watched: RelayWatched[] = [];
  let endSweeps: (() => void) | undefined;
  const wakeAll = () => {
    for (const { isArmed, mark, onReadable } of watched) {
      if (!isArmed) continue;
      mark();
      onReadable();
    }
  };
  const readiness: Readiness = (descriptor, onReadable) => {
    const place = places.indexOf(0);
    if (place < 0) throw new RangeError(`more than ${places.length} sockets in a thread`);
    Atomics.store(places, place, -descriptor - 1);
    endSweeps ??= systemClock.eachSecond(wakeAll);
    signalMainThread(libc, descriptor);
    const mark = () => void Atomics.store(places, place, descriptor + 1);
    const one: RelayWatched = { isArmed: false, onReadable, mark };
    watched = [...watched, one];
    const disarm = () => {
      if (!one.isArmed) return;
      one.isArmed = false;
      libc.fcntl(descriptor, F_SETFL, O_NONBLOCK);
      Atomics.store(places, place, -descriptor - 1);
    };
    return {
      arm() {
        one.isArmed = true;
        mark(); // before the kernel can signal it
        libc.fcntl(descriptor, F_SETFL, O_NONBLOCK | O_ASYNC);
      },
      disarm,
      end() {
        disarm();
        watched = watched.filter((other) => other !== one);
        Atomics.store(places, place, 0);
        if (places.some((one) => one !== 0)) return;
        endSweeps?.();
        endSweeps = undefined;
      },
    };
  };
  return { readiness, wakeAll };
}
