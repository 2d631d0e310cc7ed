/**
 * Dialling a server that has several addresses (RFC 8305, "Happy Eyeballs"): one after another, each a little after
 * the last or at once when that one failed, until one has authenticated; the others are dropped. To its owner the race is
 * one byte stream.
 */

import type { ByteStream, Clock, StreamHandler, TlsOutcome } from "../runtime/runtime.ts";
import { isNetworkFailure } from "./authentication.ts";

/** RFC 8305, 5: the Connection Attempt Delay, 250 ms. */
const ATTEMPT_DELAY_MS = 250;

export type DialAddress = (host: string, onSecure: (outcome: TlsOutcome) => void, handler: StreamHandler) => ByteStream;

/** The addresses of one server, in the order in which they should be tried. */
export class AddressBook {
  #hosts: readonly string[];
  readonly #failedAtMs = new Map<string, number>();
  #last: string | undefined;

  constructor(hosts: readonly string[]) {
    this.#hosts = hosts;
  }

  get isEmpty(): boolean {
    return this.#hosts.length === 0;
  }

  get families(): (4 | 6)[] {
    return [...new Set(this.#hosts.map(familyOf))];
  }

  /** Whether every address of the family failed since it last worked: then it is tried after the other one. */
  failing(family: 4 | 6): boolean {
    return this.#hosts.every((host) => familyOf(host) !== family || this.#failedAtMs.has(host));
  }

  /** The one that worked last. */
  get last(): string | undefined {
    return this.#last;
  }

  replace(hosts: readonly string[]): void {
    this.#hosts = hosts;
    this.#failedAtMs.clear();
  }

  /**
   * What worked last first, then its family; what failed last of all, the oldest failure first. Families alternate
   * otherwise (RFC 8305, 4), as given.
   */
  ordered(): string[] {
    const rank = (host: string): number => {
      const failedAtMs = this.#failedAtMs.get(host);
      if (failedAtMs !== undefined) return 2 + failedAtMs;
      return host === this.#last ? 0 : 1;
    };
    return alternating(this.#hosts, this.#last?.includes(":")).sort((a, b) => rank(a) - rank(b));
  }

  worked(host: string): void {
    this.#last = host;
    this.#failedAtMs.delete(host);
  }

  failed(host: string, nowMs: number): void {
    this.#failedAtMs.set(host, nowMs);
    if (this.#last === host) this.#last = undefined;
  }
}

function familyOf(host: string): 4 | 6 {
  return host.includes(":") ? 6 : 4;
}

/** IPv6 and IPv4 in turn, beginning with the family preferred, or that of the first. */
function alternating(hosts: readonly string[], preferIpv6 = hosts[0]?.includes(":") ?? false): string[] {
  const preferred = hosts.filter((host) => host.includes(":") === preferIpv6);
  const others = hosts.filter((host) => host.includes(":") !== preferIpv6);
  const mixed: string[] = [];
  for (let i = 0; i < Math.max(preferred.length, others.length); i++) {
    if (i < preferred.length) mixed.push(preferred[i]!);
    if (i < others.length) mixed.push(others[i]!);
  }
  return mixed;
}

interface Runner {
  readonly host: string;
  stream: ByteStream | undefined;
}

/** Starts the race. Nothing is written to any runner before one has won, as the owner writes only after onSecure. */
export class AddressRace implements ByteStream {
  readonly #clock: Clock;
  readonly #book: AddressBook;
  readonly #dial: DialAddress;
  readonly #onSecure: (outcome: TlsOutcome) => void;
  readonly #handler: StreamHandler;
  readonly #waiting: string[];
  readonly #running = new Set<Runner>();
  #winner: ByteStream | undefined;
  #done = false;
  /** The most telling reason among those that failed. */
  #cause: Error | undefined;
  #cancelNext = (): void => {};

  constructor(
    clock: Clock,
    book: AddressBook,
    dial: DialAddress,
    onSecure: (outcome: TlsOutcome) => void,
    handler: StreamHandler,
  ) {
    this.#clock = clock;
    this.#book = book;
    this.#dial = dial;
    this.#onSecure = onSecure;
    this.#handler = handler;
    this.#waiting = book.ordered();
    this.#startNext();
  }

  get unsentOctets(): number {
    return this.#winner?.unsentOctets ?? 0;
  }

  write(octets: Uint8Array): void {
    this.#winner?.write(octets);
  }

  end(): void {
    this.#winner?.end();
  }

  destroy(): void {
    this.#done = true;
    this.#cancelNext();
    this.#winner?.destroy();
    for (const { stream } of this.#running) stream?.destroy();
  }

  pause(): void {
    this.#winner?.pause();
  }

  resume(): void {
    this.#winner?.resume();
  }

  #startNext(): void {
    this.#cancelNext();
    const host = this.#waiting.shift();
    if (host === undefined) return;
    if (this.#waiting.length > 0) this.#cancelNext = this.#clock.after(ATTEMPT_DELAY_MS, () => this.#startNext());
    const runner: Runner = { host, stream: undefined };
    this.#running.add(runner);
    runner.stream = this.#dial(host, (outcome) => this.#won(runner, outcome), {
      onOctets: (octets) => this.#handler.onOctets(octets),
      onEnd: () => (this.#winner === runner.stream ? this.#handler.onEnd() : runner.stream?.destroy()),
      onDrain: () => this.#handler.onDrain(),
      onClose: (cause) => this.#onClose(runner, cause),
    });
  }

  #won(runner: Runner, outcome: TlsOutcome): void {
    if (this.#done || this.#winner !== undefined) return;
    this.#winner = runner.stream;
    this.#cancelNext();
    this.#waiting.length = 0;
    this.#running.delete(runner);
    for (const { stream } of this.#running) stream?.destroy();
    this.#running.clear();
    this.#book.worked(runner.host);
    this.#onSecure(outcome);
  }

  #onClose(runner: Runner, cause: Error | undefined): void {
    if (this.#winner !== undefined) {
      if (this.#winner === runner.stream) this.#handler.onClose(cause);
      return;
    }
    this.#running.delete(runner);
    if (this.#done) return;
    this.#book.failed(runner.host, this.#clock.nowMs());
    if (this.#cause === undefined || tellingness(cause) > tellingness(this.#cause)) this.#cause = cause;
    if (this.#waiting.length > 0) this.#startNext();
    else if (this.#running.size === 0) this.#handler.onClose(this.#cause);
  }
}

/** A refused certificate says more than a refused connection, and that more than a family the host does not have. */
function tellingness(cause: Error | undefined): number {
  if (!isNetworkFailure(cause)) return 2;
  return ["ENETUNREACH", "EHOSTUNREACH"].includes((cause as NodeJS.ErrnoException).code ?? "") ? 0 : 1;
}
