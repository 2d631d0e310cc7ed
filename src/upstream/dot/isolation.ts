/**
 * Queries under which a connection ended, asked apart from all others: each alone on a connection while there are
 * enough of those, so that one that ends connections takes no other with it. A connection on which all was answered takes
 * the next.
 */

import type { DotConnection } from "../connection/connection.ts";
import type { Exchange } from "../exchange.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import { mustBeAlone, needsNewConnection } from "./guilt.ts";
import { Probe } from "./probe.ts";
import { WaitingLine } from "./waiting-line.ts";

/** So few have a new connection each, which tells most; of more, each that was answered hands its connection on. */
const FEW = 4;

export class Isolation {
  readonly #pool: ConnectionPool;
  readonly #give: (connection: DotConnection, exchange: Exchange) => void;
  readonly #maxConnections: number;
  /** Before all others: what comes of it may end the pause that they wait for. */
  readonly #probes = new WaitingLine();
  readonly #alone = new WaitingLine();
  /** May share a connection when there are more of them than connections. */
  readonly #crowd = new WaitingLine();

  constructor(
    pool: ConnectionPool,
    maxConnections: number,
    give: (connection: DotConnection, exchange: Exchange) => void,
  ) {
    this.#pool = pool;
    this.#maxConnections = maxConnections;
    this.#give = give;
  }

  /** Queries that wait for a connection. */
  get size(): number {
    return this.#probes.size + this.#alone.size + this.#crowd.size;
  }

  add(exchange: Exchange): void {
    if (exchange instanceof Probe) this.#probes.add(exchange);
    else (mustBeAlone(exchange) ? this.#alone : this.#crowd).add(exchange);
    this.serve();
  }

  /** Gives those who wait to connections that carry nothing, as far as there are any. */
  serve(): void {
    if (this.size === 0) return;
    let connection: DotConnection | undefined;
    const hasConnection = (exchange: Exchange): boolean => {
      const wish = needsNewConnection(exchange) ? "new" : this.#alone.size < FEW ? "rather new" : "any";
      connection = this.#pool.chooseEmpty(wish);
      return connection !== undefined;
    };
    const give = (exchange: Exchange): void => this.#give(connection!, exchange);
    this.#probes.serve(hasConnection, give);
    this.#alone.serve(hasConnection, give);
    const share = Math.ceil(this.#crowd.size / this.#maxConnections);
    let left = 0;
    const hasRoom = (exchange: Exchange): boolean => {
      if (left === 0 && hasConnection(exchange)) left = share;
      return left > 0;
    };
    this.#crowd.serve(hasRoom, (exchange) => {
      left--;
      this.#give(connection!, exchange);
    });
  }

  /** Takes out those who wait now. */
  drain(take: (exchange: Exchange) => void): void {
    this.#probes.drain(take);
    this.#alone.drain(take);
    this.#crowd.drain(take);
  }
}
