import { expect, test } from "bun:test";
import { type CpuProfile, flameGraph, framesOf, ownShares } from "./flame.ts";

const frame = (functionName: string, url = "", lineNumber = 1) => ({ functionName, url, lineNumber });
const send = frame("send", "file:///x/src/runtime/udp-messages.ts", 7);

/** all: 100 µs at the start, then 10 of main alone, 30 + 20 of send in two places, 40 of "<b>"; 5 at the end. */
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 5] },
    { id: 2, callFrame: frame("main"), children: [3, 4] },
    { id: 3, callFrame: send },
    { id: 4, callFrame: send },
    { id: 5, callFrame: frame("<b>") },
  ],
  samples: [5, 2, 3, 4, 5, 5],
  timeDeltas: [100, 10, 30, 20, 40, 5],
};

test("stacks of the time that was asked for, the same calls together", () => {
  const root = framesOf(profile, 100, 5);
  expect(root.us).toBe(100);
  const main = root.callees.get("(root)")!.callees.get("main")!;
  expect(main.us).toBe(60);
  expect([...main.callees.values()].map(({ name, us, folder }) => [name, us, folder])).toEqual([
    ["send runtime/udp-messages.ts:7", 50, "runtime"],
  ]);
  expect(ownShares(root).slice(0, 3)).toEqual([
    { name: "send runtime/udp-messages.ts:7", percent: 50 },
    { name: "<b>", percent: 40 },
    { name: "main", percent: 10 },
  ]);
});

test("the picture has a box for each, as wide as its share, and names that mean no markup", () => {
  const svg = flameGraph(framesOf(profile, 100, 5), "a & b");
  expect(svg).toContain("<title>a &amp; b</title>");
  expect(svg).toContain('<title>send runtime/udp-messages.ts:7, 50.0 %</title><rect x="0"');
  expect(svg).toContain("&lt;b&gt;, 40.0 %</title>");
  expect(svg).not.toContain("<b>");
  expect(svg.match(/width="700"/g)).toHaveLength(1);
});
