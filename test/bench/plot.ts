/** A picture of the results: bars for medians, thin lines for ranges; an SVG file without anything else. */

import type { Metric, Results } from "./results.ts";
import type { Row } from "./rows.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export interface Bar {
  readonly label: string;
  readonly spread: Spread;
  /** fdns is to be found at a glance. */
  readonly own: boolean;
}

export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const LABELS: Partial<Record<Metric, string>> = {
  queriesPerSecond: "queries a second (more is better)",
  cpuUs: "CPU µs a query (less is better)",
  residentMiB: "resident MiB (less is better)",
  sameP99Us: "p99 µs at 20,000 a second (less is better)",
  sameP50Us: "p50 µs (less is better)",
  sharePercent: "% of a core (less is better)",
  startMs: "ms (less is better)",
  lost: "lost (less is better)",
};

export function panelsOf(results: Results, rows: readonly Row[]): Panel[] {
  const panels = rows.flatMap((row) =>
    row.plotted.map((metric) => ({
      title: `${row.id}: ${LABELS[metric] ?? metric}`,
      bars: row.servers.flatMap((server) => {
        const spread = spreadOf(results.series(row.id, server, metric));
        return spread === undefined ? [] : [{ label: server, spread, own: server.startsWith("fdns") }];
      }),
    })),
  );
  return panels.filter(({ bars }) => bars.length > 0);
}

const PANEL_WIDTH = 460;
const LABEL_WIDTH = 110;
const VALUE_WIDTH = 70;
const BAR_WIDTH = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH - 20;
const BAR_HEIGHT = 14;
const LINE_HEIGHT = 20;
const TITLE_HEIGHT = 26;
const GAP = 18;
const COLUMNS = 2;

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const short = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 4 });
const heightOf = ({ bars }: Panel) => TITLE_HEIGHT + bars.length * LINE_HEIGHT;

export function barChart(panels: readonly Panel[]): string {
  const parts: string[] = [];
  let top = GAP;
  for (let i = 0; i < panels.length; i += COLUMNS) {
    const line = panels.slice(i, i + COLUMNS);
    for (const [column, panel] of line.entries()) parts.push(panelAt(panel, GAP + column * (PANEL_WIDTH + GAP), top));
    top += Math.max(...line.map(heightOf)) + GAP;
  }
  const width = COLUMNS * (PANEL_WIDTH + GAP) + GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" viewBox="0 0 ${width} ${top}" font-family="sans-serif" font-size="12">`,
    "<title>fdns, its peers and a C echo: what scripts/bench measured</title>",
    `<rect width="${width}" height="${top}" fill="#fff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function panelAt({ title, bars }: Panel, left: number, top: number): string {
  const most = Math.max(...bars.map(({ spread }) => spread.high), Number.MIN_VALUE);
  const x = (value: number) => round(left + LABEL_WIDTH + (BAR_WIDTH * value) / most);
  const zero = x(0);
  return [
    `<text x="${left}" y="${top + 14}" font-weight="bold">${escaped(title)}</text>`,
    ...bars.flatMap(({ label, spread, own }, i) => {
      const y = top + TITLE_HEIGHT + i * LINE_HEIGHT;
      const middle = y + BAR_HEIGHT / 2;
      return [
        `<text x="${zero - 6}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>`,
        `<rect x="${zero}" y="${y}" width="${round(x(spread.median) - zero)}" height="${BAR_HEIGHT}" fill="${own ? "#2a6f97" : "#b0b7bd"}"/>`,
        `<line x1="${x(spread.low)}" y1="${middle}" x2="${x(spread.high)}" y2="${middle}" stroke="#111"/>`,
        `<text x="${round(x(spread.high) + 6)}" y="${middle + 4}">${short(spread.median)}</text>`,
      ];
    }),
  ].join("\n");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
