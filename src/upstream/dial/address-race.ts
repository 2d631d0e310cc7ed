/**
 * Dialling an upstream that has several addresses (RFC 8305, "Happy Eyeballs"): one after another, each a little after
 * the last or at once when that one failed, until one has authenticated; the others are dropped. To its owner the race is
 * one byte stream.
 */

import type { ByteStream, Clock, StreamHandler, TlsOutcome } from "../../runtime/runtime.ts";
import { isShortage } from "../blame.ts";
import { isNetworkFailure } from "../failure-words.ts";
import type { AddressBook } from "./address-book.ts";

/** RFC 8305, 5: the Connection Attempt Delay, 250 ms. */
const ATTEMPT_DELAY_MS = 250;

export type DialAddress = (host: string, onSecure: (outcome: TlsOutcome) => void, handler: StreamHandler) => ByteStream;

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
  #host: string | undefined;
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

  /** The address that won; undefined before. */
  get host(): string | undefined {
    return this.#host;
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

  /** More addresses became known: they run too, as long as none has won. */
  join(hosts: readonly string[]): void {
    if (this.#done || this.#winner !== undefined || hosts.length === 0) return;
    const isLast = this.#waiting.length === 0;
    this.#waiting.push(...hosts);
    if (isLast) this.#cancelNext = this.#clock.after(ATTEMPT_DELAY_MS, () => this.#startNext());
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
    this.#host = runner.host;
    this.#cancelNext();
    this.#waiting.length = 0;
    const others = [...this.#running];
    this.#running.clear();
    for (const { stream } of others) if (stream !== runner.stream) stream?.destroy();
    const beganBefore = others.slice(0, others.indexOf(runner)).map(({ host }) => host);
    this.#book.worked(runner.host, beganBefore);
    this.#onSecure(outcome);
  }

  #onClose(runner: Runner, cause: Error | undefined): void {
    if (this.#winner !== undefined) {
      if (this.#winner === runner.stream) this.#handler.onClose(cause);
      return;
    }
    this.#running.delete(runner);
    if (this.#done) return;
    if (!isShortage(cause)) this.#book.failed(runner.host);
    if (this.#cause === undefined || tellingness(cause) > tellingness(this.#cause)) this.#cause = cause;
    if (this.#waiting.length > 0) this.#startNext();
    else if (this.#running.size === 0) this.#handler.onClose(this.#cause);
  }
}

/** A refused certificate says more than a refused connection, and that more than a family the host does not have. */
function tellingness(cause: Error | undefined): number {
  if (!isNetworkFailure(cause)) return 2;
  return ["ENETUNREACH", "EHOSTUNREACH", "EAFNOSUPPORT"].includes((cause as NodeJS.ErrnoException).code ?? "") ? 0 : 1;
}
