/**
 * `--cache-file`: the cache is read from it at the start, and written to it every so often and at the end, each time
 * as a whole, in slices between which queries are answered. Whatever is wrong with the file, fdns goes on without it.
 */

import type { Log } from "../../observe/log.ts";
import { systemErrorText } from "../../observe/system-error.ts";
import type { FileReplacement, Files } from "../../runtime/kept-files.ts";
import type { Clock } from "../../runtime/runtime.ts";
import { writeUint32 } from "../../wire/octets.ts";
import type { CacheTime } from "../cache-time.ts";
import type { LifetimeLimits } from "../lifetime.ts";
import { nextTurn, walkSlice } from "../store/slices.ts";
import type { CacheStore } from "../store/store.ts";
import { type Restored, restoreSnapshot } from "./restore.ts";
import {
  CHECKSUM_OCTETS,
  checksumOf,
  MAX_ENTRY_OCTETS,
  SNAPSHOT_HEADER_OCTETS,
  SNAPSHOT_KIND,
  writeSnapshotEntry,
  writeSnapshotHeader,
} from "./snapshot.ts";

export interface CacheFileParts {
  readonly path: string;
  readonly everyMs: number;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: CacheStore;
  readonly time: CacheTime;
  /** What is older than its lifetime and this is left out. */
  readonly staleSeconds: number;
  /** As they are now: the file may be of a time when they were wider. */
  readonly limits: LifetimeLimits;
}

/** What is written at once. */
const PIECE_OCTETS = 65_536;

/** How soon the file is written after a flush, so that a crash brings nothing back that an operator had forgotten. */
const AFTER_FLUSH_MS = 1000;

/** The file itself would be made. */
const NO_FOLDER = { ENOENT: "there is no such folder" };

export class CacheFile {
  readonly #parts: CacheFileParts;
  #cancel = () => {};
  #work: Promise<unknown> = Promise.resolve();
  #isRestoring = false;
  #isStopped = false;
  /** Of the cache when it was last written: while nothing changed since, the file is as good as a new one. */
  #savedChanges = -1;
  #isFailing = false;
  /** Another process writes the file. */
  #isAnothers = false;

  constructor(parts: CacheFileParts) {
    this.#parts = parts;
  }

  /** Restores what is in the file, then writes it every so often. Resolves when it is restored; never rejects. */
  start(): Promise<void> {
    this.#isRestoring = true;
    this.#schedule(this.#parts.everyMs);
    return this.#next(async () => {
      await this.#restore();
      // An operator should learn at the start that the folder is not writable, not at the end.
      await this.#try(async () => (await this.#begin())?.abandon());
    });
  }

  /** The operator had something forgotten: what is still to be restored is not, and the file is written anew soon. */
  flushed(): void {
    this.#isRestoring = false;
    this.#savedChanges = -1;
    if (!this.#isStopped) this.#schedule(AFTER_FLUSH_MS);
  }

  /** Writes the file for the last time. Resolves when that is done; never rejects. */
  stop(): Promise<void> {
    this.#cancel();
    this.#isStopped = true;
    // Half a cache must not take the place of the whole one.
    const isWhole = !this.#isRestoring;
    this.#isRestoring = false;
    return this.#next(async () => {
      if (isWhole) await this.#try(() => this.#save());
    });
  }

  /** One thing at a time, in order. */
  #next(step: () => Promise<void>): Promise<void> {
    const done = this.#work.then(step);
    this.#work = done;
    return done;
  }

  #schedule(ms: number): void {
    this.#cancel();
    this.#cancel = this.#parts.clock.after(ms, () => {
      this.#schedule(this.#parts.everyMs);
      void this.#next(async () => {
        if (this.#isStopped || this.#parts.store.counters.changes === this.#savedChanges) return;
        await this.#try(() => this.#save());
      });
    });
  }

  async #restore(): Promise<void> {
    const { path, clock, log } = this.#parts;
    const startedMs = clock.nowMs();
    const isWanted = () => this.#isRestoring;
    const restored = await restoreSnapshot({ ...this.#parts, isWanted }).catch((error: Error) =>
      systemErrorText(error),
    );
    const isDone = this.#isRestoring;
    this.#isRestoring = false;
    if (restored === undefined || !isDone) return;
    if (typeof restored === "string") log.warn(`cache file ${path} is ignored: ${restored}`);
    else log.info(restoredText(restored, path), { tookMs: Math.round(clock.nowMs() - startedMs), ...restored });
  }

  /** Says so when writing begins to fail, and when it works again. */
  async #try(write: () => Promise<void>): Promise<void> {
    const { path, log } = this.#parts;
    try {
      await write();
      if (this.#isFailing) log.info(`cache file ${path} can be written again`);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) {
        log.warn(
          `cache file ${path} cannot be written: ${systemErrorText(error, NO_FOLDER)}; the cache is kept in memory alone`,
        );
      }
      this.#isFailing = true;
    }
  }

  /** Undefined while another fdns writes the file, as during an upgrade: what it has learned is worth as much. */
  async #begin(): Promise<FileReplacement | undefined> {
    const { files, path, log } = this.#parts;
    const file = await files.replace(path, SNAPSHOT_KIND);
    const isAnothers = file === undefined;
    if (isAnothers !== this.#isAnothers) {
      if (isAnothers)
        log.info(`cache file ${path} is written by another fdns: this one only reads it, until that ends`);
      else log.info(`cache file ${path} is written by this fdns now`);
    }
    this.#isAnothers = isAnothers;
    return file;
  }

  async #save(): Promise<void> {
    const { changes } = this.#parts.store.counters;
    const file = await this.#begin();
    if (file === undefined) return;
    try {
      await this.#write(file);
      await file.commit();
    } catch (error) {
      await file.abandon();
      throw error;
    }
    this.#savedChanges = changes;
  }

  async #write(file: FileReplacement): Promise<void> {
    const { clock, store, time, staleSeconds, log, path } = this.#parts;
    const room = new Uint8Array(PIECE_OCTETS + MAX_ENTRY_OCTETS);
    const nowMs = clock.nowMs();
    const nowDs = time.at(nowMs);
    const cacheMs = time.msAt(nowMs);
    writeSnapshotHeader(room, clock.wallMs());
    let filled = SNAPSHOT_HEADER_OCTETS;
    let checksum = 0;
    let answers = 0;
    const walk = store.walk();
    const put = () => {
      const { entry } = walk;
      if (nowDs - entry.storedDs >= (entry.lifetimeSeconds + staleSeconds) * 10) return false;
      const octets = writeSnapshotEntry(room, filled, store.octets, entry, cacheMs);
      if (octets === 0 || !walk.intact) return false;
      answers++;
      filled += octets;
      return filled >= PIECE_OCTETS;
    };
    const write = async () => {
      const piece = room.subarray(0, filled);
      checksum = checksumOf(piece, checksum);
      filled = 0;
      await file.write(piece);
    };
    while (walkSlice(walk, clock, put)) {
      if (filled >= PIECE_OCTETS) await write();
      // The host may be done so soon that what was written is known in this same turn.
      await nextTurn(clock);
    }
    await write();
    writeUint32(room, 0, checksum);
    await file.write(room.subarray(0, CHECKSUM_OCTETS));
    log.debug(`cache file ${path} is written`, { answers });
  }
}

function restoredText({ answers }: Restored, path: string): string {
  return `${answers} ${answers === 1 ? "answer" : "answers"} restored from the cache file ${path}`;
}
