/** A pipe for a resolver's log that nobody reads. */

import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";

export interface UnreadLog {
  /** To be the resolver's standard error. */
  readonly descriptor: number;
  /** Nothing more can be written from now on. */
  fill(): void;
  close(): void;
}

export function openUnreadLog(path: string): UnreadLog {
  execFileSync("mkfifo", [path]);
  // The end that could be read, which opens without waiting for the other one; it also fills the pipe.
  const own = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const descriptor = openSync(path, constants.O_WRONLY);
  return {
    descriptor,
    fill() {
      for (const octets of [4096, 1]) {
        try {
          while (writeSync(own, new Uint8Array(octets).fill(0x0a)) > 0);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        }
      }
    },
    close() {
      closeSync(descriptor);
      closeSync(own);
    },
  };
}
