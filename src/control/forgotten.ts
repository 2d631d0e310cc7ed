/** Which answers go when a name is to be forgotten. */

import type { FoundEntry } from "../cache/store/store.ts";
import { KEY_DENIAL } from "../cache/store/store.ts";
import { copyOctets } from "../wire/octets.ts";
import { HEADER_OCTETS, MAX_QUESTION_OCTETS } from "../wire/protocol.ts";

export interface Forgotten {
  /** In wire form and lower case. */
  readonly name: Uint8Array;
  /** The name alone, or all names under it too. */
  readonly scope: "name" | "subtree";
}

/** The key of one entry, copied, as other threads may overwrite the entry at any time. */
export class KeyCopy {
  readonly question = new Uint8Array(MAX_QUESTION_OCTETS);
  questionOctets = 0;
  flags = 0;
  hash = 0;

  take(octets: Uint8Array, entry: FoundEntry): void {
    this.questionOctets = Math.min(entry.questionOctets, MAX_QUESTION_OCTETS);
    copyOctets(octets, entry.messageStart + HEADER_OCTETS, this.question, 0, this.questionOctets);
    this.flags = entry.flags;
    this.hash = entry.hash;
  }
}

/**
 * Whether the entry goes. So does a denial of any name above (RFC 8020): with it, the name would still be answered
 * from the cache.
 */
export function isForgotten({ name, scope }: Forgotten, { question, questionOctets, flags }: KeyCopy): boolean {
  // Type and class stand behind the name.
  const nameOctets = questionOctets - 4;
  if (endsWith(question, nameOctets, name, name.length)) return scope === "subtree" || nameOctets === name.length;
  return (flags & KEY_DENIAL) !== 0 && endsWith(name, name.length, question, nameOctets);
}

/** Whether the first name is the second or under it; both without pointers, in the same case. */
function endsWith(name: Uint8Array, octets: number, ending: Uint8Array, endingOctets: number): boolean {
  let at = 0;
  while (octets - at > endingOctets) at += 1 + name[at]!;
  if (octets - at !== endingOctets) return false;
  for (let i = 0; i < endingOctets; i++) if (name[at + i] !== ending[i]) return false;
  return true;
}
