/** Standard output of a command that serves: whoever reads it may stand still (a full pipe, a terminal after Ctrl-S). */

import { setTimeout as sleep } from "node:timers/promises";
import * as c from "../libc.ts";

const STDOUT = 1;
const LOOK_MS = 50;

/**
 * Resolves when a few lines can be written without waiting: at once where that cannot be known, and to false if `end`
 * comes first. The rest of this process goes on meanwhile. (A pipe that can be written to takes 4,096 octets, pipe(7).)
 */
export async function outputTakesLines(end: Promise<unknown>): Promise<boolean> {
  const libc = await c.loadLibc().catch(() => undefined);
  const { octets: polled } = c.pollfds([STDOUT], c.POLLOUT);
  let isOver = false;
  void end.then(() => {
    isOver = true;
  });
  while (libc?.poll(polled, 1, 0) === 0) {
    await Promise.race([sleep(LOOK_MS), end]);
    if (isOver) return false;
  }
  return true;
}
