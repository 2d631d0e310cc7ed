/** Files that fdns keeps for itself, read and replaced without holding up the event loop. */

import { constants } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import type { FileReplacement, Files, ReadableFile } from "./runtime.ts";

/** A file that did not exist. What is called here must not stop the thread that calls, however long the disk takes. */
export interface NewFile {
  /** Resolves to how many octets were written, from the first on. */
  write(octets: Uint8Array): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** For its owner alone: what is in it says which names were asked for. */
const MODE = 0o600;

export const files: Files = {
  async read(path): Promise<ReadableFile | undefined> {
    // Not blocking: opening a FIFO waits for its other end.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
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

  async replace(path): Promise<FileReplacement> {
    const beside = `${path}.new`;
    // One that a killed process left, or a link that somebody else laid: O_EXCL follows none.
    await unlink(beside).catch(() => {});
    const file = await create(beside);
    const abandon = async () => {
      await file.close().catch(() => {});
      await unlink(beside).catch(() => {});
    };
    return {
      async write(octets) {
        for (let at = 0; at < octets.length; ) at += await file.write(octets.subarray(at));
      },
      async commit() {
        // Else a power cut can leave the new name with no octets behind it.
        await file.sync();
        await file.close();
        await rename(beside, path);
      },
      abandon,
    };
  },
};

/** Deno's node:fs writes in the thread that asks, its own files do not. */
async function create(path: string): Promise<NewFile> {
  if (process.versions.deno !== undefined) return (await import("./deno.ts")).createFile(path, MODE);
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, MODE);
  return {
    write: async (octets) => (await file.write(octets, 0, octets.length)).bytesWritten,
    sync: () => file.sync(),
    close: () => file.close(),
  };
}
