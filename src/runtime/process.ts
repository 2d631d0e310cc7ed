/** The process itself: arguments, environment, the standard streams and the end. The same on Bun and Deno. */

import { writeSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";
import { errorCode, systemErrorText } from "../observe/system-error.ts";

const STDOUT = 1;
const STDERR = 2;

/** Between two tries to write to a pipe that is full and does not block. */
const FULL_PIPE_PAUSE_MS = 5;

/** The arguments after the program's own name. */
export function commandLine(): string[] {
  return process.argv.slice(2);
}

/** The environment as it is now. */
export function environment(): Record<string, string | undefined> {
  return { ...process.env };
}

/** Whether standard output and standard error are terminals. */
export function terminals(): { readonly stdout: boolean; readonly stderr: boolean } {
  return { stdout: isatty(STDOUT), stderr: isatty(STDERR) };
}

/**
 * Writes to standard output, waiting for a slow reader: output of commands, never on a query's way. A reader that is gone
 * has seen what it wanted.
 * @throws Error in words for an output that does not take it, as a full disk
 */
export function writeOut(text: string): void {
  try {
    writeAll(STDOUT, text, Number.POSITIVE_INFINITY);
  } catch (cause) {
    if (errorCode(cause) === "EPIPE") return;
    throw new Error(`standard output cannot be written: ${systemErrorText(cause)}`, { cause });
  }
}

/**
 * Writes to standard error at once, for commands that run and end: it waits for whoever reads a full pipe, which a process
 * that serves must not (log-outlet.ts). Never throws. (The stream objects of the runtimes are not used: making one takes
 * about 10 ms.)
 */
export function writeError(text: string): void {
  try {
    writeAll(STDERR, text, 1);
  } catch {
    // There is no other place to say so.
  }
}

function writeAll(descriptor: number, text: string, tries: number): void {
  let rest: Uint8Array = new TextEncoder().encode(text);
  let triesLeft = tries;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      triesLeft -= 1;
      if (errorCode(error) !== "EAGAIN" || triesLeft <= 0) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
}

/** Calls back for what nobody caught, instead of ending. */
export function onUncaught(callback: (kind: "exception" | "rejection", thrown: unknown) => void): void {
  process.on("uncaughtException", (error) => callback("exception", error));
  process.on("unhandledRejection", (reason) => callback("rejection", reason));
}

/** Ends the process now, whatever is still open. */
export function exit(code: number): never {
  process.exit(code);
}

/** What runs this: "bun 1.4.5", "deno 2.9.6". */
export function runtimeVersion(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `bun ${bun}`;
  return deno === undefined ? `node ${node}` : `deno ${deno}`;
}

/** The machine this runs on: "linux x64". */
export function machine(): string {
  return `${process.platform} ${process.arch}`;
}
