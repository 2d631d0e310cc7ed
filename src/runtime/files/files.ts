/** Files that fdns keeps for itself, read and replaced without holding up the event loop. */

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { access, lstat, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { systemErrorText } from "../../observe/system-error.ts";
import type { FileKind, FileReplacement, Files, ReadableFile } from "../kept-files.ts";
import { type FileLock, lockFile } from "./file-lock.ts";
import { abandon, besideName, inspect, openBeside, orUndefined, removeLeftovers, takePlace } from "./own-file.ts";

/** For its owner alone: what is in it says which names were asked for. */
const MODE = 0o600;

/** The file can be replaced, or go, between two looks at it. */
const CLAIM_TRIES = 5;

/** Of each file that this process writes. */
const locks = new Map<string, FileLock>();
const FOLDER_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  EACCES: "fdns may not write there",
};

export const files: Files = {
  async inspect(path, kind) {
    await inspect(path, kind);
  },

  async read(path): Promise<ReadableFile | undefined> {
    // Not blocking: opening a FIFO waits for its other end.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await orUndefined(open(path, flags));
    if (file === undefined) return undefined;
    const facts = await file.stat();
    if (!facts.isFile()) {
      await file.close();
      throw new Error("it is no regular file");
    }
    return {
      octets: facts.size,
      read: async (into, position) => (await file.read(into, 0, into.length, position)).bytesRead,
      close: () => file.close(),
    };
  },

  async replace(path, kind): Promise<FileReplacement | undefined> {
    const lock = await claim(path, kind);
    if (lock === undefined) return undefined;
    const beside = await openBeside(path, MODE);
    const { file } = beside;
    return {
      write: (octets) => file.write(octets),
      async commit() {
        // Else a power cut can leave the new name with no octets behind it.
        await file.sync();
        await file.close();
        // Before it has the name: whoever opens that must find it locked.
        const next = await lockFile(beside.path);
        await takePlace(beside.path, path, kind).catch((error) => {
          next?.release();
          throw error;
        });
        lock.release();
        if (next === undefined) locks.delete(path);
        else locks.set(path, next);
      },
      abandon: () => abandon(beside),
    };
  },

  async whyNotWritable(path) {
    const folder = dirname(path);
    try {
      if (path.endsWith("/")) return "it ends in / as the path of a folder does";
      if (!(await stat(folder)).isDirectory()) return "its folder is a file";
      await access(folder, constants.W_OK | constants.X_OK);
      // Nothing is there yet, but a name too long for the file system is told all the same.
      await orUndefined(lstat(besideName(path)));
      return undefined;
    } catch (error) {
      return systemErrorText(error, FOLDER_WORDS);
    }
  },
};

/** Makes this process the one that writes the file; undefined while another is. */
async function claim(path: string, kind: FileKind): Promise<FileLock | undefined> {
  for (let tries = 0; tries < CLAIM_TRIES; tries++) {
    const found = await inspect(path, kind);
    const held = locks.get(path);
    if (held !== undefined && found !== undefined && isSame(held, found)) return held;
    // Somebody removed or replaced what was ours.
    held?.release();
    locks.delete(path);
    if (found === undefined) begin(path, kind);
    const lock = await orUndefined(lockFile(path));
    if (lock === undefined) return undefined;
    const named = await orUndefined(lstat(path));
    if (named !== undefined && isSame(lock, named)) {
      locks.set(path, lock);
      await removeLeftovers(path);
      return lock;
    }
    lock.release();
  }
  return undefined;
}

function isSame(one: Pick<FileLock, "dev" | "ino">, other: Pick<FileLock, "dev" | "ino">): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** There has to be a file for it to be locked. In one go, as nobody should find it without its mark. */
function begin(path: string, kind: FileKind): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  let descriptor: number;
  try {
    descriptor = openSync(path, flags, MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw error;
  }
  try {
    writeSync(descriptor, kind.blank);
  } finally {
    closeSync(descriptor);
  }
}
