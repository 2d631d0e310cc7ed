/** Which response belongs to which query: the ID alone does not say (RFC 7766, 7). */

import { sameQuestion } from "../../wire/name.ts";
import { HEADER_OCTETS, OPCODE_MASK, QR, RCODE, TC } from "../../wire/protocol.ts";
import type { ResponseLayout } from "../../wire/response.ts";
import { type Exchange, UpstreamError } from "../exchange.ts";

/** One of each for all, since an error notes where it was made, which takes long. */
const MALFORMED = new UpstreamError("malformed", "its answer is malformed");
export const OTHER_QUESTION = new UpstreamError("malformed", "it answered another question than was asked");
const TRUNCATED = new UpstreamError("malformed", "its answer is truncated (TC), which no answer over TLS need be");

/** Why the octets are no answer to the exchange; undefined if they are one, which `layout` then describes. */
export function whyNoAnswer(
  exchange: Exchange,
  octets: Uint8Array,
  start: number,
  length: number,
  layout: ResponseLayout,
): UpstreamError | undefined {
  if (!layout.scan(octets, start, length)) return MALFORMED;
  if (!answers(exchange, octets, start, layout)) return OTHER_QUESTION;
  // There is no larger transport to ask again over, so an answer cut short is as good as none.
  return (octets[start + 2]! & TC) === 0 ? undefined : TRUNCATED;
}

/** Whether the octets are a response to what was asked: QR, a standard query, and the question itself. */
export function answers(exchange: Exchange, octets: Uint8Array, start: number, layout: ResponseLayout): boolean {
  const flags = octets[start + 2]!;
  if ((flags & QR) === 0 || (flags & OPCODE_MASK) !== 0) return false;
  const { question, questionOctets } = exchange.query;
  if (layout.questionOctets === questionOctets) {
    return sameQuestion(octets, start + HEADER_OCTETS, question, 0, questionOctets);
  }
  // Upstreams that could not read or would not serve the query answer with a bare header.
  return layout.questionOctets === 0 && layout.rcode !== RCODE.NOERROR && layout.bodyOctets === HEADER_OCTETS;
}
