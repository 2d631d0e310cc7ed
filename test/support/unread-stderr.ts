/** A program whose standard error stands still when a test says so. */

import { fileURLToPath } from "node:url";
import { linesOf } from "./lines.ts";
import { spawnTied } from "./tied-children.ts";

const program = fileURLToPath(new URL("unread-stderr.py", import.meta.url));

/** What standard error is; foreign-pipe: one that the program may not open. */
export type StderrKind = "pipe" | "foreign-pipe" | "terminal" | "socket" | "file";

export interface UnreadProgram {
  readonly pid: number;
  /** All that was read so far. */
  readonly text: () => string;
  /** Nothing more can be written from now on. */
  fill(): Promise<void>;
  /** Everything is read from now on. */
  read(): Promise<void>;
  /** Nobody will ever read. */
  hangUp(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** `blocks`: whether the description it shares with whoever started it still does. */
  readonly ended: Promise<{ readonly exit: number; readonly blocks: boolean }>;
}

export async function startUnread(
  kind: StderrKind,
  command: readonly string[],
  env: Record<string, string>,
): Promise<UnreadProgram> {
  const child = spawnTied(["python3", program, kind, ...command], {
    env,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  let text = "";
  const started = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<{ exit: number; blocks: boolean }>();
  const obeyed = new Map<string, () => void>();
  void (async () => {
    for await (const line of linesOf(child.stdout)) {
      const said = JSON.parse(line);
      if ("pid" in said) started.resolve(said.pid);
      else if ("did" in said) obeyed.get(said.did)?.();
      else if ("text" in said) text += said.text;
      else ended.resolve(said);
    }
  })();
  const order = (line: string) =>
    new Promise<void>((resolve) => {
      obeyed.set(line, resolve);
      child.stdin.write(`${line}\n`);
      child.stdin.flush();
    });
  const pid = await started.promise;
  return {
    pid,
    text: () => text,
    fill: () => order("fill"),
    read: () => order("read"),
    hangUp: () => order("hang up"),
    kill: (signal) => process.kill(pid, signal),
    ended: ended.promise,
  };
}
