/** Options of an upstream's OPT (RFC 6891, 6.1.2). */

import { readUint16 } from "./octets.ts";
import { OPTION } from "./protocol.ts";
import type { MessageLayout } from "./response.ts";

/**
 * Where the first option with this code begins (its code, then its length, then its octets), counted as `octets` is;
 * -1 if there is none, or the options are malformed before it.
 */
export function findOption(octets: Uint8Array, start: number, layout: MessageLayout, code: number): number {
  const end = start + layout.optionsEnd;
  let at = start + layout.optionsStart;
  while (at + 4 <= end) {
    const behind = at + 4 + readUint16(octets, at + 2);
    if (behind > end) return -1;
    if (readUint16(octets, at) === code) return at;
    at = behind;
  }
  return -1;
}

/** The INFO-CODE of the first Extended DNS Error (RFC 8914, 2), or -1. */
export function extendedErrorOf(octets: Uint8Array, start: number, layout: MessageLayout): number {
  const at = findOption(octets, start, layout, OPTION.EXTENDED_ERROR);
  return at < 0 || readUint16(octets, at + 2) < 2 ? -1 : readUint16(octets, at + 4);
}

/** How long the server keeps an idle connection, in milliseconds (edns-tcp-keepalive, RFC 7828, 3.1), or -1. */
export function keepaliveMsOf(octets: Uint8Array, start: number, layout: MessageLayout): number {
  const at = findOption(octets, start, layout, OPTION.TCP_KEEPALIVE);
  return at < 0 || readUint16(octets, at + 2) !== 2 ? -1 : readUint16(octets, at + 4) * 100;
}

/**
 * Extended DNS Errors that are the name's or a policy's fault (RFC 8914, 4): another server would say the same, or
 * should not be asked to say otherwise. 1, 2, 5 to 12: DNSSEC; 15 to 18: blocked, censored, filtered, prohibited.
 */
const FINAL_ERRORS: ReadonlySet<number> = new Set([1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 18]);

/** Whether the response says that validation or a policy is why it is an error. */
export function isFinalError(octets: Uint8Array, start: number, layout: MessageLayout): boolean {
  return FINAL_ERRORS.has(extendedErrorOf(octets, start, layout));
}

/** Blocked, censored and filtered (RFC 8914, 4.16 to 4.18). */
const FIRST_BLOCKED = 15;
const LAST_BLOCKED = 17;

/** Whether one of its Extended DNS Errors says that a policy withholds what there is. */
export function isBlocked(octets: Uint8Array, start: number, layout: MessageLayout): boolean {
  const end = start + layout.optionsEnd;
  for (let at = start + layout.optionsStart; at + 6 <= end; at += 4 + readUint16(octets, at + 2)) {
    if (readUint16(octets, at) !== OPTION.EXTENDED_ERROR || readUint16(octets, at + 2) < 2) continue;
    const code = readUint16(octets, at + 4);
    if (code >= FIRST_BLOCKED && code <= LAST_BLOCKED) return true;
  }
  return false;
}
