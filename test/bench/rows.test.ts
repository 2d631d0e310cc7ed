import { describe, expect, test } from "bun:test";
import { inTurns, ofWindows, type Part, type Turns } from "./rows.ts";
import type { RunningServer, ServerName } from "./servers.ts";
import type { Stage } from "./stage.ts";

const stage = {} as Stage;

/** Servers that only say what is done to them. */
function stageWith(parts: readonly Part[], more: Partial<Turns> = {}) {
  const done: string[] = [];
  const row = inTurns({
    async start(_stage, name) {
      done.push(`start ${name}`);
      return { name, stop: async () => void done.push(`stop ${name}`) } as RunningServer;
    },
    prepare: async (_stage, { name }) => done.push(`prepare ${name}`),
    parts: () => parts.map((part) => ({ ...part, measure: noting(part, done) })),
    ...more,
  });
  const notes: unknown[] = [];
  const round = (...names: ServerName[]) =>
    row.round(stage, names, (server, figures, error) => notes.push(error ?? [server, figures]));
  return { done, notes, round, close: row.close };
}

function noting(part: Part, done: string[]): Part["measure"] {
  return (at, server, window) => {
    done.push(`${server.name} ${window}`);
    return part.measure(at, server, window);
  };
}

const part = (windows: number, measure: (window: number, server: ServerName) => object): Part => ({
  windows,
  measure: async (_stage, { name }, window) => measure(window, name),
});

describe("servers in turns", () => {
  test("are there at once, and each window begins with another", async () => {
    const { done, round } = stageWith([part(2, () => ({}))]);
    await round("fdns", "unbound");
    expect(done).toEqual([
      ...["start fdns", "prepare fdns", "start unbound", "prepare unbound"],
      ...["fdns 0", "unbound 0", "unbound 1", "fdns 1"],
      ...["stop fdns", "stop unbound"],
    ]);
  });

  test("have the figures of all parts", async () => {
    const parts = [part(3, (window) => ({ cpuUs: [5, 3, 4][window] })), part(1, () => ({ halfP50Us: 7 }))];
    const { notes, round } = stageWith(parts);
    await round("fdns");
    expect(notes).toEqual([["fdns", { cpuUs: 4, halfP50Us: 7 }]]);
  });

  test("one that fails is not measured further, and stops nobody else", async () => {
    const parts = [
      part(2, (_window, name) => {
        if (name === "fdns") throw new Error("gone");
        return { cpuUs: 1 };
      }),
    ];
    const { done, notes, round } = stageWith(parts);
    await round("fdns", "unbound");
    expect(notes).toEqual(["gone", ["unbound", { cpuUs: 1 }]]);
    expect(done.filter((what) => what.startsWith("fdns"))).toEqual(["fdns 0"]);
    expect(done).toContain("stop fdns");
  });

  test("kept ones are prepared once, and stopped at the close", async () => {
    const { done, round, close } = stageWith([part(1, () => ({}))], { keep: true });
    await round("fdns");
    await round("fdns");
    expect(done).toEqual(["start fdns", "prepare fdns", "fdns 0", "fdns 0"]);
    await close();
    expect(done.at(-1)).toBe("stop fdns");
  });

  test("one whose preparation failed is stopped, and prepared anew in the next round", async () => {
    let attempts = 0;
    const prepare = async () => {
      if (++attempts === 1) throw new Error("not filled");
    };
    const { done, notes, round } = stageWith([part(1, () => ({ cpuUs: 2 }))], { keep: true, prepare });
    await round("fdns");
    await round("fdns");
    expect(notes).toEqual(["not filled", ["fdns", { cpuUs: 2 }]]);
    expect(done).toEqual(["start fdns", "stop fdns", "start fdns", "fdns 0"]);
  });
});

test("of windows the medians, of losses the sum, of failures the mean", () => {
  const windows = [
    { cpuUs: 3, lost: 1, failedPercent: 0, sameFailedPercent: 0 },
    { cpuUs: 9, lost: 2, failedPercent: 6, sameFailedPercent: 2 },
    { cpuUs: 4, lost: 0, failedPercent: 0, sameFailedPercent: 4 },
  ];
  expect(ofWindows(windows)).toEqual({ cpuUs: 4, lost: 3, failedPercent: 2, sameFailedPercent: 2 });
});
