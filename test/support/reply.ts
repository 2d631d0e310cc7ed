/** What a client reads in a response, by another implementation than ours. */

import { decode } from "@leichtgewicht/dns-packet";

export interface Reply {
  readonly octets: Uint8Array;
  readonly id: number;
  readonly rcode: number;
  readonly tc: boolean;
  readonly ad: boolean;
  readonly cd: boolean;
  readonly hasEdns: boolean;
  /** The question as sent, name in wire form, in Latin-1. */
  readonly question: string;
  /** Those of the answer, authority and additional sections, one list each; the OPT has none. */
  readonly ttls: readonly [readonly number[], readonly number[], readonly number[]];
  /** Addresses in the answer section. */
  readonly addresses: readonly string[];
  /** Extended DNS Errors (RFC 8914). */
  readonly ede: readonly number[];
}

interface DecodedRecord {
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
  readonly options?: readonly { readonly code: number; readonly data: Uint8Array }[];
}

export function readReply(octets: Uint8Array): Reply {
  const {
    id,
    answers = [],
    authorities = [],
    additionals = [],
  } = decode(octets) as unknown as {
    readonly id: number;
    readonly answers?: readonly DecodedRecord[];
    readonly authorities?: readonly DecodedRecord[];
    readonly additionals?: readonly DecodedRecord[];
  };
  const opt = additionals.find(({ type }) => type === "OPT");
  const ttls = (records: readonly DecodedRecord[]) =>
    records.filter(({ type }) => type !== "OPT").map(({ ttl }) => ttl);
  let questionEnd = 12;
  while (octets[questionEnd]! > 0) questionEnd += 1 + octets[questionEnd]!;
  return {
    octets,
    id,
    rcode: octets[3]! & 15,
    tc: (octets[2]! & 2) !== 0,
    ad: (octets[3]! & 0x20) !== 0,
    cd: (octets[3]! & 0x10) !== 0,
    hasEdns: opt !== undefined,
    question: Buffer.from(octets.subarray(12, questionEnd + 5)).toString("latin1"),
    ttls: [ttls(answers), ttls(authorities), ttls(additionals)],
    addresses: answers.filter(({ type }) => type === "A").map(({ data }) => String(data)),
    ede: (opt?.options ?? []).filter(({ code }) => code === 15).map(({ data }) => (data[0]! << 8) | data[1]!),
  };
}
