/**
 * Where record number `i` of a message has its parts, counted over all sections from 0: found from the places of the
 * TTLs, without stepping over the names. Offsets count as `octets` is; `i` is below the layout's ttlCount.
 */

import { readUint16 } from "./octets.ts";
import { HEADER_OCTETS } from "./protocol.ts";
import type { MessageLayout } from "./response.ts";

/** Type, class, TTL and length of the RDATA, between the owner and the RDATA (RFC 1035, 4.1.3). */
export const FIXED_OCTETS = 10;

export function ownerAt(octets: Uint8Array, start: number, layout: MessageLayout, i: number): number {
  return i === 0 ? start + HEADER_OCTETS + layout.questionOctets : behindRecord(octets, start, layout, i - 1);
}

/** Where the owner ends, and the type begins. */
export function fixedAt(start: number, layout: MessageLayout, i: number): number {
  return start + layout.ttlAt[i]! - 4;
}

export function behindRecord(octets: Uint8Array, start: number, layout: MessageLayout, i: number): number {
  const fixed = fixedAt(start, layout, i);
  return fixed + FIXED_OCTETS + readUint16(octets, fixed + 8);
}

export function typeOf(octets: Uint8Array, start: number, layout: MessageLayout, i: number): number {
  return readUint16(octets, fixedAt(start, layout, i));
}

/** The answer section's records are those before this. */
export function answerCount(octets: Uint8Array, start: number): number {
  return readUint16(octets, start + 6);
}

/** The authority section's follow, up to this; those of the additional section are the rest. */
export function authorityEnd(octets: Uint8Array, start: number): number {
  return answerCount(octets, start) + readUint16(octets, start + 8);
}
