/** How long the host has been up. */

import * as os from "node:os";

/**
 * Milliseconds since the host booted, in steps of a second. On Linux time spent suspended counts (sysinfo(2) reads
 * CLOCK_BOOTTIME) and the wall clock does not; elsewhere that is not known to hold, so there it is undefined.
 * (/proc/uptime is finer, but Deno hands it out with every permission only.)
 */
export function uptimeMs(): number | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return os.uptime() * 1000;
  } catch {
    // A filter of system calls, or a permission of Deno's.
    return undefined;
  }
}
