/**
 * Waiting for descriptors to become readable without a thread that polls: the kernel sends SIGIO to the main thread for
 * a descriptor that has O_ASYNC set, and the runtime turns the signal into an event. At a trickle of datagrams this
 * is as quick as the runtime's own sockets; under load nobody waits, and O_ASYNC is off, so no signal is sent.
 *
 * Signals of one kind merge, so one signal means "look at every descriptor that waits".
 */
import { systemClock } from "../clock.ts";
import { F_OWNER_TID, F_SETFL, F_SETOWN_EX, type Libc, O_ASYNC, O_NONBLOCK } from "../libc.ts";

export interface ReadinessWatch {
  /** From now on onReadable is called when a datagram arrives. One that arrived before is not told of. */
  arm(): void;
  disarm(): void;
  /** Forgets the descriptor, which must still be open. */
  end(): void;
}

/**
 * A descriptor that is watched. Whether it is waited for is a mark, and no membership in a Set: that happens thousands
 * of times a second, the runtime copies a Set every few changes, and since each copy names the next, they pile up
 * until the collector's next full round.
 */
export interface Watched {
  isArmed: boolean;
  readonly onReadable: () => void;
}

export type Readiness = (descriptor: number, onReadable: () => void) => ReadinessWatch;

/**
 * Lets the kernel signal the main thread, whose number is the process's. A signal for the process would wake whatever
 * thread is idle, the compiler's or the collector's, only to pass it on. 0, or -1.
 */
export function signalMainThread(libc: Libc, descriptor: number): number {
  const owner = new Int32Array(new ArrayBuffer(8));
  owner.set([F_OWNER_TID, process.pid]);
  return libc.fcntl(descriptor, F_SETOWN_EX, libc.addressOf(new Uint8Array(owner.buffer)));
}

export function signalReadiness(libc: Libc): Readiness {
  let watched: Watched[] = [];
  let endSweeps: (() => void) | undefined;
  let listening = false;

  const wakeAll = () => {
    for (const one of watched) if (one.isArmed) one.onReadable();
  };

  return (descriptor, onReadable) => {
    // Listened to before the first descriptor can cause it, and for ever after: unheard, the signal ends the process.
    if (!listening) process.on("SIGIO", wakeAll);
    listening = true;
    const one: Watched = { isArmed: false, onReadable };
    watched = [...watched, one];
    // A signal can be lost (a debugger, a stopped process); then a datagram waits a second at most.
    endSweeps ??= systemClock.eachSecond(wakeAll);
    signalMainThread(libc, descriptor);
    const disarm = () => {
      if (one.isArmed) libc.fcntl(descriptor, F_SETFL, O_NONBLOCK);
      one.isArmed = false;
    };
    return {
      arm() {
        one.isArmed = true;
        libc.fcntl(descriptor, F_SETFL, O_NONBLOCK | O_ASYNC);
      },
      disarm,
      end() {
        disarm();
        watched = watched.filter((other) => other !== one);
        if (watched.length > 0) return;
        endSweeps?.();
        endSweeps = undefined;
      },
    };
  };
}
