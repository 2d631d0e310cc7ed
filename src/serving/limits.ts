/** Bounds for the parts, from the defaults and the configuration. */

import type { LifetimeLimits } from "../cache/lifetime.ts";
import type { Config } from "../config/config.ts";
import { defaults } from "../config/defaults.ts";
import { MAX_REFRESHES_SAVED } from "../resolver/refresh-budget.ts";
import type { BootstrapLimits } from "../upstream/dial/bootstrap.ts";
import type { DotUpstreamLimits } from "../upstream/dot/dot-upstream-parts.ts";
import { MAX_HEDGES_SAVED } from "../upstream/group/hedging.ts";

/** How upstreams are treated: the same for queries of clients and for those of `fdns query` and `doctor`. */
export const groupLimits: BootstrapLimits = {
  strategy: "ordered",
  minAttemptMs: defaults.upstreamAttemptMinMs.value,
  attemptMs: defaults.upstreamAttemptMs.value,
  maxResends: defaults.upstreamResends.value,
  lookUpMs: defaults.queryTimeoutMs.value,
};

export const upstreamLimits: DotUpstreamLimits = {
  connection: {
    dialMs: defaults.upstreamConnectMs.value,
    maxTakenIds: defaults.upstreamInFlight.value,
    maxUnsentOctets: defaults.upstreamUnsentOctets.value,
    maxUnsolicited: defaults.upstreamUnsolicited.value,
  },
  maxConnections: defaults.upstreamConnections.value,
  maxIsolated: defaults.upstreamIsolated.value,
  health: {
    redialMs: defaults.upstreamRedialMs.value,
    minBackOffMs: defaults.upstreamBackoffFirstMs.value,
    maxBackOffMs: defaults.upstreamBackoffMaxMs.value,
  },
  idle: { idleMs: defaults.upstreamIdleMs.value, maxIdleMs: defaults.upstreamIdleMaxMs.value },
  maxWaiting: defaults.upstreamWaiting.value,
  hello: { fullMs: defaults.upstreamFullHelloMs.value, rememberMs: defaults.upstreamSmallHelloMs.value },
  plainMs: defaults.upstreamPlainMs.value,
  minSilenceMs: defaults.upstreamSilenceMinMs.value,
  maxSilenceMs: defaults.upstreamAttemptMs.value,
};

/** The bounds of TTLs that the operator set. */
export function lifetimeLimits(config: Config): LifetimeLimits {
  return {
    minSeconds: config.cacheMinTtlSeconds,
    maxSeconds: config.cacheMaxTtlSeconds,
    maxNegativeSeconds: config.cacheMaxNegativeTtlSeconds,
  };
}

/** What each of so many workers may, so that all together may what one may alone; but one connection each. */
export function limitsOf(workers: number, maxInFlight: number = defaults.maxInFlight.value) {
  const part = (most: number) => Math.max(1, Math.floor(most / workers));
  return {
    server: {
      ...upstreamLimits,
      maxConnections: part(upstreamLimits.maxConnections),
      maxIsolated: part(upstreamLimits.maxIsolated),
      maxWaiting: part(upstreamLimits.maxWaiting),
    } satisfies DotUpstreamLimits,
    set: { ...groupLimits, maxHedgesSaved: part(MAX_HEDGES_SAVED) },
    clients: {
      // The operator may have lowered what may be in flight; half of it stays for UDP.
      maxPendingInAll: part(Math.min(defaults.tcpMaxPendingInAll.value, maxInFlight / 2)),
      maxUnsentOctetsInAll: part(defaults.tcpMaxUnsentOctetsInAll.value),
    },
    maxWaiters: part(defaults.maxWaiters.value),
    maxRefreshesSaved: part(MAX_REFRESHES_SAVED),
  };
}
