/** Values from outside inside a message: escaped, and cut where they are long, so that the message stays one readable line. */

import { escapeControls } from "./log.ts";

/** A whole domain name fits (RFC 1035, 2.3.4: 255 octets), and an upstream with two pins. */
const MAX_SHOWN_CHARACTERS = 256;

/** The value in quotes; of a long one the beginning, and its true length. */
export function quoted(value: string): string {
  const { shown, length } = cut(value);
  return `"${shown}"${length}`;
}

/** The value without quotes, for what reads as a word: a flag, the name of a variable, a path after its flag. */
export function bounded(value: string): string {
  const { shown, length } = cut(value);
  return shown + length;
}

function cut(value: string): { shown: string; length: string } {
  if (value.length <= MAX_SHOWN_CHARACTERS) return { shown: escapeControls(value), length: "" };
  // Half a surrogate pair would not be a character.
  const beginning = value.slice(0, MAX_SHOWN_CHARACTERS).replace(/[\ud800-\udbff]$/, "");
  return { shown: `${escapeControls(beginning)}…`, length: ` (${new TextEncoder().encode(value).length} octets)` };
}
