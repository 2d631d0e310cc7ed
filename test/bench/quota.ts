/** A cgroup with a share of a core, of version 2 or 1 (cgroups(7)); it takes root. */

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PERIOD_US = 100_000;
/** A killed process leaves its group when it has been reaped. */
const REMOVE_ATTEMPTS = 20;
const REMOVE_EVERY_MS = 50;

export interface Quota {
  /** Put before a command to run it inside. */
  readonly within: readonly string[];
  /** To be called when nothing runs inside any more. */
  remove(): void;
}

/** @throws Error if this host has no such groups or does not let us make one. */
export function makeQuota(share: number): Quota {
  const quotaUs = Math.round(share * PERIOD_US);
  const { root, version } = findCpuController(readFileSync("/proc/mounts", "latin1"));
  const group = join(root, `fdns-bench-${process.pid}`);
  if (version === 2) writeFileSync(join(root, "cgroup.subtree_control"), "+cpu");
  mkdirSync(group);
  if (version === 2) writeFileSync(join(group, "cpu.max"), `${quotaUs} ${PERIOD_US}`);
  else {
    writeFileSync(join(group, "cpu.cfs_period_us"), `${PERIOD_US}`);
    writeFileSync(join(group, "cpu.cfs_quota_us"), `${quotaUs}`);
  }
  return {
    within: ["sh", "-c", `echo $$ >"$0" && exec "$@"`, join(group, "cgroup.procs")],
    remove: () => removeGroup(group),
  };
}

/** In the text of /proc/mounts. */
export function findCpuController(mounts: string): { readonly root: string; readonly version: 1 | 2 } {
  const lines = mounts.split("\n").map((line) => line.split(" "));
  const first = lines.find(([, , type, options]) => type === "cgroup" && options!.split(",").includes("cpu"));
  if (first) return { root: first[1]!, version: 1 };
  const second = lines.find(([, , type]) => type === "cgroup2");
  if (second) return { root: second[1]!, version: 2 };
  throw new Error("no cgroup file system is mounted");
}

function removeGroup(group: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      rmdirSync(group);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      if (attempt === REMOVE_ATTEMPTS) throw error;
      Bun.sleepSync(REMOVE_EVERY_MS);
    }
  }
}
