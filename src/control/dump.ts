/** The cache as people read it: each answer with how long it is still good for, and its records. */

import { type FoundEntry, KEY_CD, KEY_DENIAL, KEY_DO, type StoreWalk } from "../cache/store/store.ts";
import { storedMessageOctets, writeStoredMessage } from "../cache/store/stored-message.ts";
import { type ShownRecord, type ShownResponse, showResponse } from "../presentation/message.ts";

/** The store's memory does not hold more in one entry. */
const ROOM_OCTETS = 65_535;

/**
 *   ; example.com. IN A NOERROR, fresh for 299 s, DO
 *   example.com. 299 IN A 192.0.2.1
 */
export class DumpedEntries {
  readonly #octets: Uint8Array;
  readonly #staleSeconds: number;
  readonly #room = new Uint8Array(ROOM_OCTETS);

  /** `octets` are the store's; for `staleSeconds` past its end an answer may still be used. */
  constructor(octets: Uint8Array, staleSeconds: number) {
    this.#octets = octets;
    this.#staleSeconds = staleSeconds;
  }

  /** The lines of the walk's entry; none if it was overwritten, or is past any use. */
  lines(walk: StoreWalk, nowDs: number): string[] {
    const { entry } = walk;
    const ageSeconds = Math.max(0, Math.floor((nowDs - entry.storedDs) / 10));
    const leftSeconds = entry.lifetimeSeconds - ageSeconds;
    const octets = storedMessageOctets(entry);
    if (octets > ROOM_OCTETS || leftSeconds + this.#staleSeconds <= 0) return [];
    const flags = flagsOf(entry);
    writeStoredMessage(this.#room, 0, this.#octets, entry);
    if (!walk.intact) return [];
    const shown = showResponse(this.#room.subarray(0, octets));
    const records = [...shown.answer, ...shown.authority, ...shown.additional];
    return [headline(shown, flags, leftSeconds), ...records.map((record) => recordLine(record, ageSeconds))];
  }
}

function flagsOf({ flags }: FoundEntry): string[] {
  const names = [
    [KEY_DO, "DO"],
    [KEY_CD, "CD"],
    [KEY_DENIAL, "denies all names under it"],
  ] as const;
  return names.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name);
}

function headline({ question, rcodeText }: ShownResponse, flags: readonly string[], leftSeconds: number): string {
  // A denial is of no type.
  const words = [question?.name, question?.class, question?.type].filter(
    (word) => word !== undefined && word !== "TYPE0",
  );
  const state = leftSeconds > 0 ? `fresh for ${leftSeconds} s` : `stale for ${-leftSeconds} s`;
  return `; ${[[...words, rcodeText].join(" "), state, ...flags].join(", ")}`;
}

function recordLine(record: ShownRecord, ageSeconds: number): string {
  const { name, ttlSeconds, class: recordClass, type, text } = record;
  return `${name} ${Math.max(0, ttlSeconds - ageSeconds)} ${recordClass} ${type} ${text}`;
}
