/** RDATA whose octets depend on each other, or on bounds of their own: one reader for the whole of each type's. */

import { readUint16, readUint32 } from "../octets.ts";
import { type FieldReader, place, plainName } from "./fields.ts";

/** LOC: thousandths of a second of arc, counted from 2^31 (RFC 1876, 2). */
const ARC_ZERO = 2 ** 31;
const ARC_PER_DEGREE = 3_600_000;
const LOC_OCTETS = 16;

export const location: FieldReader = (octets, at, end) => {
  if (at + LOC_OCTETS !== end || octets[at] !== 0) return -1;
  for (let i = at + 1; i < at + 4; i++) if (!isLocSize(octets[i]!)) return -1;
  const isOnEarth = isArc(readUint32(octets, at + 4), 90) && isArc(readUint32(octets, at + 8), 180);
  return isOnEarth ? end : -1;
};

/** Two decimal digits, base and exponent; nothing is 0 and not 0 times something. */
function isLocSize(octet: number): boolean {
  return octet >> 4 <= 9 && (octet & 15) <= 9 && (octet >> 4 > 0 || octet === 0);
}

function isArc(value: number, degrees: number): boolean {
  return Math.abs(value - ARC_ZERO) <= degrees * ARC_PER_DEGREE;
}

const IPV4_FAMILY = 1;
const IPV6_FAMILY = 2;

/** APL: prefixes without the zeros at their ends (RFC 3123, 4). */
export const addressPrefixes: FieldReader = (octets, at, end) => {
  while (at < end) {
    if (at + 4 > end) return -1;
    const family = readUint16(octets, at);
    const prefix = octets[at + 2]!;
    const length = octets[at + 3]! & 0x7f;
    const next = at + 4 + length;
    if (next > end || (length > 0 && octets[next - 1] === 0)) return -1;
    if (family === IPV4_FAMILY && (length > 4 || prefix > 32)) return -1;
    if (family === IPV6_FAMILY && (length > 16 || prefix > 128)) return -1;
    at = next;
  }
  return at;
};

/** IPSECKEY behind its precedence: kind of gateway, algorithm, gateway, key (RFC 4025, 2.1). */
export const ipsecGateway: FieldReader = (octets, at, end, names) =>
  at + 2 > end || place(octets[at]!, octets, at + 2, end, names) < 0 ? -1 : end;

/** AMTRELAY behind its precedence: a bit, the kind of relay, the relay (RFC 8777, 4.2). */
export const relay: FieldReader = (octets, at, end, names) =>
  at >= end ? -1 : place(octets[at]! & 0x7f, octets, at + 1, end, names);

/** HIP: two lengths around an algorithm, what they count, and names to the end (RFC 8005, 5). */
export const hostIdentity: FieldReader = (octets, at, end, names) => {
  if (at + 4 > end) return -1;
  let next = at + 4 + octets[at]! + readUint16(octets, at + 2);
  if (next > end) return -1;
  while (next >= 0 && next < end) next = plainName(octets, next, end, names);
  return next;
};

/** ZONEMD behind its serial: a scheme, an algorithm, a digest of at least 12 octets (RFC 8976, 2.2). */
export const zoneDigest: FieldReader = (octets, at, end) => {
  const length = end - at - 2;
  if (length < 12 || octets[at] === 0 || octets[at + 1] === 0) return -1;
  const expected = [0, 48, 64][octets[at + 1]!];
  return expected === undefined || expected === length ? end : -1;
};
