/**
 * Extended DNS Errors (RFC 8914, 2) on their way from an upstream's OPT to the client's: an option too short for a code
 * is left out, and a text that is not UTF-8 is, since clients that decode it throw the whole answer away.
 */

import { copyOctets, readUint16, writeUint16 } from "./octets.ts";
import { OPTION } from "./protocol.ts";
import type { MessageLayout } from "./response.ts";
import { isUtf8 } from "./utf8.ts";

const OPTION_HEADER_OCTETS = 4;
const INFO_CODE_OCTETS = 2;

/** Octets of an Extended DNS Error option without text. */
export const ERROR_OCTETS = OPTION_HEADER_OCTETS + INFO_CODE_OCTETS;

export function writeExtendedError(room: Uint8Array, at: number, code: number): void {
  writeUint16(room, at, OPTION.EXTENDED_ERROR);
  writeUint16(room, at + 2, INFO_CODE_OCTETS);
  writeUint16(room, at + OPTION_HEADER_OCTETS, code);
}

/** Octets of the upstream's errors in all, as they are passed on; 0 if they are more than `most`, or its options are malformed. */
export function extendedErrorsOctets(octets: Uint8Array, start: number, layout: MessageLayout, most: number): number {
  const end = start + layout.optionsEnd;
  let sum = 0;
  let option = start + layout.optionsStart;
  while (option + OPTION_HEADER_OCTETS <= end) {
    const next = option + OPTION_HEADER_OCTETS + readUint16(octets, option + 2);
    if (next > end) return 0;
    sum += passedOnOctets(octets, option, next, most - sum);
    if (sum > most) return 0;
    option = next;
  }
  return option === end ? sum : 0;
}

/**
 * Copies the errors to room[at, end): what extendedErrorsOctets() counted. Another thread may write over an answer that
 * is kept while it is read, so lengths are not believed a second time.
 */
export function copyExtendedErrors(
  from: Uint8Array,
  start: number,
  layout: MessageLayout,
  room: Uint8Array,
  at: number,
  end: number,
): void {
  let to = at;
  for (let option = start + layout.optionsStart; option + OPTION_HEADER_OCTETS <= start + layout.optionsEnd; ) {
    const next = option + OPTION_HEADER_OCTETS + readUint16(from, option + 2);
    const octets = passedOnOctets(from, option, next, end - to);
    if (to + octets > end) return;
    if (octets > 0) {
      copyOctets(from, option, room, to, octets);
      writeUint16(room, to + 2, octets - OPTION_HEADER_OCTETS);
    }
    to += octets;
    option = next;
  }
}

/** What is passed on of the option at [option, next), if that is not above `most`. */
function passedOnOctets(octets: Uint8Array, option: number, next: number, most: number): number {
  const text = option + ERROR_OCTETS;
  if (readUint16(octets, option) !== OPTION.EXTENDED_ERROR || text > next) return 0;
  const whole = next - option;
  return whole > most || isUtf8(octets, text, next) ? whole : ERROR_OCTETS;
}
