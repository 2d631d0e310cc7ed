/** A file that did not exist, written without stopping the thread that answers, however long the disk takes. */

import { constants } from "node:fs";
import { open } from "node:fs/promises";

export interface NewFile {
  /** Resolves when all of it is written. */
  write(octets: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Follows no link. Deno's node:fs writes in the thread that asks; Deno's own files do not. */
export async function createFile(path: string, mode: number): Promise<NewFile> {
  if (process.versions.deno !== undefined) return (await import("../deno.ts")).createFile(path, mode);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, mode);
  return {
    async write(octets) {
      for (let at = 0; at < octets.length; ) at += (await file.write(octets, at, octets.length - at)).bytesWritten;
    },
    sync: () => file.sync(),
    close: () => file.close(),
  };
}
