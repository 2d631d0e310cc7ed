/** The process itself: arguments, environment, the standard streams and the end. The same on Bun and Deno. */

import { writeSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";

const STDOUT = 1;
const STDERR = 2;

/** How long a write to a full pipe is tried again. Output for people, never on a query's way. */
const FULL_PIPE_TRIES = 200;
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

/** Writes to standard output, waiting for a slow reader; a reader that is gone is no error. Never throws. */
export function writeOut(text: string): void {
  writeAll(STDOUT, text, FULL_PIPE_TRIES);
}

/**
 * Writes to standard error at once, for commands that run and end: it waits for whoever reads a full pipe, which a process
 * that serves must not (log-outlet.ts). Never throws. (The stream objects of the runtimes are not used: making one takes
 * about 10 ms.)
 */
export function writeError(text: string): void {
  writeAll(STDERR, text, 1);
}

function writeAll(descriptor: number, text: string, tries: number): void {
  let rest: Uint8Array = new TextEncoder().encode(text);
  let triesLeft = tries;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      triesLeft -= 1;
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || triesLeft <= 0) return;
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
