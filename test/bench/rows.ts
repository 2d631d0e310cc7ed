/** What a row is, and how servers take their turns in it. */

import type { Figures, Metric } from "./results.ts";
import type { RunningServer, ServerName } from "./servers.ts";
import type { Stage } from "./stage.ts";

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

/** Servers stay from one round to the next, since what was done at their start takes long. */
export function kept(
  prepare: (stage: Stage, server: RunningServer) => Promise<unknown>,
  measure: (stage: Stage, server: RunningServer) => Promise<Figures>,
): Pick<Row, "round" | "close"> {
  const running = new Map<ServerName, RunningServer>();
  return {
    async round(stage, servers, note) {
      for (const name of servers) {
        await noted(name, note, async () => {
          let server = running.get(name);
          if (server === undefined) {
            server = await stage.start(name);
            await prepare(stage, server).catch(async (error) => {
              await server?.stop();
              throw error;
            });
            running.set(name, server);
          }
          return measure(stage, server);
        });
      }
    },
    async close() {
      for (const server of running.values()) await server.stop();
      running.clear();
    },
  };
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
