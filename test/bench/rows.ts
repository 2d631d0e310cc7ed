/** What a row is, and how servers take their turns in it. */

import { rotated } from "./bench.ts";
import type { Figures, Metric } from "./results.ts";
import type { RunningServer, ServerName } from "./servers.ts";
import type { Stage } from "./stage.ts";
import { spreadOf } from "./statistics.ts";

export interface Column {
  readonly metric: Metric;
  readonly heading: string;
  /** Behind the decimal point. */
  readonly digits: number;
}

/** Called as each server of a round has been measured, or could not be. */
export type Note = (server: ServerName, figures: Figures, error?: string) => void;

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly servers: readonly ServerName[];
  readonly columns: readonly Column[];
  /** Figures drawn in the plot. */
  readonly plotted: readonly Metric[];
  /** Measures each of the servers once, in the order given. */
  round(stage: Stage, servers: readonly ServerName[], note: Note): Promise<void>;
  /** After the last round. */
  close?(): Promise<void>;
}

type Round = Row["round"];

/** Each server is started, measured alone and stopped. */
export function eachAlone(measure: (stage: Stage, name: ServerName) => Promise<Figures>): Round {
  return async (stage, servers, note) => {
    for (const name of servers) await noted(name, note, () => measure(stage, name));
  };
}

/** Starts a server for one measurement; it is stopped whatever happens. */
export async function using<Result>(
  starting: Promise<RunningServer>,
  work: (server: RunningServer) => Promise<Result>,
): Promise<Result> {
  const server = await starting;
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** One load. Each server has as many windows of it. */
export interface Part {
  readonly windows: number;
  /** @param window from 0 */
  measure(stage: Stage, server: RunningServer, window: number): Promise<Figures>;
}

export interface Turns {
  start(stage: Stage, name: ServerName): Promise<RunningServer>;
  /** Right after the start. */
  prepare(stage: Stage, server: RunningServer): Promise<unknown>;
  parts(stage: Stage): readonly Part[];
  /** Servers stay from one round to the next, since preparing them takes long. */
  readonly keep?: boolean;
}

/**
 * All servers are there at once and take turns, window by window, so that an hour in which the host is slow is so for all
 * of them. A server's figures of a round are its windows' medians.
 */
export function inTurns({ start, prepare, parts, keep = false }: Turns): Required<Pick<Row, "round" | "close">> {
  const running = new Map<ServerName, RunningServer>();
  const close = async () => {
    for (const server of running.values()) await server.stop();
    running.clear();
  };

  async function begin(stage: Stage, name: ServerName): Promise<void> {
    if (running.has(name)) return;
    const server = await start(stage, name);
    await prepare(stage, server).catch(async (error) => {
      await server.stop();
      throw error;
    });
    running.set(name, server);
  }

  async function take(stage: Stage, names: readonly ServerName[], note: Note): Promise<void> {
    const errors = new Map<ServerName, string>();
    const each = async (order: readonly ServerName[], work: (name: ServerName) => Promise<void>) => {
      for (const name of order.filter((one) => !errors.has(one)))
        await work(name).catch((error: Error) => errors.set(name, error.message));
    };
    const figures = new Map<ServerName, Figures>();
    await each(names, (name) => begin(stage, name));
    for (const { windows, measure } of parts(stage)) {
      const taken = new Map<ServerName, Figures[]>(names.map((name) => [name, []]));
      for (let window = 0; window < windows; window++)
        await each(rotated(names, window), async (name) => {
          taken.get(name)!.push(await measure(stage, running.get(name)!, window));
        });
      for (const name of names) figures.set(name, { ...figures.get(name), ...ofWindows(taken.get(name)!) });
    }
    for (const name of names) note(name, errors.has(name) ? {} : figures.get(name)!, errors.get(name));
  }

  return {
    async round(stage, names, note) {
      try {
        await take(stage, names, note);
      } finally {
        if (!keep) await close();
      }
    },
    close,
  };
}

/** The medians; but of what was lost the sum, and of what failed the mean. */
export function ofWindows(windows: readonly Figures[]): Figures {
  const metrics = [...new Set(windows.flatMap((figures) => Object.keys(figures) as Metric[]))];
  return Object.fromEntries(
    metrics.map((metric) => {
      const values = windows.map((figures) => figures[metric]).filter((value) => value !== undefined);
      const sum = values.reduce((total, value) => total + value, 0);
      if (metric === "lost") return [metric, sum];
      if (metric.toLowerCase().endsWith("failedpercent")) return [metric, sum / values.length];
      return [metric, spreadOf(values)?.median ?? Number.NaN];
    }),
  );
}

/** All servers are there at the same time, for what is counted for each apart. */
export function together(
  measure: (stage: Stage, servers: readonly RunningServer[], note: Note) => Promise<void>,
): Round {
  return async (stage, names, note) => {
    const running: RunningServer[] = [];
    try {
      for (const name of names) {
        try {
          running.push(await stage.start(name));
        } catch (error) {
          note(name, {}, (error as Error).message);
        }
      }
      await measure(stage, running, note);
    } finally {
      for (const server of running) await server.stop();
    }
  };
}

async function noted(name: ServerName, note: Note, work: () => Promise<Figures>): Promise<void> {
  try {
    note(name, await work());
  } catch (error) {
    note(name, {}, (error as Error).message);
  }
}
