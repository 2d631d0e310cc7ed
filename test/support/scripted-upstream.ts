/** The executable as scripted upstream (`fdns test-upstream`), as a process of its own. */

import { join } from "node:path";
import { linesOf } from "./lines.ts";
import { bareEnvironment, executable } from "./toolchain.ts";

export interface ScriptedUpstream {
  /** As --upstream takes it: "127.0.0.1:40001#dot.test". */
  readonly address: string;
  readonly port: number;
  /** The throw-away CA, as --ca-file takes it. */
  readonly caFile: string;
  /** The leaf's key as a pin: "sha256/...". */
  readonly spkiPin: string;
  /** Ends the process. Resolves to the counters it prints last. */
  stop(): Promise<Record<string, unknown>>;
}

/**
 * Starts it on a free port of 127.0.0.1; its CA is written into the folder. Flags as `fdns test-upstream --help` says;
 * `program` is the executable, a copy of it, or a command that ends with it (["ip", "netns", "exec", NAME, PROGRAM]).
 */
export async function startScriptedUpstream(
  folder: string,
  flags: readonly string[] = [],
  program: string | readonly string[] = executable,
): Promise<ScriptedUpstream> {
  const caFile = join(folder, "ca.pem");
  const command = [program].flat().concat("test-upstream", "--listen", "127.0.0.1:0", "--ca-out", caFile, ...flags);
  const child = Bun.spawn(command, { env: bareEnvironment(), stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const lines = linesOf(child.stdout);
  const first = (await lines.next()).value;
  if (first === undefined) throw new Error(`fdns test-upstream ended with ${await child.exited} before it served`);
  const { port, spkiPin } = JSON.parse(first);
  return {
    address: `127.0.0.1:${port}#dot.test`,
    port,
    caFile,
    spkiPin,
    async stop() {
      child.kill("SIGTERM");
      const last = (await lines.next()).value;
      await child.exited;
      return JSON.parse(last ?? "{}");
    },
  };
}
