/** The log of a process that serves: standard error, without ever waiting for whoever reads it. */

import type { Config } from "../config/config.ts";
import { defaults } from "../config/defaults.ts";
import { type Log, openLog } from "../observe/log.ts";
import { LogQueue } from "../observe/log-queue.ts";
import { systemClock } from "../runtime/clock.ts";
import { openLogOutlet } from "../runtime/files/log-outlet.ts";
import { terminals } from "../runtime/process.ts";
import { styles } from "./terminal.ts";

export interface ProcessLog {
  readonly log: Log;
  /** To be waited for before the process ends: lets the lines out that still wait, within a bound. */
  flush(): Promise<void>;
}

/** In the format asked for. */
export function openProcessLog({ logFormat, logLevel }: Pick<Config, "logFormat" | "logLevel">): ProcessLog {
  const queue = openQueue((lost, sinceMs) => {
    const since = new Date(sinceMs).toISOString();
    // Of a level that is always shown: errors may be among them.
    const lines = lost === 1 ? "1 log line is" : `${lost} log lines are`;
    log[logLevel === "error" ? "error" : "warn"](`${lines} lost: standard error took no more`, { lost, since });
  });
  const log = openLog({
    format: logFormat,
    level: logLevel,
    isTerminal: terminals().stderr,
    hasColour: styles().stderr,
    lineOctets: defaults.logLineOctets.value,
    write: (line) => queue.write(line),
    wallMs: systemClock.wallMs,
  });
  return { log, flush: () => queue.flush(defaults.logFlushMs.value) };
}

/** Says why the process ends. Resolves when that is written, or after a bound if nobody reads it. */
export function sayLastWords(text: string): Promise<void> {
  const queue = openQueue(() => {});
  queue.write(text);
  return queue.flush(defaults.logFlushMs.value);
}

function openQueue(onRecovered: (lost: number, sinceMs: number) => void): LogQueue {
  const limits = { octets: defaults.logQueueOctets.value, lines: defaults.logQueueLines.value };
  return new LogQueue({ outlet: openLogOutlet(), clock: systemClock, limits, onRecovered });
}
