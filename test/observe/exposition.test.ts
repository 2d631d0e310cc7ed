import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Exposition } from "../../src/observe/exposition.ts";
import { Histogram } from "../../src/observe/histogram.ts";
import { readMetricsPage } from "../support/metrics-page.ts";

describe("the text exposition format", () => {
  test("each metric with its HELP and TYPE; what is not known is left out, and a metric of nothing too", () => {
    const page = new Exposition();
    page.counter("a_total", "Some\nthing \\ else.", [
      [{}, 3],
      [{ kind: 'a "b" \\ c\n' }, 1e21],
      [{ kind: "no" }, undefined],
    ]);
    page.gauge("b", "Not known.", [[{}, undefined]]);
    page.gauge("c", "None.", []);
    expect(page.text).toBe(
      '# HELP a_total Some\\nthing \\\\ else.\n# TYPE a_total counter\na_total 3\na_total{kind="a \\"b\\" \\\\ c\\n"} 1e+21\n',
    );
  });

  test("any label value comes back as it was, and no value makes another line", () =>
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), fc.nat(), (text, value) => {
        const page = new Exposition();
        page.gauge("g", "A gauge.", [[{ a: text, b: "b" }, value]]);
        expect(page.text.split("\n")).toHaveLength(4);
        expect(readMetricsPage(page.text).value("g", { a: text, b: "b" })).toBe(value);
      }),
    ));

  test("histograms: buckets in seconds up to their bound, with +Inf, sum and count", () => {
    const histogram = new Histogram();
    for (const ms of [0.05, 0.064, 0.065, 3, 20_000]) histogram.record(ms);
    const page = new Exposition();
    page.histogram("h_seconds", "Durations.", [
      [{ source: "a" }, histogram],
      [{ source: "b" }, new Histogram()],
    ]);
    const read = readMetricsPage(page.text);
    const bucket = (le: string) => read.value("h_seconds_bucket", { source: "a", le });
    expect(["0.000064", "0.000128", "0.002048", "0.004096", "16.777216", "+Inf"].map(bucket)).toEqual([
      2, 3, 3, 4, 4, 5,
    ]);
    expect(read.value("h_seconds_count", { source: "a" })).toBe(5);
    expect(read.value("h_seconds_sum", { source: "a" })).toBeCloseTo(20.003179, 9);
    expect(read.value("h_seconds_count", { source: "b" })).toBe(0);
  });
});

describe("the reader complains", () => {
  const head = "# HELP a A.\n# TYPE a gauge\n";
  test.each([
    ["no HELP", "a 1\n"],
    ["no end", `${head}a 1`],
    ["an empty line", `${head}a 1\n\n`],
    ["no sample", head],
    ["a sample twice", `${head}a 1\na 2\n`],
    ["a metric twice", `${head}a 1\n${head}a{b="1"} 2\n`],
    ["another's sample", `${head}b 1\n`],
    ["no number", `${head}a one\n`],
    ["an open label", `${head}a{b="1} 1\n`],
    ["an unknown escape", `${head}a{b="\\t"} 1\n`],
    ["a label twice", `${head}a{b="1",b="2"} 1\n`],
    ["a counter without _total", "# HELP a A.\n# TYPE a counter\na 1\n"],
    ["fewer in a wider bucket", '# HELP h A.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\n'],
    ["no +Inf", '# HELP h A.\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 1\nh_count 2\n'],
    ["another count", '# HELP h A.\n# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 1\nh_count 3\n'],
  ])("%s", (_what, text) => expect(() => readMetricsPage(text)).toThrow());
});
