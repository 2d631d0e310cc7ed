/** What processes and cores were busy with, as /proc has it (proc(5)). Linux only. */

import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second in /proc; sysconf(_SC_CLK_TCK) is 100 on every Linux in use. */
const TICKS_PER_SECOND = 100;
const US_PER_TICK = 1_000_000 / TICKS_PER_SECOND;

export interface CpuTime {
  readonly userUs: number;
  readonly systemUs: number;
}

interface ProcessStat extends CpuTime {
  readonly parent: number;
}

/** Of one line of /proc/PID/stat; the command's name, in parentheses, may hold anything. */
export function parseProcessStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    parent: Number(fields[1]),
    userUs: Number(fields[11]) * US_PER_TICK,
    systemUs: Number(fields[12]) * US_PER_TICK,
  };
}

function processes(): Map<number, ProcessStat> {
  const found = new Map<number, ProcessStat>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      found.set(Number(entry), parseProcessStat(readFileSync(`/proc/${entry}/stat`, "latin1")));
    } catch {
      // It ended in the meantime.
    }
  }
  return found;
}

/** A process and all below it. */
function treeOf(root: number, all: ReadonlyMap<number, ProcessStat>): number[] {
  const tree = [root];
  for (const parent of tree) {
    for (const [pid, process] of all) if (process.parent === parent) tree.push(pid);
  }
  return tree;
}

/** CPU time of a process and its children so far, threads included. */
export function cpuTimeOf(pid: number): CpuTime {
  const all = processes();
  let userUs = 0;
  let systemUs = 0;
  for (const one of treeOf(pid, all)) {
    userUs += all.get(one)?.userUs ?? 0;
    systemUs += all.get(one)?.systemUs ?? 0;
  }
  return { userUs, systemUs };
}

export function residentMiBOf(pid: number): number {
  let kib = 0;
  for (const one of treeOf(pid, processes())) {
    const status = readFileSync(`/proc/${one}/status`, "latin1");
    kib += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  }
  return kib / 1024;
}

/** Memory that is a process' own, without the pages of its file: what another process would not share (proc(5)). */
export function ownMiBOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  return Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) / 1024;
}

export interface CoreTime {
  readonly busyTicks: number;
  readonly allTicks: number;
}

/** Of the line "cpuN user nice system idle iowait irq softirq steal ..." in the text of /proc/stat. */
export function parseCoreTime(text: string, core: number): CoreTime {
  const line = new RegExp(`^cpu${core} (.*)$`, "m").exec(text)?.[1] ?? "";
  // Guests' time, behind the first eight, is in user time already.
  const ticks = line.split(" ").slice(0, 8).map(Number);
  const allTicks = ticks.reduce((sum, one) => sum + one, 0);
  return { busyTicks: allTicks - (ticks[3] ?? 0) - (ticks[4] ?? 0), allTicks };
}

export function coreTime(core: number): CoreTime {
  return parseCoreTime(readFileSync("/proc/stat", "latin1"), core);
}

/** How busy the core was since then. */
export function busyPercent(before: CoreTime, core: number): number {
  const now = coreTime(core);
  return (100 * (now.busyTicks - before.busyTicks)) / Math.max(1, now.allTicks - before.allTicks);
}
