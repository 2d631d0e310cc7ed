/**
 * The straight line every query takes: parse, who asks, what is asked, ask the upstreams, patch, answer.
 *
 * For each query that handle() took, exactly one response is committed to its sink.
 */

import type { QueryHandler, ResponseSink } from "../listener/query-handler.ts";
import type { AccessList } from "../policy/access.ts";
import { screenQuery } from "../policy/screen.ts";
import { type Clock, PEER_OCTETS } from "../runtime/runtime.ts";
import { Exchange, type UpstreamError } from "../upstream/exchange.ts";
import type { UpstreamSet } from "../upstream/upstream-set.ts";
import { ANSWER_GROWTH_OCTETS, OWN_RESPONSE_OCTETS, writeAnswer, writeOwnResponse } from "../wire/compose.ts";
import { EDE, RCODE, TC } from "../wire/protocol.ts";
import { DROP, type Query } from "../wire/query.ts";
import { ResponseLayout } from "../wire/response.ts";
import { ResolverCounters, type Source } from "./counters.ts";
import { FailureMemory, type FailureMemoryLimits } from "./failure-memory.ts";

export interface ResolverParts {
  readonly clock: Clock;
  readonly upstreams: Pick<UpstreamSet, "ask" | "inFlight">;
  readonly access: AccessList;
  /** How long a client waits at most. */
  readonly queryTimeoutMs: number;
  /** Queries being worked on; beyond, SERVFAIL at once rather than memory without bound. */
  readonly maxInFlight: number;
  /** How long failures to resolve a name are remembered. */
  readonly failures: FailureMemoryLimits;
  /** What clients are told fdns takes over UDP (RFC 6891, 6.2.3), and the most it sends. */
  readonly maxUdpOctets: number;
}

export class Resolver {
  readonly #parts: ResolverParts;
  readonly counters = new ResolverCounters();
  /** Client queries not in use; their number settles at the most that were ever in flight at once. */
  readonly #spare: ClientQuery[] = [];
  #next: ClientQuery;
  readonly #failures: FailureMemory;
  /** For responses that are remembered; the upstreams' own are laid out when they arrive. */
  readonly #layout = new ResponseLayout();
  #stopped = false;

  constructor(parts: ResolverParts) {
    this.#parts = parts;
    this.#next = new ClientQuery(this);
    this.#failures = new FailureMemory(parts.failures);
  }

  /** New queries are dropped from now on, as if the process had ended; those in flight go on. */
  stop(): void {
    this.#stopped = true;
  }

  readonly handle: QueryHandler = (octets, start, length, sink, peers, peerStart) => {
    const clientQuery = this.#next;
    const { query } = clientQuery;
    const rcode = query.parse(octets, start, length);
    if (rcode === DROP || this.#stopped) {
      this.counters.dropped++;
      return false;
    }
    this.counters.asked(sink.transport);
    if (!this.#parts.access.allows(peers, peerStart)) {
      this.counters.forbidden++;
      this.#answerOwn(query, RCODE.REFUSED, EDE.PROHIBITED, sink, peers, peerStart);
    } else if (rcode !== RCODE.NOERROR) {
      this.#answerOwn(query, rcode, EDE.NONE, sink, peers, peerStart);
    } else {
      const verdict = screenQuery(query);
      if (verdict.rcode !== RCODE.NOERROR) {
        this.#answerOwn(query, verdict.rcode, verdict.ede, sink, peers, peerStart);
      } else if (this.#parts.upstreams.inFlight >= this.#parts.maxInFlight) {
        this.counters.overloaded++;
        this.#answerOwn(query, RCODE.SERVFAIL, EDE.OTHER, sink, peers, peerStart);
      } else {
        const nowMs = this.#parts.clock.nowMs();
        this.#next = this.#spare.pop() ?? new ClientQuery(this);
        clientQuery.keep(sink, peers, peerStart, nowMs);
        const failed = this.#failures.find(query, nowMs);
        if (failed === undefined) {
          clientQuery.begin(nowMs + this.#parts.queryTimeoutMs);
          this.#parts.upstreams.ask(clientQuery);
        } else {
          this.#layout.scan(failed, 0, failed.length);
          this.#answerFrom("memory", clientQuery, failed, 0, this.#layout);
        }
      }
    }
    return true;
  };

  answer(to: ClientQuery, octets: Uint8Array, start: number, layout: ResponseLayout): void {
    if (layout.rcode === RCODE.SERVFAIL) {
      const length = Math.max(layout.bodyOctets, layout.optionsEnd);
      this.#failures.remember(to.query, this.#parts.clock.nowMs(), octets, start, length);
    }
    this.#answerFrom("upstream", to, octets, start, layout);
  }

  #answerFrom(source: Source, to: ClientQuery, octets: Uint8Array, start: number, layout: ResponseLayout): void {
    const { query } = to;
    const sink = to.sink!;
    if (layout.questionOctets === 0) {
      // An error in a bare header: the question the client expects is put back.
      this.#compose(query, layout.rcode, EDE.NONE, sink, to.peer, 0);
      this.#settle(to, source, layout.rcode);
      return;
    }
    const limit = sink.limitFor(query.udpPayloadSize);
    // The upstream's OPT is cut off and its error options may be passed on, so this bounds what is written.
    const most = Math.max(layout.optionsEnd, layout.bodyOctets) + ANSWER_GROWTH_OCTETS;
    const at = sink.reserve(Math.min(limit, Math.max(most, OWN_RESPONSE_OCTETS)));
    const length = writeAnswer(sink.room, at, limit, query, this.#parts.maxUdpOctets, octets, start, layout);
    if ((sink.room[at + 2]! & TC) !== 0) this.counters.truncated++;
    sink.commit(at, length, to.peer, 0);
    this.#settle(to, source, layout.rcode);
  }

  fail(to: ClientQuery, error: UpstreamError): void {
    this.#compose(to.query, RCODE.SERVFAIL, edeOf(error), to.sink!, to.peer, 0);
    this.#settle(to, "own", RCODE.SERVFAIL);
  }

  /** Answers at once, without asking anyone. */
  #answerOwn(query: Query, rcode: number, ede: number, sink: ResponseSink, peers: Uint8Array, peerStart: number): void {
    this.#compose(query, rcode, ede, sink, peers, peerStart);
    this.counters.answered("own", rcode);
  }

  #compose(query: Query, rcode: number, ede: number, sink: ResponseSink, peers: Uint8Array, peerStart: number): void {
    const at = sink.reserve(OWN_RESPONSE_OCTETS);
    const length = writeOwnResponse(sink.room, at, query, rcode, ede, this.#parts.maxUdpOctets);
    sink.commit(at, length, peers, peerStart);
  }

  /** The response to a query that upstreams were asked is on its way. */
  #settle(clientQuery: ClientQuery, source: Source, rcode: number): void {
    this.counters.answered(source, rcode);
    this.counters.waited(source, this.#parts.clock.nowMs() - clientQuery.beganMs);
    clientQuery.sink = undefined;
    this.#spare.push(clientQuery);
  }
}

/** A query whose client waits, and where its response goes. */
class ClientQuery extends Exchange {
  readonly #resolver: Resolver;
  sink: ResponseSink | undefined = undefined;
  /** When it was read, on the clock's nowMs. */
  beganMs = 0;
  readonly peer = new Uint8Array(PEER_OCTETS);

  constructor(resolver: Resolver) {
    super();
    this.#resolver = resolver;
  }

  keep(sink: ResponseSink, peers: Uint8Array, peerStart: number, nowMs: number): void {
    this.sink = sink;
    this.beganMs = nowMs;
    for (let i = 0; i < PEER_OCTETS; i++) this.peer[i] = peers[peerStart + i]!;
  }

  override onResponse(octets: Uint8Array, start: number, layout: ResponseLayout): void {
    this.#resolver.answer(this, octets, start, layout);
  }

  override onFailure(error: UpstreamError): void {
    this.#resolver.fail(this, error);
  }
}

/** RFC 8914, 4.23 and 4.24: a network error, or no reachable authority when everyone stayed silent. */
function edeOf(error: UpstreamError): number {
  switch (error.code) {
    case "connect":
    case "authentication":
    case "closed":
    case "unresolved":
      return EDE.NETWORK_ERROR;
    case "timeout":
    case "malformed":
      return EDE.NO_REACHABLE_AUTHORITY;
    default:
      return EDE.OTHER;
  }
}
