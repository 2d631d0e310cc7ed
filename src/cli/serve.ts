/** `fdns serve`: from the configuration to a running forwarder, and to its orderly end. */

import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { serveOptions } from "../config/options.ts";
import { type Log, openLog } from "../observe/log.ts";
import { uncaughtReporter } from "../observe/uncaught.ts";
import { systemClock } from "../runtime/clock.ts";
import { environment, onUncaught, terminals, writeError } from "../runtime/process.ts";
import { type Command, exitCodes } from "./command.ts";
import { endsWithin, firstStopSignal } from "./lifetime.ts";
import { styles } from "./terminal.ts";
import { programVersion } from "./version.ts";

export const serve: Command = {
  options: Object.values(serveOptions),
  examples: [
    { line: "fdns", meaning: "answer this host's stubs on 127.0.0.1:53 and [::1]:53" },
    { line: "fdns --listen :53", meaning: "answer on every local address" },
    { line: "fdns --upstream 9.9.9.9 --upstream 149.112.112.112", meaning: "ask Quad9, authenticated by its name" },
    {
      line: "fdns --upstream '192.0.2.1:853#dot.example.net'",
      meaning: "ask your own, authenticated by the name after #",
    },
    { line: "fdns --upstream dot.example.net --bootstrap 1.1.1.1", meaning: "let 1.1.1.1 resolve the upstream's name" },
    { line: "fdns --listen :53 --allow 198.51.100.0/24", meaning: "let a public network ask too" },
    { line: "fdns check --upstream 1.1.1.1", meaning: "see what would be done, without doing it" },
    { line: "fdns demo", meaning: "try it with no network at all" },
  ],
  async run(args) {
    const { config, warnings } = loadConfig(args.values, environment());
    const log = logFor(config);
    for (const warning of warnings) log.warn(warning);
    return serveUntilStopped(config, log);
  },
};

/** The log of a process that serves: standard error, in the format asked for. */
export function logFor(config: Pick<Config, "logFormat" | "logLevel">): Log {
  return openLog({
    format: config.logFormat,
    level: config.logLevel,
    isTerminal: terminals().stderr,
    hasColour: styles().stderr,
    write: writeError,
    wallMs: systemClock.wallMs,
  });
}

/** Starts fdns, waits for a signal, stops it. @returns the exit code; rejects if it cannot start. */
export async function serveUntilStopped(config: Config, log: Log): Promise<number> {
  const stopSignal = firstStopSignal();
  const [{ start }, { selectRuntime }] = await Promise.all([import("../app.ts"), import("../runtime/select.ts")]);
  const starting = start(config, { runtime: selectRuntime(), log, version: programVersion });
  const started = await Promise.race([starting, stopSignal]);
  // Nobody was promised an answer yet: nothing to finish. The process ends, and its sockets with it.
  if (typeof started === "string") {
    log.info(`${started}: stopped before the start was complete`);
    return exitCodes.ok.code;
  }
  // Only now: until here an error nobody expected is a failed start, and must end the process.
  onUncaught(uncaughtReporter(log));
  const signal = await stopSignal;
  log.info(`${signal}: finishing what is in flight`, { boundMs: config.shutdownMs });
  const inTime = await endsWithin(config.shutdownMs, started.stop());
  if (!inTime) log.warn("stopped with queries still in flight", { boundMs: config.shutdownMs });
  return exitCodes.ok.code;
}
