/**
 * Clients that are not read for the sake of others. No event tells that one has taken what the kernel held for it, so
 * it is looked at: very soon at first, as one that reads goes on at once, and then now and then.
 */

import type { Clock } from "../runtime/runtime.ts";

const SOON_MS = 1;
/** Asking the kernel takes about 1 µs for each. */
const NOW_AND_THEN_MS = 20;

export interface CrowdedClient {
  readonly isFull: boolean;
  /** It has room: called once, and never when it has none. */
  hasRoom(): void;
}

export class CrowdedOut {
  readonly #clock: Pick<Clock, "after">;
  readonly #fresh = new Set<CrowdedClient>();
  readonly #stuck = new Set<CrowdedClient>();
  #looksLater = false;

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  /** From now on it is looked at. One that is already, goes on being so. */
  add(client: CrowdedClient): void {
    if (this.#stuck.has(client)) return;
    this.#fresh.add(client);
    if (this.#fresh.size === 1) this.#clock.after(SOON_MS, this.#lookAtFresh);
  }

  delete(client: CrowdedClient): void {
    this.#fresh.delete(client);
    this.#stuck.delete(client);
  }

  readonly #lookAtFresh = (): void => {
    const fresh = [...this.#fresh];
    this.#fresh.clear();
    for (const client of fresh) {
      if (client.isFull) this.#stuck.add(client);
      else client.hasRoom();
    }
    this.#lookLater();
  };

  readonly #lookAtStuck = (): void => {
    this.#looksLater = false;
    for (const client of [...this.#stuck]) {
      if (client.isFull) continue;
      this.#stuck.delete(client);
      client.hasRoom();
    }
    this.#lookLater();
  };

  #lookLater(): void {
    if (this.#looksLater || this.#stuck.size === 0) return;
    this.#looksLater = true;
    this.#clock.after(NOW_AND_THEN_MS, this.#lookAtStuck);
  }
}
