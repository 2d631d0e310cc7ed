/**
 * Reading queries. On purpose this shares no code with fdns' own parser: a mistake made on both sides would go unseen.
 */

import { nameToText } from "./names.ts";

const TYPE_OPT = 41;
const OPTION_ECS = 8;
const OPTION_KEEPALIVE = 11;
const OPTION_PADDING = 12;

/** A query's fixed parts; offsets count from the start of `octets`. Filled anew for each query. */
export class Query {
  octets: Uint8Array = new Uint8Array(0);
  /** Where the message begins, its ID first. */
  start = 0;
  length = 0;
  id = 0;
  /** The second 16 bits of the header. */
  flags = 0;
  /** The question: QNAME from here ... */
  qnameStart = 0;
  /** ... to here, root label included. */
  qnameEnd = 0;
  qtype = 0;
  qclass = 0;
  /** Where the OPT record's type field is, -1 without one (RFC 6891). */
  optAt = -1;

  get do(): boolean {
    return this.optAt >= 0 && (this.octets[this.optAt + 6]! & 0x80) !== 0;
  }

  /** Whether its OPT has any option. */
  get hasOptions(): boolean {
    return this.optAt >= 0 && (this.octets[this.optAt + 8]! | this.octets[this.optAt + 9]!) !== 0;
  }

  /** Reads one message. False when it is no query with exactly one question that holds together. */
  read(octets: Uint8Array, start: number, length: number): boolean {
    this.octets = octets;
    this.start = start;
    this.length = length;
    this.optAt = -1;
    if (length < 17) return false;
    const end = start + length;
    this.id = (octets[start]! << 8) | octets[start + 1]!;
    this.flags = (octets[start + 2]! << 8) | octets[start + 3]!;
    if (this.flags & 0x8000 || octets[start + 4] !== 0 || octets[start + 5] !== 1) return false;
    let at = start + 12;
    this.qnameStart = at;
    while (at < end && octets[at] !== 0) {
      if (octets[at]! > 63) return false;
      at += octets[at]! + 1;
    }
    at++;
    if (at + 4 > end || at - this.qnameStart > 255) return false;
    this.qnameEnd = at;
    this.qtype = (octets[at]! << 8) | octets[at + 1]!;
    this.qclass = (octets[at + 2]! << 8) | octets[at + 3]!;
    return this.#readRecords(at + 4, end);
  }

  #readRecords(from: number, end: number): boolean {
    const { octets, start } = this;
    let records = 0;
    for (let i = 6; i < 12; i += 2) records += (octets[start + i]! << 8) | octets[start + i + 1]!;
    let at = from;
    for (; records > 0; records--) {
      const root = octets[at] === 0;
      while (at < end && octets[at]! > 0 && octets[at]! <= 63) at += octets[at]! + 1;
      at += at < end && octets[at]! >= 0xc0 ? 2 : 1;
      if (at + 10 > end) return false;
      if (root && ((octets[at]! << 8) | octets[at + 1]!) === TYPE_OPT) this.optAt = at;
      at += 10 + ((octets[at + 8]! << 8) | octets[at + 9]!);
      if (at > end) return false;
    }
    return at === end;
  }
}

/** What a test may want to know of a query beyond its question. */
export interface QueryFacts {
  readonly qname: string;
  readonly qtype: number;
  readonly qclass: number;
  readonly octets: number;
  readonly rd: boolean;
  readonly ad: boolean;
  readonly cd: boolean;
  readonly edns: EdnsFacts | null;
}

export interface EdnsFacts {
  readonly version: number;
  readonly udpPayloadSize: number;
  readonly do: boolean;
  /** Length of the Padding option (RFC 7830), null without one. */
  readonly paddingOctets: number | null;
  /** The Client Subnet option (RFC 7871), null without one. */
  readonly ecs: { readonly family: number; readonly sourcePrefix: number; readonly addressOctets: number } | null;
  readonly keepalive: boolean;
  /** Every option code, in order. */
  readonly options: readonly number[];
}

function ednsFacts(query: Query): EdnsFacts | null {
  if (query.optAt < 0) return null;
  const { octets, optAt } = query;
  const u16 = (at: number) => (octets[at]! << 8) | octets[at + 1]!;
  const end = optAt + 10 + u16(optAt + 8);
  const options: number[] = [];
  let paddingOctets: number | null = null;
  let ecs: EdnsFacts["ecs"] = null;
  for (let at = optAt + 10; at + 4 <= end; at += 4 + u16(at + 2)) {
    const length = u16(at + 2);
    options.push(u16(at));
    if (u16(at) === OPTION_PADDING) paddingOctets = length;
    if (u16(at) === OPTION_ECS && length >= 4) {
      ecs = { family: u16(at + 4), sourcePrefix: octets[at + 6]!, addressOctets: length - 4 };
    }
  }
  return {
    version: octets[optAt + 5]!,
    udpPayloadSize: u16(optAt + 2),
    do: query.do,
    paddingOctets,
    ecs,
    keepalive: options.includes(OPTION_KEEPALIVE),
    options,
  };
}

/** The facts of one message that Query.read accepts; null of any other. */
export function queryFacts(message: Uint8Array): QueryFacts | null {
  const query = new Query();
  if (!query.read(message, 0, message.length)) return null;
  return {
    qname: nameToText(message, query.qnameStart),
    qtype: query.qtype,
    qclass: query.qclass,
    octets: message.length,
    rd: (query.flags & 0x0100) !== 0,
    ad: (query.flags & 0x0020) !== 0,
    cd: (query.flags & 0x0010) !== 0,
    edns: ednsFacts(query),
  };
}
