/**
 * The size of the ClientHello with which one upstream is dialled. With the key share of a post-quantum group it takes two
 * packets, and there are paths and servers that reset or swallow what does not come in one. A handshake that dies, or
 * gets nowhere for a moment, is tried once more with a small one; where that works it is used for a while.
 */

import type { HelloSize, TlsHello } from "../../config/config.ts";
import type { ByteStream, Clock, StreamHandler, TlsDialOptions, TlsOutcome } from "../../runtime/runtime.ts";
import { isNetworkFailure } from "../failure-words.ts";

export interface HelloLimits {
  /** How long after TCP connected a handshake may take before the small hello is tried beside it. */
  readonly fullMs: number;
  /** How long it is remembered that the small one has to be used. */
  readonly rememberMs: number;
}

type DialTls = (options: TlsDialOptions) => ByteStream;

export class Hello {
  readonly #setting: TlsHello;
  readonly #clock: Clock;
  readonly #dialTls: DialTls;
  readonly #limits: HelloLimits;
  readonly #onSmall: () => void;
  #smallUntilMs = Number.NEGATIVE_INFINITY;

  /** `onSmall` is told when it turned out that only the small one works. */
  constructor(setting: TlsHello, clock: Clock, dialTls: DialTls, limits: HelloLimits, onSmall: () => void) {
    this.#setting = setting;
    this.#clock = clock;
    this.#dialTls = dialTls;
    this.#limits = limits;
    this.#onSmall = onSmall;
  }

  /** With which it dials now. */
  get size(): HelloSize {
    if (this.#setting !== "auto") return this.#setting;
    return this.#clock.nowMs() < this.#smallUntilMs ? "small" : "full";
  }

  readonly dial: DialTls = (options) => {
    const { size } = this;
    if (this.#setting !== "auto") return this.#dialTls({ ...options, hello: size });
    if (size === "full") {
      return new TwoHellos(this.#clock, this.#dialTls, options, this.#limits.fullMs, () => this.#learnSmall());
    }
    return this.#dialTls({ ...options, hello: size, handler: this.#doubting(options.handler) });
  };

  forget(): void {
    this.#smallUntilMs = Number.NEGATIVE_INFINITY;
  }

  #learnSmall(): void {
    this.#smallUntilMs = this.#clock.nowMs() + this.#limits.rememberMs;
    this.#onSmall();
  }

  /** Where TLS itself refuses the small one, as for want of a group, it is no remedy any more. */
  #doubting(handler: StreamHandler): StreamHandler {
    return {
      onOctets: (octets) => handler.onOctets(octets),
      onEnd: () => handler.onEnd(),
      onDrain: () => handler.onDrain(),
      onClose: (cause) => {
        if (cause !== undefined && !isNetworkFailure(cause)) this.forget();
        handler.onClose(cause);
      },
    };
  }
}

/** A connection begun with the full hello, and if that gets nowhere with the small one as well: who is ready first wins. */
class TwoHellos implements ByteStream {
  readonly #clock: Clock;
  readonly #dialTls: DialTls;
  readonly #options: TlsDialOptions;
  readonly #onSmallWon: () => void;
  readonly #full: ByteStream;
  #small: ByteStream | undefined;
  #winner: ByteStream | undefined;
  #isConnected = false;
  #running = 1;
  #isDone = false;
  #cause: Error | undefined;
  #cancelSmall = (): void => {};

  constructor(clock: Clock, dialTls: DialTls, options: TlsDialOptions, fullMs: number, onSmallWon: () => void) {
    this.#clock = clock;
    this.#dialTls = dialTls;
    this.#options = options;
    this.#onSmallWon = onSmallWon;
    this.#full = this.#dial("full", () => this.#full, {
      session: options.session,
      onConnect: () => {
        this.#isConnected = true;
        options.onConnect?.();
        this.#cancelSmall = this.#clock.after(fullMs, () => this.#tryToo());
      },
    });
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
    this.#isDone = true;
    this.#cancelSmall();
    this.#full.destroy();
    this.#small?.destroy();
  }

  pause(): void {
    this.#winner?.pause();
  }

  resume(): void {
    this.#winner?.resume();
  }

  #dial(hello: HelloSize, self: () => ByteStream, parts: Pick<TlsDialOptions, "session" | "onConnect">): ByteStream {
    const { handler } = this.#options;
    return this.#dialTls({
      ...this.#options,
      ...parts,
      hello,
      onSecure: (outcome) => this.#won(self(), outcome),
      handler: {
        onOctets: (octets) => handler.onOctets(octets),
        onEnd: () => (this.#winner === self() ? handler.onEnd() : self().destroy()),
        onDrain: () => handler.onDrain(),
        onClose: (cause) => this.#closed(self(), cause),
      },
    });
  }

  /** Tries the small one, beside the full one if that is not dead: it may be slow only. */
  #tryToo(): void {
    this.#cancelSmall();
    this.#running++;
    // A ticket is used once, and the first has it.
    this.#small = this.#dial("small", () => this.#small!, {
      session: undefined,
      ...(this.#options.onConnect && { onConnect: this.#options.onConnect }),
    });
  }

  #won(stream: ByteStream, outcome: TlsOutcome): void {
    if (this.#isDone || this.#winner !== undefined) return;
    this.#winner = stream;
    this.#cancelSmall();
    if (stream === this.#full) this.#small?.destroy();
    else {
      this.#full.destroy();
      this.#onSmallWon();
    }
    this.#options.onSecure(outcome);
  }

  #closed(stream: ByteStream, cause: Error | undefined): void {
    if (this.#winner !== undefined) {
      if (this.#winner === stream) this.#options.handler.onClose(cause);
      return;
    }
    this.#running--;
    this.#cancelSmall();
    // What the full one died of says more: the small one is a guess.
    if (stream === this.#full || this.#cause === undefined) this.#cause = cause;
    if (this.#isDone) {
      if (this.#running === 0) this.#options.handler.onClose(this.#cause);
    } else if (this.#mayBeTheSize(stream, cause)) this.#tryToo();
    else if (this.#running === 0) this.#options.handler.onClose(this.#cause);
  }

  /** A refusal in TLS, or of the connection, has another reason. */
  #mayBeTheSize(stream: ByteStream, cause: Error | undefined): boolean {
    if (stream !== this.#full || this.#small !== undefined || !this.#isConnected) return false;
    return cause === undefined || isNetworkFailure(cause);
  }
}
