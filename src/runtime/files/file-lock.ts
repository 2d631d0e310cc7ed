/**
 * Which process writes a file: the one that has it locked (flock(2)). The kernel ends the lock with the process, however
 * that ends, and knows it across containers that share a folder, where process numbers say nothing.
 */

import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { EAGAIN, LOCK_EX, LOCK_NB, loadLibc } from "../libc.ts";

/** What is used of Deno's files, declared here because the project is checked against Bun's and Node's types. */
declare const Deno: {
  openSync(path: string): DenoFile;
};

interface DenoFile {
  tryLockSync(exclusive: boolean): boolean;
  statSync(): { dev: number; ino: number | null };
  close(): void;
}

export interface FileLock {
  /** Of the file that is locked, whatever its name is by now. */
  readonly dev: number;
  readonly ino: number;
  release(): void;
}

/** Undefined while another process has it. A file system without locks gives everyone one. Throws the host's Error. */
export async function lockFile(path: string): Promise<FileLock | undefined> {
  const libc = await loadLibc().catch(() => undefined);
  if (libc === undefined && "Deno" in globalThis) return lockWithDeno(path);
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const { dev, ino } = fstatSync(descriptor);
  const isHeld = libc !== undefined && libc.flock(descriptor, LOCK_EX | LOCK_NB) !== 0 && libc.errno() === EAGAIN;
  if (isHeld) closeSync(descriptor);
  return isHeld ? undefined : { dev, ino, release: () => closeSync(descriptor) };
}

function lockWithDeno(path: string): FileLock | undefined {
  const file = Deno.openSync(path);
  const { dev, ino } = file.statSync();
  if (file.tryLockSync(true)) return { dev, ino: ino ?? 0, release: () => file.close() };
  file.close();
  return undefined;
}
