/**
 * What the RDATA of each type consists of, in class IN, so that none is passed on that a strict client cannot parse: it
 * would throw the whole message away. Types that are not listed may have any RDATA (RFC 3597), and a value is only
 * checked where several strict parsers do: what resolvers and other clients take is not withheld.
 */

import {
  digest,
  type FieldReader,
  longString,
  name,
  nonEmptyRest,
  nonEmptyString,
  optionalString,
  plainName,
  rest,
  string,
  strings,
  tag,
  typeBitmap,
} from "./fields.ts";
import type { NameVisitor } from "./message-names.ts";
import { service } from "./service-parameters.ts";
import { addressPrefixes, hostIdentity, ipsecGateway, location, relay, zoneDigest } from "./values.ts";

/** One field after the other, to the end of the RDATA. A number: so many octets of any value. */
type Shape = readonly (number | FieldReader)[];

/** Digests of DS records: SHA-1, SHA-256, GOST R 34.11-94, SHA-384; 0 is reserved, and stands for deletion in a CDS (RFC 8078, 4). */
const DS_OCTETS = [0, 20, 32, 32, 48];
const CDS_OCTETS = [1, 20, 32, 32, 48];

/** In the order of the types' numbers. */
const shapes: Readonly<Record<number, Shape>> = {
  1: [4], // A
  2: [name], // NS
  3: [name], // MD
  4: [name], // MF
  5: [name], // CNAME
  6: [name, name, 20], // SOA
  7: [name], // MB
  8: [name], // MG
  9: [name], // MR
  10: [rest], // NULL
  11: [5, rest], // WKS
  12: [name], // PTR
  13: [string, string], // HINFO
  14: [name, name], // MINFO
  15: [2, name], // MX
  16: [strings], // TXT
  17: [name, name], // RP
  18: [2, name], // AFSDB
  19: [string], // X25
  20: [string, optionalString], // ISDN
  21: [2, name], // RT
  22: [rest], // NSAP
  23: [plainName], // NSAP-PTR
  24: [18, name, rest], // SIG
  25: [4, rest], // KEY
  26: [2, name, name], // PX
  27: [string, string, string], // GPOS
  28: [16], // AAAA
  29: [location], // LOC
  30: [name, rest], // NXT
  33: [6, name], // SRV
  35: [4, string, string, string, name], // NAPTR
  36: [2, plainName], // KX
  37: [5, rest], // CERT
  39: [plainName], // DNAME
  42: [addressPrefixes], // APL
  43: [3, digest(DS_OCTETS)], // DS
  44: [1, digest([undefined, 20, 32])], // SSHFP
  45: [1, ipsecGateway], // IPSECKEY
  46: [18, plainName, rest], // RRSIG
  47: [plainName, typeBitmap], // NSEC
  48: [4, rest], // DNSKEY
  49: [rest], // DHCID
  50: [4, string, nonEmptyString, typeBitmap], // NSEC3
  51: [4, string], // NSEC3PARAM
  52: [3, rest], // TLSA
  53: [3, rest], // SMIMEA
  55: [hostIdentity], // HIP
  56: [strings], // NINFO
  59: [3, digest(CDS_OCTETS)], // CDS
  60: [4, rest], // CDNSKEY
  61: [rest], // OPENPGPKEY
  62: [6, typeBitmap], // CSYNC
  63: [4, zoneDigest], // ZONEMD
  64: [service], // SVCB
  65: [service], // HTTPS
  66: [5, plainName], // DSYNC
  67: [rest], // HHIT
  68: [rest], // BRID
  99: [strings], // SPF
  104: [10], // NID
  105: [6], // L32
  106: [10], // L64
  107: [2, plainName], // LP
  108: [6], // EUI48
  109: [8], // EUI64
  249: [plainName, 12, longString, longString], // TKEY
  256: [4, nonEmptyRest], // URI
  257: [1, tag, rest], // CAA
  258: [strings], // AVC
  260: [1, relay], // AMTRELAY
  261: [strings], // RESINFO
  262: [strings], // WALLET
};

const DLV = 32_769;
/** By type, for all that are listed. */
const byType = Array.from({ length: 263 }, (_, type) => shapes[type]);

/** What the RDATA of the type consists of; undefined if that is not known. */
export function shapeOf(type: number): Shape | undefined {
  return type < byType.length ? byType[type] : type === DLV ? shapes[43] : undefined;
}

/** Whether the RDATA at octets[at, end) is of the shape; `names` reads the names that may be compressed. */
export function fits(shape: Shape, octets: Uint8Array, at: number, end: number, names: NameVisitor): boolean {
  for (let i = 0; i < shape.length; i++) {
    const field = shape[i]!;
    at = typeof field === "number" ? at + field : field(octets, at, end, names);
    if (at < 0 || at > end) return false;
  }
  return at === end;
}
