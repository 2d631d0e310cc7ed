/** The commands of fdns, in the order of its --help. */

import type { CommandEntry } from "./command.ts";

/** What runs when no command is named. */
export const DEFAULT_COMMAND = "serve";

export const commands: readonly CommandEntry[] = [
  {
    name: "serve",
    description: "Answer stubs over UDP and TCP, asking upstreams over TLS (what runs if no command is named)",
    load: async () => (await import("./serve.ts")).serve,
  },
  {
    name: "check",
    description: "Check the configuration and print how it was understood; opens no socket",
    load: async () => (await import("./check.ts")).check,
  },
  {
    name: "query",
    description: "Ask an upstream directly, and show the answer, who gave it and how long each step took",
    load: async () => (await import("./query.ts")).query,
  },
  {
    name: "doctor",
    description: "Examine every upstream and this host, and say what is wrong and what to do",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "cache",
    description: "Statistics of the running fdns' cache; forgetting names, or all; showing what is in it",
    load: async () => (await import("./cache.ts")).cache,
  },
  {
    name: "health",
    description: "Whether the fdns of this host answers, for probes",
    load: async () => (await import("./health.ts")).health,
  },
  {
    name: "demo",
    description: "Try fdns with no network: an upstream and a small zone of its own, on loopback",
    load: async () => (await import("./demo.ts")).demo,
  },
  {
    name: "test-upstream",
    description: "A DNS over TLS upstream that misbehaves as told, for tests",
    load: async () => (await import("./test-upstream-command.ts")).testUpstreamCommand,
  },
  {
    name: "version",
    description: "Print the version, and what it was built for and runs on",
    load: async () => (await import("./version.ts")).version,
  },
];
