/** Numbers as Prometheus reads them: its text exposition format, version 0.0.4. */

import { BOUNDS_SECONDS, type Histogram } from "./histogram.ts";

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

/** One number of a metric. A value that is not known is left out. */
export type Sample = readonly [labels: Labels, value: number | undefined];

/** A text that grows by whole metrics, each with its HELP and TYPE. */
export class Exposition {
  #text = "";

  get text(): string {
    return this.#text;
  }

  /** A number that only grows; its name ends in _total. */
  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.#metric(name, "counter", help, samples);
  }

  /** A number as it is now. */
  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.#metric(name, "gauge", help, samples);
  }

  /** Durations in seconds; its name ends in _seconds. */
  histogram(name: string, help: string, histograms: readonly (readonly [Labels, Histogram])[]): void {
    if (histograms.length === 0) return;
    this.#head(name, "histogram", help);
    for (const [labels, histogram] of histograms) {
      const { count } = histogram;
      const within = histogram.cumulative();
      for (const [i, bound] of BOUNDS_SECONDS.entries()) {
        this.#sample(`${name}_bucket`, { ...labels, le: String(bound) }, within[i]!);
      }
      this.#sample(`${name}_bucket`, { ...labels, le: "+Inf" }, count);
      this.#sample(`${name}_sum`, labels, histogram.sumMs / 1000);
      this.#sample(`${name}_count`, labels, count);
    }
  }

  #metric(name: string, type: string, help: string, samples: readonly Sample[]): void {
    if (samples.every(([, value]) => value === undefined)) return;
    this.#head(name, type, help);
    for (const [labels, value] of samples) if (value !== undefined) this.#sample(name, labels, value);
  }

  #head(name: string, type: string, help: string): void {
    this.#text += `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${type}\n`;
  }

  #sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text.replace(/[\\\n"]/g, escaped)}"`);
    this.#text += `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(value)}\n`;
  }
}

function escaped(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
