/** What a row of the battery is, and how it is run against one resolver. */

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deserialize } from "node:v8";
import { linesOf } from "../support/lines.ts";
import { spawnTied } from "../support/tied-children.ts";
import { bun } from "../support/toolchain.ts";
import type { LoadPlan, Segment } from "./load.ts";
import type { Records, Selection } from "./records.ts";
import { RESOLVER_PORT, type Resolver, type ResolverName, startResolver } from "./resolvers.ts";
import { type Impairment, makeRig, type Rig, type UpstreamCounters, type UpstreamSpec } from "./rig.ts";

/** Beyond this a client has left (dig, glibc). */
export const LOST_AFTER_MS = 5000;

/** What an event of a row can reach. */
export interface Scene {
  readonly rig: Rig;
  readonly resolver: Resolver;
  /** Notes the upstreams' counters under a name, for the judge. */
  note(name: string): Promise<void>;
}

export interface FaultEvent {
  /** On the run's clock. */
  readonly atMs: number;
  readonly does: (scene: Scene) => unknown;
}

export interface Outcome {
  readonly records: Records;
  /** Of each upstream, at the end. */
  readonly counters: readonly UpstreamCounters[];
  readonly noted: ReadonlyMap<string, readonly UpstreamCounters[]>;
  /** Resident memory of the resolver at moments of the run. */
  readonly residentOctets: readonly { readonly atMs: number; readonly octets: number }[];
  readonly log: string;
  readonly stillAlive: boolean;
}

export interface Scenario {
  /** As in `--rows`. */
  readonly row: string;
  /** The fault, with its times. */
  readonly title: string;
  /** When fdns passes. */
  readonly criterion: string;
  /** Whether the peers run it too. */
  readonly peers: boolean;
  /** It keeps both cores busy: nothing else runs beside it. */
  readonly alone?: boolean;
  readonly upstreams: readonly UpstreamSpec[];
  readonly impairment?: Impairment;
  /** Nobody reads what the resolver logs, and Resolver.fillLog() leaves no room for it. */
  readonly logIsUnread?: true;
  /** What the resolver is started by: a command that takes another. */
  readonly within?: readonly string[];
  readonly load: readonly Segment[];
  /** Which queries the table's numbers are of, where nobody could answer the others; default all. */
  readonly counted?: Selection;
  readonly events?: readonly FaultEvent[];
  /** What is against the criterion; nothing if it is met. */
  readonly judge: (outcome: Outcome) => readonly string[];
}

const RSS_EVERY_MS = 200;

/** Runs a row in namespaces of its own. `folder` is for its files. */
export async function runScenario(
  scenario: Scenario,
  name: ResolverName,
  folder: string,
  executable: string,
): Promise<Outcome> {
  mkdirSync(folder, { recursive: true });
  const rig = await makeRig(scenario.upstreams, folder, executable, scenario.impairment);
  let resolver: Resolver | undefined;
  try {
    resolver = startResolver(name, rig, folder, executable, scenario);
    return await runInside(scenario, rig, resolver, folder);
  } catch (error) {
    throw new Error(`row ${scenario.row}, ${name}: ${(error as Error).message}\n${resolver?.log() ?? ""}`, {
      cause: error,
    });
  } finally {
    await resolver?.stop();
    await rig.remove();
  }
}

async function runInside(scenario: Scenario, rig: Rig, resolver: Resolver, folder: string): Promise<Outcome> {
  const plan: LoadPlan = { port: RESOLVER_PORT, segments: scenario.load, lostAfterMs: LOST_AFTER_MS };
  const planFile = join(folder, "plan.json");
  const recordsFile = join(folder, "records");
  await Bun.write(planFile, JSON.stringify(plan));
  const program = fileURLToPath(new URL("load.ts", import.meta.url));
  const load = spawnTied([...rig.near.within, bun, program, planFile, recordsFile], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const began = (await linesOf(load.stdout as ReadableStream<Uint8Array>).next()).value;
  if (began === undefined) throw new Error("the load did not begin");
  const beganAt: number = JSON.parse(began).beganAt;

  const noted = new Map<string, UpstreamCounters[]>();
  const note = async (name: string) => {
    noted.set(name, await Promise.all(rig.upstreams.map((upstream) => upstream.counters())));
  };
  const residentOctets: { atMs: number; octets: number }[] = [];
  const sampling = setInterval(() => {
    const octets = residentOctetsOf(resolver.pid);
    if (octets !== undefined) residentOctets.push({ atMs: Date.now() - beganAt, octets });
  }, RSS_EVERY_MS);
  try {
    const events = [...(scenario.events ?? [])].sort((a, b) => a.atMs - b.atMs);
    await Promise.all(
      events.map(async ({ atMs, does }) => {
        await Bun.sleep(Math.max(0, beganAt + atMs - Date.now()));
        await does({ rig, resolver, note });
      }),
    );
    if ((await load.exited) !== 0) throw new Error("the load ended with an error");
  } finally {
    clearInterval(sampling);
  }
  const stillAlive = resolver.alive;
  await resolver.stop();
  const counters = await Promise.all(rig.upstreams.map((upstream) => upstream.stop()));
  const records = deserialize(readFileSync(recordsFile)) as Records;
  return { records, counters, noted, residentOctets, log: resolver.log(), stillAlive };
}

function residentOctetsOf(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
