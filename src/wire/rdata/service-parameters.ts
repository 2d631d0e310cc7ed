/** SVCB and HTTPS records: a priority, a name, and parameters in the order of their keys (RFC 9460, 2.2). */

import { readUint16 } from "../octets.ts";
import { type FieldReader, plainName } from "./fields.ts";

/** SvcParamKeys whose values have a form (RFC 9460, 14.3.2; RFC 9540, 4; RFC 9953, 3). */
const KEY = {
  MANDATORY: 0,
  ALPN: 1,
  NO_DEFAULT_ALPN: 2,
  PORT: 3,
  IPV4HINT: 4,
  IPV6HINT: 6,
  OHTTP: 8,
  DOCPATH: 10,
} as const;

export const service: FieldReader = (octets, at, end, names) => {
  const first = at + 2 > end ? -1 : plainName(octets, at + 2, end, names);
  if (first < 0) return -1;
  const isAlias = readUint16(octets, at) === 0;
  return isAlias ? (first === end ? end : -1) : parameters(octets, first, end);
};

/** Parameters to the end. "no-default-alpn" needs "alpn", whose key is the one before it (RFC 9460, 7.1.1). */
function parameters(octets: Uint8Array, first: number, end: number): number {
  let keyBefore = -1;
  for (let at = first; at < end; ) {
    const key = readUint16(octets, at);
    const value = at + 4;
    const next = value + readUint16(octets, at + 2);
    if (value > end || next > end || key <= keyBefore || !isValue(key, octets, value, next)) return -1;
    if (key === KEY.NO_DEFAULT_ALPN && keyBefore !== KEY.ALPN) return -1;
    if (key === KEY.MANDATORY && !areThere(octets, value, next, next, end)) return -1;
    keyBefore = key;
    at = next;
  }
  return end;
}

/** Whether the octets [at, end) can be the value of the key. */
function isValue(key: number, octets: Uint8Array, at: number, end: number): boolean {
  const length = end - at;
  switch (key) {
    case KEY.MANDATORY:
      return length > 0 && length % 2 === 0;
    case KEY.ALPN:
      return areNonEmptyStrings(octets, at, end);
    case KEY.NO_DEFAULT_ALPN:
    case KEY.OHTTP:
      return length === 0;
    case KEY.PORT:
      return length === 2;
    case KEY.IPV4HINT:
      return length > 0 && length % 4 === 0;
    case KEY.IPV6HINT:
      return length > 0 && length % 16 === 0;
    case KEY.DOCPATH:
      return length === 0 || areNonEmptyStrings(octets, at, end);
    default:
      return true;
  }
}

function areNonEmptyStrings(octets: Uint8Array, at: number, end: number): boolean {
  if (at === end) return false;
  while (at < end) {
    if (octets[at] === 0) return false;
    at += 1 + octets[at]!;
  }
  return at === end;
}

/**
 * Whether the keys in octets[at, end), which ascend as the parameters do, all are among the parameters that follow in
 * octets[next, parametersEnd), and "mandatory" itself is not (RFC 9460, 8).
 */
function areThere(octets: Uint8Array, at: number, end: number, next: number, parametersEnd: number): boolean {
  for (let before: number = KEY.MANDATORY; at < end; at += 2) {
    const wanted = readUint16(octets, at);
    if (wanted <= before) return false;
    before = wanted;
    while (next + 4 <= parametersEnd && readUint16(octets, next) < wanted) next += 4 + readUint16(octets, next + 2);
    if (next + 4 > parametersEnd || readUint16(octets, next) !== wanted) return false;
  }
  return true;
}
