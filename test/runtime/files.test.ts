import { expect, test } from "bun:test";
import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { linesOf } from "../support/lines.ts";
import { spawnTied } from "../support/tied-children.ts";
import { bun, deno, temporaryFolder } from "../support/toolchain.ts";

const FILE_OCTETS = 16 << 20;
const program = fileURLToPath(new URL("files-program.ts", import.meta.url));

test.each([
  ["bun", [bun]],
  ["deno", [deno, "run", "--quiet", "--allow-all"]],
] as const)(
  "%s: a file is not written by the thread that answers, which a slow disk would stop",
  async (_, command) => {
    const folder = temporaryFolder();
    const path = join(folder, "file");
    const child = spawnTied([...command, program, path], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    try {
      expect((await linesOf(child.stdout).next()).value).toBe("written");
      // Octets handed to write(2) and the like by the thread whose number is the process' (proc_pid_io(5)).
      const io = readFileSync(`/proc/${child.pid}/task/${child.pid}/io`, "latin1");
      expect(Number(/^wchar: (\d+)$/m.exec(io)![1])).toBeLessThan(FILE_OCTETS / 16);
      expect([statSync(path).size, statSync(path).mode & 0o777]).toEqual([FILE_OCTETS, 0o600]);
    } finally {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true });
    }
  },
);
