/** Of the process. See ../defaults.ts. */

import type { Tunable } from "./tunable.ts";

export const process = {
  workers: {
    value: 1,
    min: 1,
    max: 64,
    unit: "threads",
    why: "one answers more than most sites ask, and each costs memory and connections of its own; more where a core is not enough",
  },
  sparedDescriptors: {
    value: 32,
    min: 8,
    max: 1024,
    unit: "descriptors",
    why: "kept from TCP clients for each worker: its thread has a dozen, and files, lookups and a burst of refused clients take some for a moment",
  },
  shutdownMs: {
    value: 3000,
    min: 0,
    max: 60_000,
    unit: "ms",
    why: "well below the 10 s a container engine waits before SIGKILL, and most queries end far sooner",
  },
  logLineOctets: {
    value: 4096,
    min: 512,
    max: 4096,
    unit: "octets",
    why: "PIPE_BUF (pipe(7)): a pipe takes so much as a whole or not at all, so lines of several processes never mix",
  },
  logQueueOctets: {
    value: 262_144,
    min: 4096,
    max: 16_777_216,
    unit: "octets",
    why: "some 1,000 lines on top of the 300 a pipe holds: an outage of every upstream makes far fewer while its reader is restarted",
  },
  logQueueLines: {
    value: 1024,
    min: 1,
    max: 65_536,
    unit: "lines",
    why: "lines of less than 256 octets are to take no more memory than longer ones",
  },
  logFlushMs: {
    value: 200,
    min: 0,
    max: 5000,
    unit: "ms",
    why: "a reader that is alive takes a full pipe within a few; one that is not must not hold up a restart",
  },
} as const satisfies Record<string, Tunable>;
