/** Records with a TTL of the test's choice, and those that deny, octet by octet. */

import { name, uint16 } from "./fake-messages.ts";

export const A = 1;
export const NS = 2;
export const CNAME = 5;
export const SOA = 6;
export const DNAME = 39;
export const RRSIG = 46;
export const NSEC = 47;
export const NSEC3 = 50;
export const ANY = 255;

export function uint32(value: number): number[] {
  return [...uint16(value >>> 16), ...uint16(value)];
}

export function timed(
  owner: readonly number[] | string,
  type: number,
  ttlSeconds: number,
  rdata: readonly number[],
): number[] {
  const octets = typeof owner === "string" ? name(owner) : owner;
  return [...octets, ...uint16(type), 0, 1, ...uint32(ttlSeconds), ...uint16(rdata.length), ...rdata];
}

export interface SoaParts {
  readonly owner?: readonly number[] | string;
  readonly ttlSeconds?: number;
  readonly minimumSeconds?: number;
  /** MNAME and RNAME, one behind the other. */
  readonly names?: readonly number[];
}

/** The SOA of test., unless said otherwise. */
export function soa(parts: SoaParts = {}): number[] {
  const { owner = "test", ttlSeconds = 3600, minimumSeconds = 900 } = parts;
  const { names = [...name("ns.test"), ...name("admin.test")] } = parts;
  return timed(owner, SOA, ttlSeconds, [...names, ...[1, 7200, 600, 86_400, minimumSeconds].flatMap(uint32)]);
}

export function nsec(owner: readonly number[] | string, next: readonly number[], ttlSeconds = 900): number[] {
  return timed(owner, NSEC, ttlSeconds, [...next, 0, 1, 0x40]);
}

export function rrsig(
  owner: readonly number[] | string,
  covered: number,
  signer: readonly number[] = name("test"),
  ttlSeconds = 900,
): number[] {
  const fixed = [...uint16(covered), 13, 1, ...uint32(900), ...uint32(2), ...uint32(1), ...uint16(77)];
  return timed(owner, RRSIG, ttlSeconds, [...fixed, ...signer, 9, 9, 9, 9]);
}
