/** The last resort: what nobody caught is logged once a kind, and the process goes on. A query never ends it. */

import type { Log } from "./log.ts";

/** How many kinds are told apart; a fault whose text varies without end must not fill memory or the log. */
const MAX_KINDS = 64;

/**
 * A reporter for uncaught exceptions and rejections. The first of a kind (its name, code and place) is an error
 * line; those after it are silent.
 */
export function uncaughtReporter(log: Log): (origin: "exception" | "rejection", thrown: unknown) => void {
  const seen = new Set<string>();
  return (origin, thrown) => {
    const fault = faultOf(thrown);
    const kind = `${fault.name} ${fault.code} ${fault.place ?? fault.message}`;
    if (seen.has(kind) || seen.size >= MAX_KINDS) return;
    seen.add(kind);
    const message = `unhandled ${origin}: ${fault.message}; fdns goes on, please report it`;
    log.error(message, { fault: fault.name, code: fault.code, place: fault.place });
  };
}

interface Fault {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  /** The innermost line of the stack that has a position. */
  readonly place: string | undefined;
}

function faultOf(thrown: unknown): Fault {
  if (!(thrown instanceof Error))
    return { name: typeof thrown, message: text(thrown), code: undefined, place: undefined };
  const { code } = thrown as { code?: unknown };
  const place = thrown.stack
    ?.split("\n")
    .find((line) => /^\s*at .*:\d+/.test(line))
    ?.trim();
  return { name: thrown.name, message: thrown.message, code: code === undefined ? undefined : text(code), place };
}

/** String() that cannot throw: anything can be thrown, also what has no text. */
function text(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "something without a text";
  }
}
