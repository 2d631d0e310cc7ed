/** A program's clocks under libfaketime: as they are, and so much later or earlier as the test says. */

import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bareEnvironment } from "./toolchain.ts";

/**
 * Which clocks move: "all" is what time that passes looks like; "wall" what setting the clock does, which leaves the
 * monotonic one alone; "suspended" what a host does that sleeps, whose uptime goes on as the wall clock does.
 */
export type FakedClocks = "all" | "wall" | "suspended";

export interface FakedTime {
  /** For the program's environment. */
  readonly env: Record<string, string>;
  /** From now on the program's clocks are so many seconds ahead of the host's; negative: behind. */
  readonly ahead: number;
  setAhead(seconds: number): void;
  /** So much later than now; negative: earlier. */
  shift(seconds: number): void;
}

export function fakeTime(folder: string, clocks: FakedClocks = "all"): FakedTime {
  // The variant for programs with several threads, as runtimes are: the other one now and then reads nonsense.
  const [library] = new Bun.Glob("*/faketime/libfaketimeMT.so.1").scanSync("/usr/lib");
  const file = join(folder, `faketime-${crypto.randomUUID()}`);
  let ahead = 0;
  const setAhead = (seconds: number): void => {
    ahead = seconds;
    // Never half written, as it is read at every look at the clock.
    writeFileSync(`${file}.new`, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}\n`);
    renameSync(`${file}.new`, file);
  };
  setAhead(0);
  const preload = [`/usr/lib/${library}`, ...(clocks === "suspended" ? [compileUptimeAhead(folder)] : [])];
  return {
    env: {
      LD_PRELOAD: preload.join(":"),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      ...(clocks !== "all" ? { FAKETIME_DONT_FAKE_MONOTONIC: "1" } : {}),
    },
    get ahead() {
      return ahead;
    },
    setAhead,
    shift: (seconds) => setAhead(ahead + seconds),
  };
}

/** Makes the library that moves the uptime. @throws Error with what the compiler complained of */
function compileUptimeAhead(folder: string): string {
  const source = fileURLToPath(new URL("uptime-ahead.c", import.meta.url));
  const library = join(folder, `uptime-ahead-${crypto.randomUUID()}.so`);
  const command = ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, source];
  const { success, stderr } = Bun.spawnSync(command, { env: bareEnvironment() });
  if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
  return library;
}
