/**
 * The lines of the log on their way out. They leave at once while whoever reads them does; while nobody does, some wait
 * here and the rest is lost and counted. Nothing here waits.
 */

import type { Clock, LogOutlet } from "../runtime/runtime.ts";

export interface LogQueueParts {
  readonly outlet: Promise<LogOutlet>;
  readonly clock: Pick<Clock, "after" | "wallMs">;
  /** What may wait. */
  readonly limits: { readonly octets: number; readonly lines: number };
  /** Lines can be written again after some were lost: the first of them at `sinceMs` since 1970. */
  readonly onRecovered: (lost: number, sinceMs: number) => void;
}

/** How soon a reader that takes nothing is tried again; doubled up to MAX_PAUSE_MS while it does not. */
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 250;

const encoder = new TextEncoder();

export class LogQueue {
  readonly #parts: LogQueueParts;
  #outlet: LogOutlet | undefined;
  #lines: Uint8Array[] = [];
  #octets = 0;
  /** Of the first line, octets that are out. */
  #written = 0;
  /** Whether the first line is being written, or a timer is set to try it again. */
  #isUnderWay = false;
  #pauseMs = FIRST_PAUSE_MS;
  #endPause = () => {};
  #lost = 0;
  #lostSinceMs = 0;
  #isFailing = false;
  #isEnding = false;
  #onEmpty = () => {};

  constructor(parts: LogQueueParts) {
    this.#parts = parts;
    void parts.outlet.then((outlet) => {
      this.#outlet = outlet;
      this.#drain();
    });
  }

  /** Takes a whole line with its end. */
  write(line: string): void {
    const { octets: mostOctets, lines: mostLines } = this.#parts.limits;
    const octets = encoder.encode(line);
    const isFull = this.#lines.length >= mostLines || this.#octets + octets.length > mostOctets;
    // After the first that is lost all are, until those that wait are out: one gap, told of at its place.
    if (this.#lines.length > 0 && (isFull || this.#lost > 0)) {
      this.#lose();
      return;
    }
    this.#lines.push(octets);
    this.#octets += octets.length;
    this.#drain();
  }

  /** Resolves when every line is out or lost, or after the bound. Tries often from now on. */
  flush(boundMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(boundMs, resolve);
      this.#onEmpty = () => {
        cancel();
        resolve();
      };
      this.#isEnding = true;
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#endPause();
      this.#drain();
    });
  }

  #drain(): void {
    if (this.#outlet === undefined || this.#isUnderWay) return;
    while (this.#lines.length > 0) {
      const taken = this.#outlet.write(this.#lines[0]!.subarray(this.#written));
      if (typeof taken !== "number") {
        this.#isUnderWay = true;
        void taken.then((later) => {
          this.#isUnderWay = false;
          if (this.#went(later)) this.#drain();
        });
        return;
      }
      if (!this.#went(taken)) return;
    }
    if (this.#lost > 0 && !this.#isFailing) this.#tellLost();
    else this.#onEmpty();
  }

  /** @returns whether to go on */
  #went(taken: number): boolean {
    if (taken === 0) {
      this.#pause();
      return false;
    }
    const line = this.#lines[0]!;
    this.#isFailing = taken < 0;
    this.#written += taken;
    if (!this.#isFailing) this.#pauseMs = FIRST_PAUSE_MS;
    if (!this.#isFailing && this.#written < line.length) return true;
    if (this.#isFailing) this.#lose();
    this.#lines.shift();
    this.#octets -= line.length;
    this.#written = 0;
    return true;
  }

  #pause(): void {
    this.#isUnderWay = true;
    const cancel = this.#parts.clock.after(this.#pauseMs, () => this.#endPause());
    this.#endPause = () => {
      cancel();
      this.#endPause = () => {};
      this.#isUnderWay = false;
      this.#drain();
    };
    this.#pauseMs = this.#isEnding ? FIRST_PAUSE_MS : Math.min(2 * this.#pauseMs, MAX_PAUSE_MS);
  }

  #lose(): void {
    if (this.#lost === 0) this.#lostSinceMs = this.#parts.clock.wallMs();
    this.#lost++;
  }

  #tellLost(): void {
    const lost = this.#lost;
    this.#lost = 0;
    this.#parts.onRecovered(lost, this.#lostSinceMs);
  }
}
