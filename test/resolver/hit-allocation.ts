/** Measures what a query that the cache answers leaves on the heap. */

import type { HitAllocation } from "./hit-path.ts";

/** In a process of its own: whatever else a process does would be counted too. */
export async function hitAllocation(): Promise<HitAllocation> {
  const program = new URL("./hit-path.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, program], { stdout: "pipe", stderr: "inherit" });
  return JSON.parse(await new Response(child.stdout).text());
}
