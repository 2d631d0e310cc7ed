/**
 * The cache as a file, all numbers in network order:
 *
 *     header      8  89 "fdns" 0d 0a 1a: what transfers as text do to it shows
 *                 4  version of this format
 *                 8  when it was written: milliseconds since 1970, a double
 *     entries     2  octets of the message
 *      (oldest    1  flags of the key
 *       first)    1  0
 *                 4  how long ago its question was asked then, tenths of a second
 *                 4  its lifetime, seconds
 *                    the message, as it would go to a client
 *     end         4  CRC-32 of all before
 *
 * Messages are whole and are read again as if an upstream had sent them, so that the file holds nothing of how the
 * cache keeps them, and another machine or a newer fdns can read it.
 */

import { crc32 } from "node:zlib";
import type { FileKind } from "../../runtime/kept-files.ts";
import { readUint16, readUint32, writeUint16, writeUint32 } from "../../wire/octets.ts";
import { HEADER_OCTETS, MAX_MESSAGE_OCTETS } from "../../wire/protocol.ts";
import type { FoundEntry } from "../store/store.ts";
import { storedMessageOctets, writeStoredMessage } from "../store/stored-message.ts";

const MAGIC = Uint8Array.of(0x89, 0x66, 0x64, 0x6e, 0x73, 0x0d, 0x0a, 0x1a);
const VERSION = 1;

export const SNAPSHOT_HEADER_OCTETS = 20;
const ENTRY_HEADER_OCTETS = 12;
export const MAX_ENTRY_OCTETS = ENTRY_HEADER_OCTETS + MAX_MESSAGE_OCTETS;
export const CHECKSUM_OCTETS = 4;

/** Of all octets so far, from that of those before; 0 before the first. */
export function checksumOf(octets: Uint8Array, before: number): number {
  return crc32(octets, before);
}

/** The header at room[0...]. */
export function writeSnapshotHeader(room: Uint8Array, wallMs: number): void {
  room.set(MAGIC);
  writeUint32(room, 8, VERSION);
  new DataView(room.buffer, room.byteOffset).setFloat64(12, wallMs);
}

/** The cache file by its mark; one that was cut within it, even to nothing, holds nothing that could be lost. */
export const SNAPSHOT_KIND: FileKind = {
  name: "cache file of fdns",
  lookAtOctets: MAGIC.length,
  isOwn: (start) => start.every((octet, i) => octet === MAGIC[i]),
  get blank() {
    const octets = new Uint8Array(SNAPSHOT_HEADER_OCTETS + CHECKSUM_OCTETS);
    writeSnapshotHeader(octets, 0);
    writeUint32(octets, SNAPSHOT_HEADER_OCTETS, checksumOf(octets.subarray(0, SNAPSHOT_HEADER_OCTETS), 0));
    return octets;
  },
};

/** When the file was written, in milliseconds since 1970; or why it is none that can be read, for the log. */
export function readSnapshotHeader(octets: Uint8Array): number | string {
  if (octets.length === 0) return "it is empty";
  if (!SNAPSHOT_KIND.isOwn(octets.subarray(0, MAGIC.length))) return `it is no ${SNAPSHOT_KIND.name}`;
  if (octets.length < SNAPSHOT_HEADER_OCTETS) return "it is damaged";
  const version = readUint32(octets, 8);
  if (version !== VERSION) return `it has the format ${version}, and this fdns reads ${VERSION}`;
  const savedMs = new DataView(octets.buffer, octets.byteOffset).getFloat64(12);
  return Number.isFinite(savedMs) ? savedMs : "it does not say when it was written";
}

/** Writes an entry of the store's `octets` at room[at...], at most MAX_ENTRY_OCTETS. Returns the octets written; 0 if it cannot be whole. */
export function writeSnapshotEntry(
  room: Uint8Array,
  at: number,
  octets: Uint8Array,
  entry: FoundEntry,
  /** As CacheTime.msAt. */
  cacheMs: number,
): number {
  const messageOctets = storedMessageOctets(entry);
  if (messageOctets > MAX_MESSAGE_OCTETS) return 0;
  writeUint16(room, at, messageOctets);
  room[at + 2] = entry.flags;
  room[at + 3] = 0;
  writeUint32(room, at + 4, Math.ceil(Math.max(0, (cacheMs - entry.askedMs) | 0) / 100));
  writeUint32(room, at + 8, entry.lifetimeSeconds);
  writeStoredMessage(room, at + ENTRY_HEADER_OCTETS, octets, entry);
  return ENTRY_HEADER_OCTETS + messageOctets;
}

/** One entry as it was read; reused. */
export class SnapshotEntry {
  flags = 0;
  ageDs = 0;
  lifetimeSeconds = 0;
  messageStart = 0;
  messageOctets = 0;

  /** Reads the entry at octets[at, end). Returns the offset behind it; 0 if it goes on past `end`, -1 if it is none. */
  read(octets: Uint8Array, at: number, end: number): number {
    if (at + ENTRY_HEADER_OCTETS > end) return 0;
    this.messageOctets = readUint16(octets, at);
    if (this.messageOctets < HEADER_OCTETS || octets[at + 3] !== 0) return -1;
    this.messageStart = at + ENTRY_HEADER_OCTETS;
    const behind = this.messageStart + this.messageOctets;
    if (behind > end) return 0;
    this.flags = octets[at + 2]!;
    this.ageDs = readUint32(octets, at + 4);
    this.lifetimeSeconds = readUint32(octets, at + 8);
    return behind;
  }
}
