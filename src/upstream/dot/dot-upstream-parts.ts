/** What an upstream is made of and bounded by. */

import type { LookUp } from "../dial/look-up.ts";
import type { HealthLimits } from "../health/health.ts";
import type { PoolLimits, PoolParts } from "./connection-pool.ts";

export interface DotUpstreamLimits extends PoolLimits {
  readonly health: HealthLimits;
  /** Queries that may wait for a connection. */
  readonly maxWaiting: number;
  /** How long it is remembered that an upstream has to be asked plainly. */
  readonly plainMs: number;
}

export interface DotUpstreamParts extends PoolParts {
  readonly lookUp: LookUp;
  readonly limits: DotUpstreamLimits;
}
