/** What a look-up or a walk came upon, copied out of the shared memory so that no other thread can change it. */

import { HEADER_OCTETS, MAX_MESSAGE_OCTETS } from "../../wire/protocol.ts";
import type { MessageLayout } from "../../wire/response.ts";

/** More records than this do not fit in a message: each has a name, type, class, TTL and length. */
export const MAX_TTLS = Math.floor((MAX_MESSAGE_OCTETS - HEADER_OCTETS) / 11);

export interface FoundEntry extends MessageLayout {
  /** Where the message's header is in the store's octets; its ID octets are 0, its question is in lower case. */
  readonly messageStart: number;
  /** KEY_DO, KEY_CD, KEY_DENIAL. */
  readonly flags: number;
  readonly hash: number;
  /** When it was stored, in tenths of a second of the cache's clock. */
  readonly storedDs: number;
  /** 0: an end, which only says that what was asked before it is over. */
  readonly lifetimeSeconds: number;
  /** When its question was asked, in milliseconds of the cache's clock (cache-time.ts, msAt). */
  readonly askedMs: number;
}

/** A store has one for look-ups and one for the newest of several; each overwrites its own. */
export class Found implements FoundEntry {
  rcode = 0;
  questionOctets = 0;
  bodyOctets = 0;
  additionalRecords = 0;
  optionsStart = 0;
  optionsEnd = 0;
  readonly ttlAt = new Uint16Array(MAX_TTLS);
  ttlCount = 0;
  messageStart = 0;
  flags = 0;
  hash = 0;
  storedDs = 0;
  lifetimeSeconds = 0;
  askedMs = 0;
}
