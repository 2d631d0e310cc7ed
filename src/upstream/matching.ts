/** Which response belongs to which query: the ID alone does not say (RFC 7766, 7). */

import { sameQuestion } from "../wire/name.ts";
import { HEADER_OCTETS, OPCODE_MASK, QR, RCODE } from "../wire/protocol.ts";
import type { ResponseLayout } from "../wire/response.ts";
import type { Exchange } from "./exchange.ts";

/** Whether the octets are a response to what was asked: QR, a standard query, and the question itself. */
export function answers(exchange: Exchange, octets: Uint8Array, start: number, layout: ResponseLayout): boolean {
  const flags = octets[start + 2]!;
  if ((flags & QR) === 0 || (flags & OPCODE_MASK) !== 0) return false;
  const { question, questionOctets } = exchange.query;
  if (layout.questionOctets === questionOctets) {
    return sameQuestion(octets, start + HEADER_OCTETS, question, 0, questionOctets);
  }
  // Servers that could not read or would not serve the query answer with a bare header.
  return layout.questionOctets === 0 && layout.rcode !== RCODE.NOERROR && layout.bodyOctets === HEADER_OCTETS;
}
