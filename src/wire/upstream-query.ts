/** Writing what goes to an upstream: the client's question in a message of fdns' own, framed for TLS and padded. */

import { copyOctets, writeUint16 } from "./octets.ts";
import { AD, CD, HEADER_OCTETS, MAX_QUESTION_OCTETS, OPT_OCTETS, OPTION, RD, TYPE } from "./protocol.ts";
import type { Query } from "./query.ts";

/** RFC 8467, 4.1: queries are padded to the next multiple of this. */
const PADDING_BLOCK_OCTETS = 128;
/** "Add no client subnet of your own either": family, source and scope prefix length 0 (RFC 7871, 7.1.2). */
const CLIENT_SUBNET_OCTETS = 8;
/** "Tell me how long you keep an idle connection" (edns-tcp-keepalive, RFC 7828, 3.2.1): an option without a value. */
const KEEPALIVE_OCTETS = 4;
const OPTIONS_OCTETS = CLIENT_SUBNET_OCTETS + KEEPALIVE_OCTETS + 4;
/** What fdns takes over UDP if it were UDP; means nothing over TLS, but an OPT has to say something. */
const UDP_PAYLOAD_SIZE = 1232;

/** The most that writeUpstreamQuery() writes. */
export const MAX_UPSTREAM_QUERY_OCTETS =
  2 +
  Math.ceil((HEADER_OCTETS + MAX_QUESTION_OCTETS + OPT_OCTETS + OPTIONS_OCTETS) / PADDING_BLOCK_OCTETS) *
    PADDING_BLOCK_OCTETS;

/**
 * Writes a framed query at room[at...] and returns its octets, the two of the length included. From the client: the
 * question, CD (RFC 4035, 3.2.2), DO, and AD, which asks for AD in the response (RFC 6840, 5.7). RD is always set.
 * `isPlain`: no options, and no OPT either unless DO needs one (RFC 3225, 3).
 */
export function writeUpstreamQuery(room: Uint8Array, at: number, id: number, query: Query, isPlain = false): number {
  const hasOpt = !isPlain || query.dnssecOk;
  const unpadded = HEADER_OCTETS + query.questionOctets + (hasOpt ? OPT_OCTETS : 0) + (isPlain ? 0 : OPTIONS_OCTETS);
  const padding = isPlain ? 0 : (PADDING_BLOCK_OCTETS - (unpadded % PADDING_BLOCK_OCTETS)) % PADDING_BLOCK_OCTETS;
  const length = unpadded + padding;
  room.fill(0, at, at + 2 + length);
  writeUint16(room, at, length);
  const message = at + 2;
  writeUint16(room, message, id);
  room[message + 2] = RD;
  room[message + 3] = (query.cd ? CD : 0) | (query.ad ? AD : 0);
  room[message + 5] = 1;
  room[message + 11] = hasOpt ? 1 : 0;
  const question = message + HEADER_OCTETS;
  copyOctets(query.question, 0, room, question, query.questionOctets);
  if (!hasOpt) return 2 + length;
  const opt = question + query.questionOctets;
  writeUint16(room, opt + 1, TYPE.OPT);
  writeUint16(room, opt + 3, UDP_PAYLOAD_SIZE);
  room[opt + 7] = query.dnssecOk ? 0x80 : 0;
  if (isPlain) return 2 + length;
  writeUint16(room, opt + 9, OPTIONS_OCTETS + padding);
  const subnet = opt + OPT_OCTETS;
  writeUint16(room, subnet, OPTION.CLIENT_SUBNET);
  writeUint16(room, subnet + 2, 4);
  room[subnet + 5] = 1; // family IPv4; prefix lengths stay 0
  const keepalive = subnet + CLIENT_SUBNET_OCTETS;
  writeUint16(room, keepalive, OPTION.TCP_KEEPALIVE);
  const pad = keepalive + KEEPALIVE_OCTETS;
  writeUint16(room, pad, OPTION.PADDING);
  writeUint16(room, pad + 2, padding);
  return 2 + length;
}
