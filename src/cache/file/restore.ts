/** From the cache file to the cache: nothing enters it that could not have come from an upstream, and nothing gets younger. */

import type { Files, ReadableFile } from "../../runtime/kept-files.ts";
import type { Clock } from "../../runtime/runtime.ts";
import { copyOctets, readUint16, readUint32 } from "../../wire/octets.ts";
import { HEADER_OCTETS, MAX_QUESTION_OCTETS } from "../../wire/protocol.ts";
import { ResponseLayout } from "../../wire/response.ts";
import type { CacheTime } from "../cache-time.ts";
import { type LifetimeLimits, lifetimeOf } from "../lifetime.ts";
import { nextTurn, Slice } from "../store/slices.ts";
import { type CacheStore, KEY_CD, KEY_DENIAL, KEY_DO } from "../store/store.ts";
import {
  CHECKSUM_OCTETS,
  checksumOf,
  MAX_ENTRY_OCTETS,
  readSnapshotHeader,
  SNAPSHOT_HEADER_OCTETS,
  SnapshotEntry,
} from "./snapshot.ts";

export interface RestoreParts {
  readonly path: string;
  readonly files: Files;
  readonly clock: Pick<Clock, "nowMs" | "wallMs" | "endOfTurn">;
  readonly store: CacheStore;
  readonly time: CacheTime;
  readonly staleSeconds: number;
  readonly limits: LifetimeLimits;
  /** Asked between pieces: false ends it. */
  readonly isWanted: () => boolean;
}

export interface Restored {
  readonly answers: number;
  /** Of those in the file: too old, or there was a newer one already. */
  readonly leftOut: number;
}

/** Read at once. */
const PIECE_OCTETS = 65_536;

/**
 * Reads the file twice: first that it is whole, then what is in it.
 * @returns undefined if there is no file; in words why it cannot be used, and then nothing of it was.
 * @throws Error of the host (as a rejection)
 */
export async function restoreSnapshot(parts: RestoreParts): Promise<Restored | string | undefined> {
  const file = await parts.files.read(parts.path);
  if (file === undefined) return undefined;
  try {
    const savedMs = await check(file, parts.clock);
    return typeof savedMs === "string" ? savedMs : await new Restoring(parts, savedMs).read(file);
  } finally {
    await file.close();
  }
}

/** When it was written, if every octet is as it was then; else why it cannot be used. */
async function check(file: ReadableFile, clock: Pick<Clock, "endOfTurn">): Promise<number | string> {
  const room = new Uint8Array(PIECE_OCTETS);
  const end = file.octets - CHECKSUM_OCTETS;
  const first = room.subarray(0, await file.read(room.subarray(0, SNAPSHOT_HEADER_OCTETS), 0));
  const savedMs = readSnapshotHeader(first);
  if (typeof savedMs === "string") return savedMs;
  let checksum = 0;
  let at = 0;
  while (at < end) {
    const octets = await file.read(room.subarray(0, Math.min(room.length, end - at)), at);
    if (octets === 0) break;
    checksum = checksumOf(room.subarray(0, octets), checksum);
    at += octets;
    await nextTurn(clock);
  }
  const read = await file.read(room.subarray(0, CHECKSUM_OCTETS), Math.max(0, end));
  const isWhole = at === end && read === CHECKSUM_OCTETS && readUint32(room, 0) === checksum;
  return isWhole ? savedMs : "it is damaged";
}

class Restoring {
  readonly #parts: RestoreParts;
  /** Since the file was written. A clock that went back meanwhile says nothing about it: then it is 0, the least. */
  readonly #elapsedDs: number;
  readonly #room = new Uint8Array(PIECE_OCTETS + MAX_ENTRY_OCTETS);
  readonly #entry = new SnapshotEntry();
  readonly #layout = new ResponseLayout();
  readonly #question = new Uint8Array(MAX_QUESTION_OCTETS);
  /** Goes on over the reading of a piece, which may be done in the same turn. */
  #slice: Slice;
  #answers = 0;
  #leftOut = 0;

  constructor(parts: RestoreParts, savedMs: number) {
    this.#parts = parts;
    this.#slice = new Slice(parts.clock);
    this.#elapsedDs = Math.max(0, Math.ceil((parts.clock.wallMs() - savedMs) / 100));
  }

  async read(file: ReadableFile): Promise<Restored | string> {
    const room = this.#room;
    const end = file.octets - CHECKSUM_OCTETS;
    let filled = 0;
    for (let at = SNAPSHOT_HEADER_OCTETS; at < end && this.#parts.isWanted(); ) {
      const octets = await file.read(room.subarray(filled, filled + Math.min(PIECE_OCTETS, end - at)), at);
      if (octets === 0) break;
      at += octets;
      filled += octets;
      const taken = await this.#takeAll(filled);
      if (taken < 0) return `after ${this.#answers} answers there is something else in it`;
      room.copyWithin(0, taken, filled);
      filled -= taken;
    }
    return { answers: this.#answers, leftOut: this.#leftOut };
  }

  /** Takes the entries that are whole in the first `filled` octets, in slices. Returns how many octets they are, or -1. */
  async #takeAll(filled: number): Promise<number> {
    const { clock, isWanted } = this.#parts;
    for (let at = 0; ; ) {
      const behind = this.#entry.read(this.#room, at, filled);
      if (behind <= 0) return behind < 0 ? -1 : at;
      if (this.#take()) this.#answers++;
      else this.#leftOut++;
      at = behind;
      if (!this.#slice.isOverAfterOne()) continue;
      await nextTurn(clock);
      if (!isWanted()) return at;
      this.#slice = new Slice(clock);
    }
  }

  #take(): boolean {
    const { clock, store, time, staleSeconds, limits } = this.#parts;
    const { flags, messageStart: start, messageOctets } = this.#entry;
    const layout = this.#layout;
    const room = this.#room;
    if ((flags & ~(KEY_DO | KEY_CD | KEY_DENIAL)) !== 0 || !layout.scan(room, start, messageOctets)) return false;
    const { questionOctets } = layout;
    if (questionOctets === 0 || questionOctets > MAX_QUESTION_OCTETS) return false;
    copyOctets(room, start + HEADER_OCTETS, this.#question, 0, questionOctets);
    const qtype = readUint16(this.#question, questionOctets - 4);
    const ageDs = this.#entry.ageDs + this.#elapsedDs;
    const lifetimeSeconds = Math.min(this.#entry.lifetimeSeconds, lifetimeOf(room, start, layout, qtype, limits));
    if (lifetimeSeconds === 0 || ageDs >= (lifetimeSeconds + staleSeconds) * 10) return false;
    const hash = store.hash(this.#question, 0, questionOctets);
    const nowMs = clock.nowMs();
    const askedMs = (time.msAt(nowMs) - ageDs * 100) | 0;
    // What was asked since is newer, and stays.
    return store.put(flags, hash, room, start, layout, lifetimeSeconds, time.at(nowMs) - ageDs, askedMs);
  }
}
