/** The bench's programs in C, compiled for this machine. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { outputOf } from "../support/tied-children.ts";

export interface Programs {
  /** The floor under every server. */
  readonly echo: string;
  /** The load at an even rate. */
  readonly paced: string;
  readonly upstream: string;
}

export async function compilePrograms(folder: string): Promise<Programs> {
  const compile = async (name: string, ...libraries: string[]) => {
    const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
    const program = join(folder, name);
    await outputOf(["cc", "-O2", "-Wall", "-o", program, source, ...libraries]);
    return program;
  };
  return {
    echo: await compile("echo"),
    paced: await compile("paced"),
    upstream: await compile("upstream", "-lssl", "-lcrypto"),
  };
}
