/**
 * Flame graphs of V8's .cpuprofile, as `bun --cpu-prof` writes it: what was running, what called it, and for how long; an
 * SVG file without anything else. Who is called stands above the caller; the order from left to right means nothing.
 */

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** The node that was running, one a sample. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export interface Frame {
  readonly name: string;
  /** The folder of src it is in; undefined for the runtime's own. */
  readonly folder: string | undefined;
  /** Microseconds, with all that it called. */
  us: number;
  readonly callees: Map<string, Frame>;
}

/** The stacks of the last `lastUs` microseconds before `endUs` microseconds before the end. */
export function framesOf(profile: CpuProfile, lastUs: number, endUs: number): Frame {
  const total = profile.timeDeltas.reduce((sum, delta) => sum + delta, 0);
  const self = new Map<number, number>();
  let now = 0;
  for (const [i, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[i] ?? 0;
    now += delta;
    if (now > total - endUs - lastUs && now <= total - endUs) self.set(id, (self.get(id) ?? 0) + delta);
  }
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const root: Frame = { name: "all", folder: undefined, us: 0, callees: new Map() };
  const add = (node: ProfileNode, caller: Frame): number => {
    const { functionName, url, lineNumber } = node.callFrame;
    const file = /([^/]+\/)?[^/]*$/.exec(url)?.[0] ?? "";
    const name = `${functionName || "(anonymous)"}${file && ` ${file}:${lineNumber}`}`;
    const frame = caller.callees.get(name) ?? { name, folder: folderOf(url), us: 0, callees: new Map() };
    caller.callees.set(name, frame);
    let us = self.get(node.id) ?? 0;
    for (const child of node.children ?? []) us += add(nodes.get(child)!, frame);
    frame.us += us;
    return us;
  };
  const isChild = new Set(profile.nodes.flatMap(({ children }) => children ?? []));
  for (const node of profile.nodes) if (!isChild.has(node.id)) root.us += add(node, root);
  return root;
}

function folderOf(url: string): string | undefined {
  return /\/src\/([^/]+)\//.exec(url)?.[1];
}

const WIDTH = 1400;
const LINE_HEIGHT = 18;
const CHARACTER_WIDTH = 6.2;
/** Narrower ones are left out: nobody could read them. */
const LEAST_WIDTH = 1;
const COLOURS: Readonly<Record<string, string>> = {
  runtime: "#e8a33d",
  listener: "#f2d16b",
  resolver: "#7fb069",
  cache: "#6aa5d8",
  wire: "#c58fd0",
  upstream: "#e0786b",
};
const OTHER_COLOUR = "#d0d0d0";

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export function flameGraph(root: Frame, title: string): string {
  const rows = deepest(root);
  const parts: string[] = [];
  const draw = (frame: Frame, left: number, depth: number) => {
    const width = (WIDTH * frame.us) / root.us;
    if (width < LEAST_WIDTH) return;
    parts.push(box(frame, left, (rows - depth) * LINE_HEIGHT + LINE_HEIGHT, width, (100 * frame.us) / root.us));
    let at = left;
    for (const callee of [...frame.callees.values()].sort((a, b) => b.us - a.us)) {
      draw(callee, at, depth + 1);
      at += (WIDTH * callee.us) / root.us;
    }
  };
  draw(root, 0, 1);
  const height = (rows + 2) * LINE_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="4" y="13">${escaped(title)}</text>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function deepest(frame: Frame): number {
  return 1 + Math.max(0, ...[...frame.callees.values()].map(deepest));
}

function box({ name, folder }: Frame, left: number, top: number, width: number, percent: number): string {
  const letters = Math.floor((width - 4) / CHARACTER_WIDTH);
  const text =
    letters < 3 ? "" : `<text x="${round(left + 2)}" y="${top + 13}">${escaped(name.slice(0, letters))}</text>`;
  const colour = COLOURS[folder ?? ""] ?? OTHER_COLOUR;
  return (
    `<g><title>${escaped(name)}, ${percent.toFixed(1)} %</title>` +
    `<rect x="${round(left)}" y="${top}" width="${round(width)}" height="${LINE_HEIGHT - 1}" fill="${colour}"/>${text}</g>`
  );
}

const round = (value: number) => Math.round(value * 10) / 10;

/** Functions by the time they themselves ran, as shares of all. */
export function ownShares(root: Frame): { name: string; percent: number }[] {
  const own = new Map<string, number>();
  const visit = (frame: Frame) => {
    let us = frame.us;
    for (const callee of frame.callees.values()) {
      us -= callee.us;
      visit(callee);
    }
    own.set(frame.name, (own.get(frame.name) ?? 0) + us);
  };
  visit(root);
  return [...own].map(([name, us]) => ({ name, percent: (100 * us) / root.us })).sort((a, b) => b.percent - a.percent);
}
