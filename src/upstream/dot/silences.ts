/** Which connections of an upstream are ended because answers are due and do not come. */

import type { DotConnection } from "../connection/connection.ts";
import { UpstreamError } from "../exchange.ts";

/** Times of silence allowed, in units of what 95 % of answers take. */
const SILENCE_P95S = 4;
/**
 * The most that an upstream may be silent which is known to be slow, or fell silent before: so many times what one may
 * that is not known. If each connection ended sooner than the upstream answers anything, it would never be heard at all.
 */
const SLOW_SILENCES = 2;

export class Silences {
  readonly #minMs: number;
  readonly #maxMs: number;
  /** Connections that fell silent since the last answer came: each gives the next one twice the time. */
  #inARow = 0;
  /** When a connection that had become quiet was last asked a question of our own. */
  readonly #checkedMs = new WeakMap<DotConnection, number>();

  /** How long a connection may be silent: at least, and at most (as before anything was measured). */
  constructor(minMs: number, maxMs: number) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  /** Whether a connection fell silent and no answer came since: the upstream may be silent itself. */
  get isOn(): boolean {
    return this.#inARow > 0;
  }

  /** An answer came. */
  heard(): void {
    this.#inARow = 0;
  }

  /**
   * Ends connections on which answers have been due for too long: nothing at all was heard, of which `onSilent` is
   * told first, or one message comes so slowly that all others wait behind it. Halfway there `onQuiet` is told, which
   * may ask something that is answered at once: silence then does not mean that a name is slow.
   */
  end(
    connections: readonly DotConnection[],
    nowMs: number,
    p95Ms: number,
    onQuiet: (connection: DotConnection) => void,
    onSilent: (connection: DotConnection, error: UpstreamError) => void,
  ): void {
    for (const connection of connections) {
      const allowedMs = this.#allowedMs(connection, p95Ms);
      if (connection.isTrickling(nowMs)) {
        connection.abort(new UpstreamError("timeout", "an answer came too slowly, and all others waited behind it"));
        continue;
      }
      const silentMs = connection.silentForMs(nowMs);
      if (silentMs > allowedMs) {
        const words = `nothing was heard for ${Math.round(allowedMs)} ms while answers were due`;
        const error = new UpstreamError("timeout", words);
        if (!connection.isolated) {
          this.#inARow++;
          onSilent(connection, error);
        }
        connection.abort(error);
      } else if (silentMs > allowedMs / 2 && connection.accepts && !this.#wasChecked(connection, nowMs - silentMs)) {
        this.#checkedMs.set(connection, nowMs);
        onQuiet(connection);
      }
    }
  }

  #wasChecked(connection: DotConnection, sinceMs: number): boolean {
    return (this.#checkedMs.get(connection) ?? Number.NEGATIVE_INFINITY) > sinceMs;
  }

  #allowedMs({ isolated }: DotConnection, p95Ms: number): number {
    const measuredMs = p95Ms === 0 ? this.#maxMs : SILENCE_P95S * p95Ms;
    // Nobody else waits behind a query that is asked alone, and its silence says little of the upstream.
    const allowedMs = isolated
      ? Math.max(this.#maxMs, measuredMs)
      : Math.max(this.#minMs, measuredMs) * 2 ** Math.min(this.#inARow, 8);
    return Math.min(SLOW_SILENCES * this.#maxMs, allowedMs);
  }
}
