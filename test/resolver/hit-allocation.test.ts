import { expect, test } from "bun:test";
import { hitAllocation } from "./hit-allocation.ts";

test("a query answered from the cache leaves nothing on the heap", async () => {
  const { hitOctets, controlOctets } = await hitAllocation();
  // The smallest object there is takes 16 octets.
  expect(hitOctets).toBeLessThan(1);
  // That it would show.
  expect(controlOctets).toBeGreaterThan(16);
});
