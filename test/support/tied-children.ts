/** Programs that are killed when this one ends, whatever happens. */

import { bareEnvironment } from "./toolchain.ts";

const children = new Set<Bun.Subprocess>();

/** Ends them all now, by force. */
export function killTiedChildren(): void {
  for (const child of children) child.kill("SIGKILL");
}

process.on("exit", killTiedChildren);

/** Starts a program that is killed when this one ends. */
export function spawnTied<
  const In extends Bun.SpawnOptions.Writable,
  const Out extends Bun.SpawnOptions.Readable,
  const Err extends Bun.SpawnOptions.Readable,
>(command: readonly string[], options: Bun.SpawnOptions.OptionsObject<In, Out, Err>): Bun.Subprocess<In, Out, Err> {
  const child = Bun.spawn([...command], { env: bareEnvironment(), ...options });
  children.add(child);
  void child.exited.then(() => children.delete(child));
  return child;
}

/** Runs a program to its end. @returns what it wrote on standard output; rejects with standard error if it failed. */
export async function outputOf(command: readonly string[]): Promise<string> {
  const child = spawnTied(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr.trim()}`);
  return stdout;
}
