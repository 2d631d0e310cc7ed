/** The addresses of an upstream that is given by name: looked up once for all who wait, told as they become known. */

import type { UpstreamError } from "../exchange.ts";

/**
 * Finds the addresses of a host name. Calls back with all that are known, as soon as there are any and again when there
 * are more; the last time says so, and is the one that may bring an error instead.
 */
export type LookUp = (
  hostName: string,
  onFound: (found: readonly string[] | UpstreamError, isLast: boolean) => void,
) => void;

export class AddressLookUp {
  readonly #lookUp: LookUp;
  #isUnderWay = false;

  constructor(lookUp: LookUp) {
    this.#lookUp = lookUp;
  }

  /** Looks it up, unless that is under way. `isMore`: what was found comes on top of what was found before. */
  start(hostName: string, onFound: (found: readonly string[] | UpstreamError, isMore: boolean) => void): void {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    let isMore = false;
    this.#lookUp(hostName, (found, isLast) => {
      this.#isUnderWay = !isLast;
      onFound(found, isMore);
      isMore = true;
    });
  }
}
