/** What a resolver is made of, and how it is bounded. */

import type { Gauge } from "../observe/figures.ts";
import type { AccessList } from "../policy/access.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { UpstreamGroup } from "../upstream/group/upstream-group.ts";
import type { CachedAnswers } from "./cached-answers.ts";
import type { ResolverCounters } from "./counters.ts";
import type { FailureMemoryLimits } from "./failure-memory.ts";

export interface ResolverParts {
  readonly clock: Clock;
  readonly upstreams: Pick<UpstreamGroup, "ask">;
  readonly access: AccessList;
  /** undefined: nothing is kept. */
  readonly answers: CachedAnswers | undefined;
  /** How long a client waits at most. */
  readonly queryTimeoutMs: number;
  /** How long it waits where a stale answer could be given. */
  readonly staleAfterMs: number;
  /** Clients' queries that wait for upstreams; beyond, SERVFAIL at once rather than memory without bound. */
  readonly maxInFlight: number;
  /** Where they and those of other workers are counted together. */
  readonly waiting?: Gauge;
  readonly counters?: ResolverCounters;
  /** Of these, how many may wait for the same answer, which all leave in one turn. */
  readonly maxWaiters: number;
  /** Refreshes before the end that a quiet time may save up; undefined: as many as the only worker may. */
  readonly maxRefreshesSaved?: number;
  /** How long failures to resolve a name are remembered. */
  readonly failures: FailureMemoryLimits;
  /** What clients are told fdns takes over UDP (RFC 6891, 6.2.3), and the most it sends. */
  readonly maxUdpOctets: number;
}
