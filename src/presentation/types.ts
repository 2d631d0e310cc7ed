/** Types, RCODEs, Extended DNS Errors and EDNS options by name, as IANA's registries list them. */

/** What one field of RDATA is, in the words of the RFCs' presentation formats; the last may take the rest. */
export type Field =
  | "u8"
  | "u16"
  | "u32"
  | "name"
  | "ipv4"
  | "ipv6"
  /** A type by its mnemonic. */
  | "type"
  /** A character-string behind its length, in quotes. */
  | "string"
  /** One behind its length, without quotes: a CAA tag. */
  | "word"
  /** Character-strings up to the end. */
  | "strings"
  /** The rest as one quoted text, with no length of its own. */
  | "text"
  | "hex"
  | "base64"
  /** Seconds since 1970 as YYYYMMDDHHmmSS (RFC 4034, 3.2). */
  | "time"
  /** Octets behind their length, in hexadecimal, "-" for none (RFC 5155, 3.3). */
  | "salt"
  /** Octets behind their length, in base32hex (RFC 5155, 3.3). */
  | "hash"
  /** Which types there are (RFC 4034, 4.1.2). */
  | "bitmap"
  /** SvcParams (RFC 9460, 2.1). */
  | "parameters";

interface KnownType {
  readonly number: number;
  /** Absent: shown as octets (RFC 3597, 5), which is allowed for any type. */
  readonly fields?: readonly Field[];
}

const known: Readonly<Record<string, KnownType>> = {
  A: { number: 1, fields: ["ipv4"] },
  NS: { number: 2, fields: ["name"] },
  CNAME: { number: 5, fields: ["name"] },
  SOA: { number: 6, fields: ["name", "name", "u32", "u32", "u32", "u32", "u32"] },
  PTR: { number: 12, fields: ["name"] },
  HINFO: { number: 13, fields: ["string", "string"] },
  MX: { number: 15, fields: ["u16", "name"] },
  TXT: { number: 16, fields: ["strings"] },
  RP: { number: 17, fields: ["name", "name"] },
  AFSDB: { number: 18, fields: ["u16", "name"] },
  SIG: { number: 24 },
  KEY: { number: 25 },
  AAAA: { number: 28, fields: ["ipv6"] },
  LOC: { number: 29 },
  SRV: { number: 33, fields: ["u16", "u16", "u16", "name"] },
  NAPTR: { number: 35, fields: ["u16", "u16", "string", "string", "string", "name"] },
  KX: { number: 36, fields: ["u16", "name"] },
  CERT: { number: 37, fields: ["u16", "u16", "u8", "base64"] },
  DNAME: { number: 39, fields: ["name"] },
  OPT: { number: 41 },
  APL: { number: 42 },
  DS: { number: 43, fields: ["u16", "u8", "u8", "hex"] },
  SSHFP: { number: 44, fields: ["u8", "u8", "hex"] },
  IPSECKEY: { number: 45 },
  RRSIG: { number: 46, fields: ["type", "u8", "u8", "u32", "time", "time", "u16", "name", "base64"] },
  NSEC: { number: 47, fields: ["name", "bitmap"] },
  DNSKEY: { number: 48, fields: ["u16", "u8", "u8", "base64"] },
  DHCID: { number: 49, fields: ["base64"] },
  NSEC3: { number: 50, fields: ["u8", "u8", "u16", "salt", "hash", "bitmap"] },
  NSEC3PARAM: { number: 51, fields: ["u8", "u8", "u16", "salt"] },
  TLSA: { number: 52, fields: ["u8", "u8", "u8", "hex"] },
  SMIMEA: { number: 53, fields: ["u8", "u8", "u8", "hex"] },
  HIP: { number: 55 },
  CDS: { number: 59, fields: ["u16", "u8", "u8", "hex"] },
  CDNSKEY: { number: 60, fields: ["u16", "u8", "u8", "base64"] },
  OPENPGPKEY: { number: 61, fields: ["base64"] },
  CSYNC: { number: 62, fields: ["u32", "u16", "bitmap"] },
  ZONEMD: { number: 63, fields: ["u32", "u8", "u8", "hex"] },
  SVCB: { number: 64, fields: ["u16", "name", "parameters"] },
  HTTPS: { number: 65, fields: ["u16", "name", "parameters"] },
  SPF: { number: 99, fields: ["strings"] },
  EUI48: { number: 108 },
  EUI64: { number: 109 },
  TKEY: { number: 249 },
  TSIG: { number: 250 },
  IXFR: { number: 251 },
  AXFR: { number: 252 },
  ANY: { number: 255 },
  URI: { number: 256, fields: ["u16", "u16", "text"] },
  CAA: { number: 257, fields: ["u8", "word", "text"] },
};

const byNumber = new Map(Object.entries(known).map(([mnemonic, type]) => [type.number, { mnemonic, ...type }]));

/** The mnemonics there are. */
export const mnemonics: readonly string[] = Object.keys(known);

/** A type by its mnemonic, else as TYPE65280 (RFC 3597, 5). */
export function typeText(type: number): string {
  return byNumber.get(type)?.mnemonic ?? `TYPE${type}`;
}

/** Reads either form, in any case; undefined if it is neither. */
export function parseType(text: string): number | undefined {
  const upper = text.toUpperCase();
  if (Object.hasOwn(known, upper)) return known[upper]!.number;
  const number = /^TYPE(0|[1-9][0-9]{0,4})$/.exec(upper)?.[1];
  return number === undefined || Number(number) > 0xffff ? undefined : Number(number);
}

/** How its RDATA is written; undefined where only octets can be shown. */
export function fieldsOf(type: number): readonly Field[] | undefined {
  return byNumber.get(type)?.fields;
}

/** A class by its mnemonic, else as CLASS32 (RFC 3597, 5). */
export function classText(number: number): string {
  return { 1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY" }[number] ?? `CLASS${number}`;
}

const rcodes: Readonly<Record<number, string>> = {
  0: "NOERROR",
  1: "FORMERR",
  2: "SERVFAIL",
  3: "NXDOMAIN",
  4: "NOTIMP",
  5: "REFUSED",
  6: "YXDOMAIN",
  7: "YXRRSET",
  8: "NXRRSET",
  9: "NOTAUTH",
  10: "NOTZONE",
  11: "DSOTYPENI",
  16: "BADVERS",
  22: "BADTRUNC",
  23: "BADCOOKIE",
};

/** An RCODE, extended or not, by its name, else RCODE3841. */
export function rcodeText(rcode: number): string {
  return rcodes[rcode] ?? `RCODE${rcode}`;
}

/** INFO-CODEs 0 to 30 (RFC 8914, 5.2 and the registry since). */
const extendedErrors: readonly string[] = [
  "Other",
  "Unsupported DNSKEY Algorithm",
  "Unsupported DS Digest Type",
  "Stale Answer",
  "Forged Answer",
  "DNSSEC Indeterminate",
  "DNSSEC Bogus",
  "Signature Expired",
  "Signature Not Yet Valid",
  "DNSKEY Missing",
  "RRSIGs Missing",
  "No Zone Key Bit Set",
  "NSEC Missing",
  "Cached Error",
  "Not Ready",
  "Blocked",
  "Censored",
  "Filtered",
  "Prohibited",
  "Stale NXDomain Answer",
  "Not Authoritative",
  "Not Supported",
  "No Reachable Authority",
  "Network Error",
  "Invalid Data",
  "Signature Expired before Valid",
  "Too Early",
  "Unsupported NSEC3 Iterations Value",
  "Unable to conform to policy",
  "Synthesized",
  "Invalid Query Type",
];

/** What an INFO-CODE means; undefined for one that is not known here. */
export function extendedErrorText(code: number): string | undefined {
  return extendedErrors[code];
}
