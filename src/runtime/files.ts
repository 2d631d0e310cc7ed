/** Files that fdns keeps for itself, read and replaced without holding up the event loop. */

import { constants } from "node:fs";
import { access, open, rename, stat, unlink } from "node:fs/promises";
import { systemErrorText } from "../observe/system-error.ts";
import type { FileReplacement, Files, ReadableFile } from "./runtime.ts";

/** For its owner alone: what is in it says which names were asked for. */
const MODE = 0o600;

const FOLDER_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  EACCES: "fdns may not write there",
};

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
    const file = await open(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, MODE);
    const abandon = async () => {
      await file.close().catch(() => {});
      await unlink(beside).catch(() => {});
    };
    return {
      async write(octets) {
        for (let at = 0; at < octets.length; ) at += (await file.write(octets, at, octets.length - at)).bytesWritten;
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

  async whyNotWritable(folder) {
    try {
      if (!(await stat(folder)).isDirectory()) return "its folder is a file";
      await access(folder, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      return systemErrorText(error, FOLDER_WORDS);
    }
  },
};
