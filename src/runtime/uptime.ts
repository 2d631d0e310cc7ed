/** How long the host has been up. */

import * as os from "node:os";

/**
 * Milliseconds since the host booted, in steps of a second. On Linux time spent suspended counts (sysinfo(2) reads
 * CLOCK_BOOTTIME) and the wall clock does not; elsewhere that is not known to hold, so there it is undefined.
 * (/proc/uptime is finer, but Deno hands it out with every permission only.)
 */
export function uptimeMs(): number | undefined {
  return process.platform === "linux" ? os.uptime() * 1000 : undefined;
}
