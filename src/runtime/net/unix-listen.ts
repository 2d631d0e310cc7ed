/** Listening on a Unix socket that only fdns' own user may connect to. */

import type { Stats } from "node:fs";
import { lstat, mkdir, rmdir, unlink } from "node:fs/promises";
import * as net from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import { errorCode, systemErrorText } from "../../observe/system-error.ts";
import { BindError, type BindFailure, type ByteStream, type StreamHandler } from "../runtime.ts";
import { NodeStream } from "./streams.ts";

export interface UnixListener {
  /** Ends every connection and removes the socket; resolves when it is gone. */
  close(): Promise<void>;
}

export interface UnixListenOptions {
  readonly path: string;
  /** Whether the path's folder is made if it is missing, and removed at the end; its parent must be there. */
  readonly makesFolder?: boolean;
  /** Called for each connection; whoever handles the stream must end it, also after the peer ended its side. */
  readonly onConnection: (stream: ByteStream) => StreamHandler;
}

/** A few people and programs at once, each for a moment. */
const MAX_CONNECTIONS = 16;

/** Read and write for the owner: connecting needs write (unix(7)). */
const UMASK = 0o177;

/**
 * Listens. The socket of a process that is no more is replaced.
 * @throws BindError (as a rejection): "in-use" where a process listens, or the path is no socket.
 */
export async function listenUnix(options: UnixListenOptions): Promise<UnixListener> {
  const folder = dirname(options.path);
  const isMade = options.makesFolder === true && (await succeeds(mkdir(folder, { mode: 0o755 })));
  const removeFolder = async () => {
    if (isMade) await succeeds(rmdir(folder));
  };
  try {
    const { close } = await bindOrReplace(options);
    const own = await factsOf(options.path);
    return {
      async close() {
        // The runtimes remove whatever has the path: where that is another's by now, the process' end closes ours.
        const now = await factsOf(options.path);
        if (now === undefined || (now.dev === own?.dev && now.ino === own?.ino)) await close();
        await removeFolder();
      },
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function bindOrReplace(options: UnixListenOptions): Promise<UnixListener> {
  const { path } = options;
  const before = await factsOf(path);
  try {
    return await bind(options);
  } catch (error) {
    if (!(error instanceof BindError) || error.reason !== "in-use") throw error;
    const what = await whyNoSocket(path);
    if (what !== undefined) throw new BindError("in-use", `${path}: ${what}`, { cause: error });
    if (!(await isLeftBehind(path))) throw error;
  }
  // Another process that starts may have replaced it first.
  const now = await factsOf(path);
  if (now !== undefined && now.dev === before?.dev && now.ino === before.ino) await succeeds(unlink(path));
  return bind(options);
}

function factsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined);
}

/** What is at the path, in words, if it is no socket; undefined if it is one, or nothing is there. */
export async function whyNoSocket(path: string): Promise<string | undefined> {
  const facts = await factsOf(path);
  if (facts === undefined || facts.isSocket()) return undefined;
  if (facts.isSymbolicLink()) return "it is a symbolic link, and no socket";
  return facts.isDirectory() ? "it is a folder, and no socket" : "it is a file, and no socket";
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

function bind({ path, onConnection }: UnixListenOptions): Promise<UnixListener> {
  /** The oldest first. */
  const open = new Map<net.Socket, NodeStream>();
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => {
    if (open.size >= MAX_CONNECTIONS) {
      // Whoever reads nothing must not keep everybody else out for ever.
      const unread = [...open].find(([, { unsentOctets }]) => unsentOctets > 0)?.[0];
      if (unread !== undefined) open.delete(unread);
      (unread ?? socket).destroy();
      if (unread === undefined) return;
    }
    const stream = new NodeStream(socket);
    open.set(socket, stream);
    socket.once("close", () => open.delete(socket));
    stream.handle(onConnection(stream));
  });
  const close = () =>
    new Promise<void>((closed) => {
      listener.close(() => closed());
      for (const socket of open.keys()) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) => reject(bindError(path, error as Error));
    listener.once("error", refuse);
    // The socket is made before listen() returns, on Bun as on Deno.
    const umask = process.umask(UMASK);
    try {
      listener.listen(path, () => {
        listener.removeListener("error", refuse);
        listener.on("error", () => {}); // a fault of one accept(2) ends nothing else
        resolve({ close });
      });
    } catch (error) {
      refuse(error); // Deno, where it lacks the permission
    } finally {
      process.umask(umask);
    }
  });
}

/** Whether nobody listens on the socket at the path. What is no socket is somebody's file. */
async function isLeftBehind(path: string): Promise<boolean> {
  if ((await factsOf(path))?.isSocket() !== true) return false;
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}

const REASONS: Readonly<Record<string, BindFailure>> = {
  EADDRINUSE: "in-use",
  EACCES: "not-permitted",
  EPERM: "not-permitted",
  ENOTCAPABLE: "not-permitted",
  EROFS: "not-permitted",
  ENOENT: "no-such-address",
};

const WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the path is taken",
  EACCES: "fdns may not write there",
  EPERM: "fdns may not write there",
  ENOENT: "there is no such folder",
};

function bindError(path: string, cause: Error): BindError {
  const reason = REASONS[errorCode(cause) ?? ""] ?? "other";
  return new BindError(reason, systemErrorText(cause, WORDS), { at: path, cause });
}
