/** Of answers and failures that are kept. See ../defaults.ts. */

import type { Tunable } from "./tunable.ts";

export const answers = {
  failureFirstMs: {
    value: 1000,
    min: 1000,
    max: 300_000,
    unit: "ms",
    why: "RFC 9520, 3.2: a failure to resolve a name is remembered for at least 1 s",
  },
  failureMaxMs: {
    value: 5000,
    min: 1000,
    max: 300_000,
    unit: "ms",
    why: "RFC 9520, 3.2 allows 5 minutes; a name that is mended should not look broken for longer than people try again",
  },
  failureRecheckMs: {
    value: 30_000,
    min: 1000,
    max: 300_000,
    unit: "ms",
    why: "RFC 8767, 5: where a refresh failed so recently, a stale answer is given without waiting; 30 s is its recommendation",
  },
  staleAfterMs: {
    value: 1800,
    min: 100,
    max: 60_000,
    unit: "ms",
    why: "RFC 8767, 5: how long a client waits before it gets a stale answer; before stubs that ask again after 2 s do",
  },
  cacheOctets: {
    value: 33_554_432,
    min: 1_048_576,
    max: 4_294_967_296,
    unit: "octets",
    why: "32 MiB hold some 150 thousand answers, more than a site asks for in a day; 0 is allowed too: no cache",
  },
  cacheMinTtlSeconds: {
    value: 0,
    min: 0,
    max: 3600,
    unit: "seconds",
    why: "a floor keeps answers beyond what their zone said (against RFC 2181, 8): never unasked, and an hour at most",
  },
  cacheMaxTtlSeconds: {
    value: 86_400,
    min: 1,
    max: 604_800,
    unit: "seconds",
    why: "RFC 8767, 4 asks for a cap of days to a week; a day, since whoever moves an address expects no more",
  },
  cacheMaxNegativeTtlSeconds: {
    value: 3600,
    min: 0,
    max: 86_400,
    unit: "seconds",
    why: "RFC 2308, 5: one to three hours worked well, more than a day did harm",
  },
  cacheStaleSeconds: {
    value: 86_400,
    min: 0,
    max: 604_800,
    unit: "seconds",
    why: "RFC 8767, 5 suggests 1 to 3 days; an outage that lasts longer is known to people",
  },
  cacheFileEveryMs: {
    value: 300_000,
    min: 10_000,
    max: 86_400_000,
    unit: "ms",
    why: "what a crash or a power cut can lose; a write of 32 MiB each 5 minutes is little even for flash",
  },
} as const satisfies Record<string, Tunable>;
