import { describe, expect, test } from "bun:test";
import { barChart, panelsOf } from "./plot.ts";
import { compare } from "./quick.ts";
import { type Figures, Results, type Sample } from "./results.ts";
import { LOAD_ROWS } from "./rows-load.ts";
import { bestOf, differences, ratios, spreadOf } from "./statistics.ts";
import { notesOn, rowTable, spreadText } from "./table.ts";
import { verdictOn, verdictsOf } from "./verdicts.ts";

function sample(row: string, server: string, round: number, figures: Figures): Sample {
  return { row, server, round, figures };
}

const spread = (median: number, low = median, high = median) => ({ median, low, high });

describe("statistics", () => {
  test("the median of odd and even counts, and the range", () => {
    expect(spreadOf([3, 1, 2])).toEqual(spread(2, 1, 3));
    expect(spreadOf([4, 1, 3, 2])).toEqual(spread(2.5, 1, 4));
    expect(spreadOf([undefined, 7, Number.NaN])).toEqual(spread(7));
    expect(spreadOf([undefined])).toBeUndefined();
  });

  test("numbers are compared as numbers", () => expect(spreadOf([10, 9, 100])?.median).toBe(10));

  test("round by round, where both are there", () => {
    expect(ratios([2, 9, undefined], [1, 3, 1])).toEqual([2, 3, undefined]);
    expect(differences([2, 9], [1, undefined])).toEqual([1, undefined]);
  });

  test("the best of each round may be another one each time", () => {
    const series = [
      [1, 5, undefined],
      [2, 3, undefined],
    ];
    expect(bestOf(series, "most")).toEqual([2, 5, undefined]);
    expect(bestOf(series, "least")).toEqual([1, 3, undefined]);
    expect(bestOf([], "least")).toEqual([]);
  });
});

describe("verdicts", () => {
  const halfCore = (server: string, round: number, queriesPerSecond: number, failedPercent = 0) =>
    sample("half-core", server, round, { queriesPerSecond, failedPercent, lost: 0 });
  const of = (samples: readonly Sample[]) =>
    verdictsOf(new Results(samples)).find(({ what }) => what === "1. half a core: queries/s to the best peer's")!;

  test("ratios are of each round, to the best peer in it", () => {
    const verdict = of([
      ...[halfCore("fdns", 0, 120), halfCore("unbound", 0, 100), halfCore("dnsdist", 0, 90)],
      ...[halfCore("fdns", 1, 260), halfCore("unbound", 1, 100), halfCore("dnsdist", 1, 200)],
    ]);
    expect(verdict.spread).toEqual(spread(1.25, 1.2, 1.3));
    expect(verdict).toMatchObject({ result: "pass", bound: "at least 1.15 (aim 1.25)" });
  });

  test("a peer that fails over 2 % does not count", () => {
    const samples = [halfCore("fdns", 0, 100), halfCore("unbound", 0, 80), halfCore("dnsdist", 0, 100, 2.1)];
    expect(of(samples).result).toBe("pass");
    expect(of([...samples, halfCore("stubby", 0, 100, 2)]).result).toBe("miss");
  });

  test("who fails at the same rate for all does not count in its latencies", () => {
    const mixed = (server: string, sameP99Us: number, sameFailedPercent: number) =>
      sample("mixed", server, 0, { sameP99Us, sameFailedPercent, failedPercent: 0 });
    const results = new Results([mixed("fdns", 90, 0), mixed("unbound", 100, 0), mixed("dnsdist", 50, 6)]);
    const verdict = verdictsOf(results).find(({ what }) => what.includes("p99 to the best"))!;
    expect(verdict.spread?.median).toBe(0.9);
    expect(notesOn(results, "mixed", "dnsdist")).toBe("failed 6.0 % of its queries at 20,000 a second, not counted");
  });

  test("the floor and other forms of fdns are no peers", () => {
    const others = [halfCore("echo", 0, 500), halfCore("fdns-deno", 0, 500)];
    expect(of([halfCore("fdns", 0, 120), halfCore("unbound", 0, 100), ...others]).result).toBe("pass");
  });

  test("what was not measured is neither met nor missed", () => expect(of([]).result).toBe("not measured"));

  test("bounds", () => {
    expect(verdictOn("x", spread(0.87), { most: 0.87 }).result).toBe("pass");
    expect(verdictOn("x", spread(0.3), { below: 0.3 }).result).toBe("miss");
    expect(verdictOn("x", spread(1.49), { least: 1.5 }).result).toBe("miss");
    expect(verdictOn("x", spread(1), { most: 2, unit: "%" }).bound).toBe("at most 2 %");
  });
});

describe("tables", () => {
  const row = LOAD_ROWS.find(({ id }) => id === "half-core")!;
  const results = new Results([
    sample("half-core", "fdns", 0, { queriesPerSecond: 91_000.4, loadCorePercent: 50, failedPercent: 0 }),
    sample("half-core", "fdns", 1, { queriesPerSecond: 93_000, loadCorePercent: 60, failedPercent: 0 }),
    sample("half-core", "unbound", 0, { queriesPerSecond: 70_000, loadCorePercent: 99, failedPercent: 2.5 }),
    { ...sample("half-core", "dnsdist", 0, {}), error: "dnsdist did not start: it ended\nlog" },
  ]);

  test("medians and ranges, rounded", () => {
    expect(spreadText(spread(92_000.2, 91_000.4, 93_000), 0)).toBe("92,000 (91,000 to 93,000)");
    expect(spreadText(spread(1.5), 2)).toBe("1.50");
    expect(spreadText(undefined, 2)).toBe("-");
  });

  test("one line a server, in the row's order, with what the reader must know", () => {
    const lines = rowTable(results, row).trim().split("\n");
    expect(lines.slice(4).map((line) => line.split(" | ")[0])).toEqual(["| fdns", "| unbound", "| dnsdist"]);
    expect(lines[4]).toContain("92,000 (91,000 to 93,000)");
    expect(notesOn(results, "half-core", "unbound")).toBe(
      "failed 2.5 % of its queries, not counted; dnsperf was the limit",
    );
    expect(notesOn(results, "half-core", "dnsdist")).toBe("dnsdist did not start: it ended");
    expect(notesOn(results, "half-core", "fdns")).toBe("");
  });

  test("the picture has a bar for each median, within its panel", () => {
    const panels = panelsOf(results, [row]);
    expect(panels).toHaveLength(1);
    const svg = barChart(panels);
    expect(svg.startsWith("<svg ")).toBe(true);
    expect(svg.match(/<rect [^>]*height="14"/g)).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    const widths = [...svg.matchAll(/<rect x="[^"]*" y="[^"]*" width="([^"]*)"/g)].map((match) => Number(match[1]));
    expect(widths[0]! / widths[1]!).toBeCloseTo(92_000.2 / 70_000, 2);
  });

  test("labels cannot break the picture", () => {
    expect(barChart([{ title: "<a> & b", bars: [{ label: "x", spread: spread(0), own: false }] }])).toContain(
      "&lt;a&gt; &amp; b",
    );
  });
});

describe("a run beside the stored one", () => {
  const WHAT = "uncached: CPU a query";
  const RATE = "uncached: queries/s";
  const result = (now: ReturnType<typeof spread>, before: ReturnType<typeof spread>, what = WHAT) =>
    compare({ [what]: now }, { [what]: before })[0]!.result;

  test("more CPU is worse, more answers are better", () => {
    expect(result(spread(2.2), spread(2))).toBe("worse");
    expect(result(spread(1.8), spread(2))).toBe("better");
    expect(result(spread(2.2), spread(2), RATE)).toBe("better");
    expect(result(spread(1.8), spread(2), RATE)).toBe("worse");
  });

  test("within the noise of either run it is the same", () => {
    expect(result(spread(2.03), spread(2))).toBe("same");
    expect(result(spread(2.2, 2, 2.5), spread(2))).toBe("same");
    expect(result(spread(2.2), spread(2, 1.7, 2.2))).toBe("same");
  });

  test("what was never stored is new", () => {
    expect(compare({ [WHAT]: spread(1) }, {})[0]?.result).toBe("new");
  });
});
