/** The machine and the versions of what is measured on it, and which core does what. */

import { existsSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { bun, deno, executable, runToEnd } from "../support/toolchain.ts";

export interface Cores {
  /** dnsperf and the other generator. */
  readonly load: number;
  /** The server under test. */
  readonly server: number;
  /** The upstream: a core of its own where there is one, else the load's. */
  readonly upstream: number;
}

/** "0-2,5" */
export function parseCoreList(text: string): number[] {
  return text
    .trim()
    .split(",")
    .flatMap((part) => {
      const [first, last] = part.split("-").map(Number);
      return Array.from({ length: (last ?? first!) - first! + 1 }, (_, i) => first! + i);
    });
}

/** Cores that share no hardware with each other, where the machine has enough of them. */
export function chooseCores(): Cores {
  const allowed = parseCoreList(
    /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0",
  );
  const whole = allowed.filter((core) => {
    const file = `/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`;
    const siblings = existsSync(file) ? parseCoreList(readFileSync(file, "latin1")) : [core];
    return core === Math.min(...siblings.filter((one) => allowed.includes(one)));
  });
  const [load, server, upstream] = whole.length >= 2 ? whole : allowed;
  if (load === undefined || server === undefined)
    throw new Error("it takes two cores: one for the load, one to measure");
  return { load, server, upstream: upstream ?? load };
}

export interface Machine {
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** "unbound 1.17.1-2". */
  readonly versions: readonly string[];
  /** ISO 8601. */
  readonly at: string;
}

const PACKAGES = ["unbound", "dnsdist", "knot-resolver", "stubby", "dnsperf"];

export async function describeMachine(): Promise<Machine> {
  const first = async (command: readonly string[]) =>
    (await runToEnd(command)).stdout.split("\n")[0]!.trim().replace(/\t/g, " ");
  const packages = await runToEnd(["dpkg-query", "-W", ...PACKAGES]);
  return {
    kernel: await first(["uname", "-sr"]),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown",
    versions: [
      await first([executable, "version"]),
      `Bun ${await first([bun, "--version"])}`,
      existsSync(deno) ? await first([deno, "--version"]) : "",
      ...packages.stdout.replaceAll("\t", " ").split("\n"),
    ].filter((version) => version !== ""),
    at: new Date().toISOString(),
  };
}
