/** Numbers of the DNS protocol, as IANA's "Domain Name System (DNS) Parameters" registry lists them. */

/** Octets of a message header (RFC 1035, 4.1.1). */
export const HEADER_OCTETS = 12;
/** A name in wire form is at most 255 octets, the root's zero included (RFC 1035, 3.1). */
export const MAX_NAME_OCTETS = 255;
/** A question: name, type, class. */
export const MAX_QUESTION_OCTETS = MAX_NAME_OCTETS + 4;
/** A message over TCP or TLS (RFC 1035, 4.2.2: a two-octet length). */
export const MAX_MESSAGE_OCTETS = 65_535;
/** A UDP response to a client that sent no OPT (RFC 1035, 4.2.1), and the least an OPT can mean (RFC 6891, 6.2.3). */
export const MIN_UDP_OCTETS = 512;
/** An OPT record without options: root, type, size, extended RCODE and flags, option length (RFC 6891, 6.1.2). */
export const OPT_OCTETS = 11;

/** Header octet 2: QR, four bits of opcode, AA, TC, RD. AA is never ours to set: fdns is authoritative for nothing. */
export const QR = 0x80;
export const OPCODE_MASK = 0x78;
export const TC = 0x02;
export const RD = 0x01;
/** Header octet 3: RA, Z, AD, CD, four bits of RCODE. */
export const RA = 0x80;
export const AD = 0x20;
export const CD = 0x10;
export const RCODE_MASK = 0x0f;

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** The first that needs an OPT's upper bits (RFC 6891, 9). */
  BADVERS: 16,
} as const;

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  SIG: 24,
  AAAA: 28,
  DNAME: 39,
  OPT: 41,
  RRSIG: 46,
  NSEC: 47,
  NSEC3: 50,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  /** "*" in RFC 1035, 3.2.3. */
  ANY: 255,
} as const;

/** Types from here to TSIG are never asked for; the first is NXNAME (RFC 9824, 3.5, and RFC 6895, 3.1). */
const FIRST_META_TYPE = 128;

/** Whether the type is of no records, and no question for several types in use. */
export function isMetaType(type: number): boolean {
  if (type >= FIRST_META_TYPE && type <= TYPE.TSIG) return true;
  return type === TYPE.OPT || type === TYPE.MAILB || type === TYPE.MAILA;
}

export const CLASS_IN = 1;

export const OPTION = { CLIENT_SUBNET: 8, TCP_KEEPALIVE: 11, PADDING: 12, EXTENDED_ERROR: 15 } as const;

/** Extended DNS Errors (RFC 8914, 5.2, and the registry it makes). */
export const EDE = {
  NONE: -1,
  OTHER: 0,
  STALE_ANSWER: 3,
  PROHIBITED: 18,
  STALE_NXDOMAIN_ANSWER: 19,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
  /** RFC 9824, 3.5. */
  INVALID_QUERY_TYPE: 30,
} as const;
