/** A stored answer as a message on its own again, for the snapshot and for people. Its TTLs are those it was stored with. */

import { copyOctets, writeUint16 } from "../../wire/octets.ts";
import { OPT_OCTETS, TYPE } from "../../wire/protocol.ts";
import { type FoundEntry, KEY_DO } from "./store.ts";

/** What writeStoredMessage() writes. */
export function storedMessageOctets(entry: FoundEntry): number {
  const options = entry.optionsEnd - entry.optionsStart;
  return entry.bodyOctets + (options > 0 ? OPT_OCTETS + options : 0);
}

/** Writes it at room[at...] out of the store's `octets`: the body and, if options were kept, an OPT with them. */
export function writeStoredMessage(room: Uint8Array, at: number, octets: Uint8Array, entry: FoundEntry): void {
  const { messageStart, bodyOctets, optionsStart, optionsEnd, additionalRecords } = entry;
  const options = optionsEnd - optionsStart;
  copyOctets(octets, messageStart, room, at, bodyOctets);
  writeUint16(room, at + 10, additionalRecords + (options > 0 ? 1 : 0));
  if (options <= 0) return;
  const opt = at + bodyOctets;
  // RFC 6891, 6.1.2: the root, the type, a payload size (0 is below any), extended RCODE, version, flags, length.
  room.fill(0, opt, opt + OPT_OCTETS);
  writeUint16(room, opt + 1, TYPE.OPT);
  room[opt + 5] = entry.rcode >> 4;
  room[opt + 7] = (entry.flags & KEY_DO) !== 0 ? 0x80 : 0;
  writeUint16(room, opt + 9, options);
  copyOctets(octets, messageStart + optionsStart, room, opt + OPT_OCTETS, options);
}
