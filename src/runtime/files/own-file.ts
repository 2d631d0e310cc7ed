/**
 * Files that fdns writes. What is there already is written over only if it is fdns' own by its first octets, a regular file
 * of this user alone: never through a link, never a device, never what somebody else left there.
 */

import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type FileKind, ForeignFileError } from "../kept-files.ts";
import { createFile, type NewFile } from "./new-file.ts";

/** Of what is written first, and then takes the place of the file: "cache.0123456789abcdef.new". */
const RANDOM_OCTETS = 8;
const BESIDE = /^\.[0-9a-f]{16}\.new$/;

export interface Beside {
  readonly path: string;
  readonly file: NewFile;
}

/** What is known of the file at the path; undefined if nothing is there. @throws ForeignFileError (as a rejection) */
export async function inspect(path: string, kind: FileKind): Promise<Stats | undefined> {
  const found = await orUndefined(lstat(path));
  if (found === undefined) return undefined;
  const what = whyNotOurs(found);
  if (what !== undefined) throw new ForeignFileError(what);
  // It may be another one by now: no link is followed, and a FIFO is not waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const facts = await file.stat();
    const start = new Uint8Array(Math.min(kind.lookAtOctets, facts.size));
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    if (!kind.isOwn(start.subarray(0, bytesRead))) throw new ForeignFileError(`it is no ${kind.name}`);
    return facts;
  } finally {
    await file.close();
  }
}

function whyNotOurs(found: Stats): string | undefined {
  if (found.isSymbolicLink()) return "it is a symbolic link, which fdns does not follow";
  if (found.isDirectory()) return "it is a folder";
  if (!found.isFile()) return "it is no regular file";
  const user = ownUser();
  if (user !== undefined && found.uid !== user) return `it belongs to user ${found.uid}, and fdns runs as user ${user}`;
  return found.nlink > 1 ? "it has a second name (a hard link)" : undefined;
}

/** Undefined where the runtime does not say: Deno needs a permission for it. */
function ownUser(): number | undefined {
  try {
    return process.getuid?.();
  } catch {
    return undefined;
  }
}

/** A new file in the same folder, under a name that nobody can have laid a link at. */
export async function openBeside(path: string, mode: number): Promise<Beside> {
  const beside = besideName(path);
  return { path: beside, file: await createFile(beside, mode) };
}

/** Longer than the name of the file itself. */
export function besideName(path: string): string {
  return `${path}.${randomBytes(RANDOM_OCTETS).toString("hex")}.new`;
}

/** Puts what was written beside in the place of the file, so that a power cut leaves the one or the other. */
export async function takePlace(beside: string, path: string, kind: FileKind): Promise<void> {
  await inspect(path, kind);
  await rename(beside, path);
  // Some file systems cannot do it, and then they need not.
  const folder = await open(dirname(path), constants.O_RDONLY).catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close().catch(() => {});
}

export async function abandon({ path, file }: Beside): Promise<void> {
  await file.close().catch(() => {});
  await unlink(path).catch(() => {});
}

/** Removes what a killed process had begun beside the file. To be called by the only one that writes it. */
export async function removeLeftovers(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  for (const other of await readdir(folder).catch(() => [])) {
    if (!other.startsWith(name) || !BESIDE.test(other.slice(name.length))) continue;
    const found = await orUndefined(lstat(join(folder, other))).catch(() => undefined);
    if (found !== undefined && whyNotOurs(found) === undefined) await unlink(join(folder, other)).catch(() => {});
  }
}

/** Writes a small file as a whole. Rejects with ForeignFileError, or with the host's Error. */
export async function writeOwnFile(path: string, octets: Uint8Array, kind: FileKind, mode: number): Promise<void> {
  await inspect(path, kind);
  const beside = await openBeside(path, mode);
  try {
    await beside.file.write(octets);
    await beside.file.sync();
    await beside.file.close();
    await takePlace(beside.path, path, kind);
  } catch (error) {
    await abandon(beside);
    throw error;
  }
}

export async function orUndefined<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
