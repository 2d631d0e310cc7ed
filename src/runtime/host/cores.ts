/** How many cores this process may use: those it is bound to, and within them what its control groups let it spend. */

import * as os from "node:os";
import { loadLibc } from "../libc.ts";
import { readHostText } from "./host-text.ts";

/** The whole text of a file of the host; undefined if it cannot be read. */
export type ReadText = (path: string) => string | undefined;

/** At least 1; without the C library, control groups are not looked at. */
export async function usableCores(): Promise<number> {
  const libc = await loadLibc().catch(() => undefined);
  return coresToUse((path) => libc && readHostText(libc, path));
}

/**
 * At least 1. A quota of 1.5 cores counts as one: a second thread would spend it in two thirds of each period, and
 * then both would stand still.
 */
export function coresToUse(read: ReadText): number {
  const bound = os.availableParallelism();
  return Math.max(1, Math.min(bound, Math.floor(coresOfGroups(read))));
}

/** Where the hierarchies of control groups are mounted, by custom of every distribution and container engine. */
const MOUNT = "/sys/fs/cgroup";

/** The least quota of the process' groups and those above them, in cores; Infinity without any. */
export function coresOfGroups(read: ReadText): number {
  let least = Number.POSITIVE_INFINITY;
  // cgroups(7): "HIERARCHY:CONTROLLERS:PATH", no controllers in version 2.
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === "")
      least = Math.min(
        least,
        leastUpwards(path, (group) => quotaOfVersion2(read, group)),
      );
    else if (controllers.split(",").includes("cpu")) {
      least = Math.min(
        least,
        leastUpwards(path, (group) => quotaOfVersion1(read, controllers, group)),
      );
    }
  }
  return least;
}

/** The least of "/a/b", "/a" and "". In a container the path can be the host's; what is mounted is then its root alone. */
function leastUpwards(path: string, quota: (group: string) => number): number {
  const names = path.split("/").filter((name) => name !== "" && name !== "..");
  const groups = [...names.keys(), names.length].map((depth) =>
    names
      .slice(0, depth)
      .map((name) => `/${name}`)
      .join(""),
  );
  return Math.min(...groups.map(quota));
}

/** cpu.max: "QUOTA PERIOD" in microseconds, or "max PERIOD" (cgroup-v2, CPU). */
function quotaOfVersion2(read: ReadText, group: string): number {
  const text = read(`${MOUNT}${group}/cpu.max`) ?? read(`${MOUNT}/unified${group}/cpu.max`);
  const [quota, period] = (text ?? "").trim().split(" ");
  return ratio(quota, period);
}

/** The quota is -1 where there is none (sched-bwc). */
function quotaOfVersion1(read: ReadText, controllers: string, group: string): number {
  for (const folder of [controllers, "cpu"]) {
    const quota = read(`${MOUNT}/${folder}${group}/cpu.cfs_quota_us`);
    if (quota !== undefined) return ratio(quota, read(`${MOUNT}/${folder}${group}/cpu.cfs_period_us`));
  }
  return Number.POSITIVE_INFINITY;
}

function ratio(quota: string | undefined, period: string | undefined): number {
  const cores = Number(quota) / Number(period);
  return cores > 0 ? cores : Number.POSITIVE_INFINITY;
}
