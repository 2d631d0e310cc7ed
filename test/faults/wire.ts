/**
 * A link that delays and loses packets, for kernels without netem(8): two TUN devices and a program of its own
 * (wire-program.ts) that carries each packet from one to the other after a while, or not at all.
 */

import { fileURLToPath } from "node:url";
import { linesOf } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";
import { spawnTied } from "../support/tied-children.ts";
import { bun } from "../support/toolchain.ts";
import type { Impairment } from "./rig.ts";

export interface Wire {
  stop(): void;
}

interface End {
  readonly namespace: Namespace;
  readonly device: string;
}

/** Makes the devices with the names and in the namespaces given; they are gone after stop(). */
export async function startWire([near, far]: readonly [End, End], { delayMs, lossPercent }: Impairment): Promise<Wire> {
  const program = fileURLToPath(new URL("wire-program.ts", import.meta.url));
  // Made beside the near end under another name, then moved: a TUN device stays with the program that opened it.
  const passing = `${near.device}far`;
  const child = spawnTied(
    [...near.namespace.within, bun, program, near.device, passing, `${delayMs / 2}`, `${lossPercent}`],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const first = (await linesOf(child.stdout as ReadableStream<Uint8Array>).next()).value;
  if (first === undefined) throw new Error(`the program that carries packets ended with ${await child.exited}`);
  await near.namespace.ip(`link set ${passing} netns ${far.namespace.name} name ${far.device}`);
  return { stop: () => child.kill("SIGKILL") };
}
