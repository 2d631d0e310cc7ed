/**
 * What TCP clients have outstanding, each and all together: queries in work, and octets they have not taken. Whoever
 * has too much is not read until it is less. Nobody waits for others: while all together have too much, each may still
 * have its equal share, and one query more where it has nothing.
 */

export interface TcpLoadLimits {
  /** Queries of one connection being worked on. */
  readonly maxPending: number;
  /** Of all connections. */
  readonly maxPendingInAll: number;
  /** Octets of responses that a client has not taken. */
  readonly maxUnsentOctets: number;
  /** That all clients have not taken. */
  readonly maxUnsentOctetsInAll: number;
}

export class TcpLoad {
  readonly #limits: TcpLoadLimits;
  connections = 0;
  pending = 0;
  unsentOctets = 0;

  constructor(limits: TcpLoadLimits) {
    this.#limits = limits;
  }

  /** Whether a connection with so many queries in work has to wait with the next. */
  hasPending(pending: number): boolean {
    const { maxPending, maxPendingInAll } = this.#limits;
    return pending >= maxPending || (this.pending >= maxPendingInAll && pending >= this.#share(maxPendingInAll));
  }

  /** Whether a connection whose client has not taken so many octets has to wait with the next, for its own sake. */
  hasUnsent(octets: number): boolean {
    return octets >= this.#limits.maxUnsentOctets;
  }

  /** Whether all together have too much. */
  get isCrowded(): boolean {
    return this.unsentOctets >= this.#limits.maxUnsentOctetsInAll;
  }

  /** Whether it has to wait for the sake of the others while all together have too much. */
  exceedsShare(octets: number): boolean {
    return octets >= this.#share(this.#limits.maxUnsentOctetsInAll);
  }

  #share(most: number): number {
    return Math.max(1, most / Math.max(1, this.connections));
  }
}
