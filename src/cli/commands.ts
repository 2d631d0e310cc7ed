/** The commands of fdns, in the order of its --help. */

import { UsageError } from "../config/config.ts";
import { nearest } from "../config/syntax/nearest.ts";
import { quoted } from "../observe/quoted.ts";
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
    description: "Print how the configuration was understood, and whether serve could start with it here",
    load: async () => (await import("./check.ts")).check,
  },
  {
    name: "query",
    description: "Ask an upstream directly, and show the answer, who gave it and how long each step took",
    load: async () => (await import("./query/query.ts")).query,
  },
  {
    name: "doctor",
    description: "Examine every upstream and this host, and say what is wrong and what to do",
    load: async () => (await import("./doctor/doctor.ts")).doctor,
  },
  {
    name: "cache",
    description: "Statistics of the running fdns' cache; forgetting names, or all; showing what is in it",
    load: async () => (await import("./cache/cache.ts")).cache,
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
    name: "help",
    description: "Print this help, or that of one command",
    load: async () => (await import("./help/help-command.ts")).help,
  },
  {
    name: "version",
    description: "Print the version, and what it was built for and runs on",
    load: async () => (await import("./version.ts")).version,
  },
];

/** @throws UsageError where there is none */
export function namedCommand(name: string): CommandEntry {
  const found = commands.find((command) => command.name === name);
  if (found === undefined) throw unknownCommand(name);
  return found;
}

export function unknownCommand(name: string): UsageError {
  const names = commands.map((command) => command.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? "" : `did you mean ${meant}? `;
  return new UsageError(`unknown command ${quoted(name)}; ${hint}${names.join(", ")} are allowed`);
}
