/** For how long an answer may be kept, and what its TTLs then say. */

import { readUint16, readUint32, writeUint32 } from "../wire/octets.ts";
import { RCODE, TC, TYPE } from "../wire/protocol.ts";
import { answerCount, authorityEnd, FIXED_OCTETS, fixedAt, typeOf } from "../wire/records.ts";
import type { MessageLayout } from "../wire/response.ts";

export interface LifetimeLimits {
  /** TTLs above 0 are raised to this. */
  readonly minSeconds: number;
  /** All TTLs are lowered to this. */
  readonly maxSeconds: number;
  /** And so is that of an answer that says what does not exist (RFC 2308, 5). */
  readonly maxNegativeSeconds: number;
}

/**
 * For how many seconds the answer at octets[start...] to a question of type `qtype` may be kept; 0: not at all, and it
 * is left as it is. The lowest TTL of all sections counts. Otherwise its TTLs are rewritten in place to what clients
 * are shown: within the limits, and in a negative answer the SOA's at most its MINIMUM, which is what whoever
 * asks us keeps the answer for (RFC 2308, 5). A TTL with its top bit set is a large one (RFC 8767, 4). One of 0 is for
 * this answer alone (RFC 1035, 3.2.1), whatever the floor.
 */
export function lifetimeOf(
  octets: Uint8Array,
  start: number,
  layout: MessageLayout,
  qtype: number,
  limits: LifetimeLimits,
): number {
  if (layout.questionOctets === 0 || (octets[start + 2]! & TC) !== 0) return 0;
  if (layout.rcode !== RCODE.NOERROR && layout.rcode !== RCODE.NXDOMAIN) return 0;
  const answers = answerCount(octets, start);
  // What denies are the SOAs of the authority section; in a positive answer none does.
  let denialsFrom = 0;
  let denialsTo = 0;
  if (layout.rcode === RCODE.NXDOMAIN || !isAnswered(octets, start, layout, answers, qtype)) {
    denialsFrom = answers;
    denialsTo = authorityEnd(octets, start);
    if (!hasType(octets, start, layout, denialsFrom, denialsTo, TYPE.SOA)) return 0;
  }
  let lifetimeSeconds = limits.maxSeconds;
  for (let i = 0; i < layout.ttlCount && lifetimeSeconds > 0; i++) {
    const mayDeny = i >= denialsFrom && i < denialsTo;
    lifetimeSeconds = Math.min(lifetimeSeconds, shownSeconds(octets, fixedAt(start, layout, i), mayDeny, limits));
  }
  if (lifetimeSeconds === 0) return 0;
  for (let i = 0; i < layout.ttlCount; i++) {
    const mayDeny = i >= denialsFrom && i < denialsTo;
    const fixed = fixedAt(start, layout, i);
    writeUint32(octets, fixed + 4, shownSeconds(octets, fixed, mayDeny, limits));
  }
  return lifetimeSeconds;
}

/** Whether the answer section has what was asked for. A CNAME or DNAME that ends without it is a NODATA answer. */
function isAnswered(octets: Uint8Array, start: number, layout: MessageLayout, answers: number, qtype: number): boolean {
  return qtype === TYPE.ANY ? answers > 0 : hasType(octets, start, layout, 0, answers, qtype);
}

/** Whether one of the records [from, to) of the message is of this type. */
function hasType(
  octets: Uint8Array,
  start: number,
  layout: MessageLayout,
  from: number,
  to: number,
  type: number,
): boolean {
  for (let i = from; i < to; i++) {
    if (typeOf(octets, start, layout, i) === type) return true;
  }
  return false;
}

/** The TTL clients are shown for the record. MINIMUM is the last of an SOA's numbers (RFC 1035, 3.3.13). */
function shownSeconds(octets: Uint8Array, fixed: number, mayDeny: boolean, limits: LifetimeLimits): number {
  let ttlSeconds = readUint32(octets, fixed + 4);
  let maxSeconds = limits.maxSeconds;
  if (mayDeny && readUint16(octets, fixed) === TYPE.SOA) {
    const rdataOctets = readUint16(octets, fixed + 8);
    ttlSeconds = Math.min(ttlSeconds, readUint32(octets, fixed + FIXED_OCTETS + rdataOctets - 4));
    maxSeconds = Math.min(maxSeconds, limits.maxNegativeSeconds);
  }
  return ttlSeconds === 0 ? 0 : Math.min(Math.max(ttlSeconds, limits.minSeconds), maxSeconds);
}
