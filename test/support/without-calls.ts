/** Programs whose system calls fail, as under a filter of a service manager or a container engine (without-calls.c). */

import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bareEnvironment } from "./toolchain.ts";

/** Numbers of calls on x64 and arm64 (syscalls(2)). */
const NUMBERS = {
  socket: [41, 198],
  fcntl: [72, 25],
  madvise: [28, 233],
  flock: [73, 32],
  sysinfo: [99, 179],
  getpriority: [140, 141],
  sched_getaffinity: [204, 123],
  sched_setattr: [314, 274],
} as const;

export interface Denied {
  readonly call: keyof typeof NUMBERS;
  /** Only with this argument, by its index. */
  readonly argument?: readonly [index: number, value: number];
  readonly error: keyof typeof constants.errno;
}

/** Makes the launcher. Returns what to put before a command. @throws Error with what the compiler complained of */
export function withoutCalls(folder: string): (denied: readonly Denied[]) => string[] {
  const source = fileURLToPath(new URL("without-calls.c", import.meta.url));
  const launcher = join(folder, "without-calls");
  const command = ["cc", "-O2", "-Wall", "-o", launcher, source];
  const { success, stderr } = Bun.spawnSync(command, { env: bareEnvironment() });
  if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
  const rule = ({ call, argument, error }: Denied) =>
    `${NUMBERS[call][process.arch === "arm64" ? 1 : 0]}${argument ? `:${argument.join("=")}` : ""}/${constants.errno[error]}`;
  return (denied) => [launcher, ...denied.map(rule), "--"];
}
