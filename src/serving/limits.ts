/** Bounds for the parts, from the defaults and the configuration. */

import type { LifetimeLimits } from "../cache/lifetime.ts";
import type { Config } from "../config/config.ts";
import { defaults } from "../config/defaults.ts";
import type { BootstrapLimits } from "../upstream/bootstrap.ts";
import type { ServerLimits } from "../upstream/dot-server.ts";

/** How upstreams are treated: the same for queries of clients and for those of `fdns query` and `doctor`. */
export const setLimits: BootstrapLimits = {
  strategy: "ordered",
  minAttemptMs: defaults.upstreamAttemptMinMs.value,
  attemptMs: defaults.upstreamAttemptMs.value,
  maxResends: defaults.upstreamResends.value,
  lookUpMs: defaults.queryTimeoutMs.value,
};

export const serverLimits: ServerLimits = {
  connection: {
    dialMs: defaults.upstreamConnectMs.value,
    maxTakenIds: defaults.upstreamInFlight.value,
    maxUnsentOctets: defaults.upstreamUnsentOctets.value,
    maxUnsolicited: defaults.upstreamUnsolicited.value,
  },
  maxConnections: defaults.upstreamConnections.value,
  health: {
    redialMs: defaults.upstreamRedialMs.value,
    minBackOffMs: defaults.upstreamBackoffFirstMs.value,
    maxBackOffMs: defaults.upstreamBackoffMaxMs.value,
  },
  idle: { idleMs: defaults.upstreamIdleMs.value, maxIdleMs: defaults.upstreamIdleMaxMs.value },
  maxWaiting: defaults.upstreamWaiting.value,
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
