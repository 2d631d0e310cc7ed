/** A query whose client waits, and where its response goes. Objects are reused. */

import type { ResponseSink } from "../listener/query-handler.ts";
import { PEER_OCTETS } from "../runtime/runtime.ts";
import { Query } from "../wire/query.ts";

export class ClientQuery {
  readonly query = new Query();
  sink: ResponseSink | undefined = undefined;
  readonly peer = new Uint8Array(PEER_OCTETS);
  /** When it was read, on the clock's nowMs. */
  beganMs = 0;
  /** The next of those that wait for the same resolution, in no order. */
  next: ClientQuery | undefined = undefined;

  /** Keeps who asks; the query itself was parsed in place. */
  keep(sink: ResponseSink, peers: Uint8Array, peerStart: number, nowMs: number): void {
    this.sink = sink;
    this.beganMs = nowMs;
    for (let i = 0; i < PEER_OCTETS; i++) this.peer[i] = peers[peerStart + i]!;
  }
}
