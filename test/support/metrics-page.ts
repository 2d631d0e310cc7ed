/**
 * A strict reader of Prometheus' text exposition format, version 0.0.4: it throws at whatever a scraper might only
 * tolerate, so that a page it reads is read by all.
 */

const NAME = "[a-zA-Z_][a-zA-Z0-9_]*";
const SAMPLE = new RegExp(`^(${NAME})(?:\\{((?:${NAME}="(?:[^"\\\\\\n]|\\\\[\\\\"n])*",?)+)\\})? (\\S+)$`);
const LABEL = new RegExp(`(${NAME})="((?:[^"\\\\\\n]|\\\\[\\\\"n])*)"(,|$)`, "y");

export interface MetricsPage {
  /** By name: "counter", "gauge" or "histogram". */
  readonly types: ReadonlyMap<string, string>;
  /** By sample as sampleKey() writes it. */
  readonly samples: ReadonlyMap<string, number>;
  /** Every label there is, with its values. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
  /** The value of one sample. @throws Error if there is none. */
  value(name: string, labels?: Record<string, string>): number;
  /** The values of a metric's samples together, whatever their other labels are. */
  sum(name: string, labels?: Record<string, string>): number;
}

interface Line {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

export function sampleKey(name: string, labels: Record<string, string>): string {
  return `${name}${JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}

/** Reads a page. @throws Error naming the line that is wrong. */
export function readMetricsPage(text: string): MetricsPage {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const types = new Map<string, string>();
  const families = new Map<string, Line[]>();
  const lines = text.slice(0, -1).split("\n");
  for (let i = 0; i < lines.length; ) {
    const help = new RegExp(`^# HELP (${NAME}) \\S.*$`).exec(lines[i]!);
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(lines[i + 1] ?? "");
    const name = help?.[1];
    if (name === undefined || type?.[1] !== name) throw new Error(`no HELP and TYPE: ${lines[i]}, ${lines[i + 1]}`);
    if (types.has(name)) throw new Error(`${name} comes twice`);
    types.set(name, type[2]!);
    const family: Line[] = [];
    for (i += 2; i < lines.length && !lines[i]!.startsWith("#"); i++) family.push(readSample(lines[i]!));
    checkFamily(name, type[2]!, family);
    families.set(name, family);
  }
  const all = [...families.values()].flat();
  const samples = new Map(all.map((line) => [sampleKey(line.name, line.labels), line.value]));
  if (samples.size !== all.length) throw new Error("a sample comes twice");
  const labels = new Map<string, Set<string>>();
  for (const [label, value] of all.flatMap((line) => Object.entries(line.labels))) {
    labels.set(label, (labels.get(label) ?? new Set()).add(value));
  }
  return {
    types,
    samples,
    labels,
    value(name, of = {}) {
      const value = samples.get(sampleKey(name, of));
      if (value === undefined) throw new Error(`there is no ${sampleKey(name, of)}`);
      return value;
    },
    sum(name, of = {}) {
      const matching = (families.get(name) ?? []).filter((line) =>
        Object.entries(of).every(([label, value]) => line.labels[label] === value),
      );
      return matching.reduce((total, line) => total + line.value, 0);
    },
  };
}

function readSample(line: string): Line {
  const [, name, pairs = "", number] = SAMPLE.exec(line) ?? [];
  if (name === undefined || number === undefined) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < pairs.length) {
    const [, label, text] = LABEL.exec(pairs) ?? [];
    if (label === undefined || label in labels) throw new Error(`labels: ${line}`);
    labels[label] = text!.replace(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character));
  }
  return { name, labels, value: readNumber(number) };
}

function readNumber(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new Error(`no number: ${text}`);
  return Number(text);
}

function checkFamily(name: string, type: string, family: readonly Line[]): void {
  if (family.length === 0) throw new Error(`${name} has no sample`);
  if ((type === "counter") !== name.endsWith("_total")) throw new Error(`${name} is a ${type}`);
  if (type === "histogram") checkHistogram(name, family);
  else if (family.some((line) => line.name !== name)) throw new Error(`in ${name} stands another sample`);
}

/** Of each set of labels: buckets in order, never fewer in a wider one, the last of all; then the sum; then the count. */
function checkHistogram(name: string, family: readonly Line[]): void {
  const width = family.findIndex((line) => line.name === `${name}_count`) + 1;
  if (width === 0 || family.length % width !== 0) throw new Error(`${name} has ${family.length} samples`);
  for (let start = 0; start < family.length; start += width) checkBuckets(name, family.slice(start, start + width));
}

function checkBuckets(name: string, lines: readonly Line[]): void {
  const buckets = lines.slice(0, -2);
  const expected = [...buckets.map(() => "bucket"), "sum", "count"].map((suffix) => `${name}_${suffix}`);
  if (lines.some((line, i) => line.name !== expected[i])) throw new Error(`${name}: samples in another order`);
  const bounds = buckets.map((line) => readNumber(line.labels.le ?? ""));
  const ordered = buckets.every(
    (line, i) => i === 0 || (bounds[i]! > bounds[i - 1]! && line.value >= buckets[i - 1]!.value),
  );
  if (!ordered || bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name}: buckets ${bounds}`);
  if (buckets.at(-1)!.value !== lines.at(-1)!.value) throw new Error(`${name}: its count is not that of its buckets`);
}
