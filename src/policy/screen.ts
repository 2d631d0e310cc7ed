/** What is answered without asking anyone, because of what is asked and not of who asks. */

import { CLASS_IN, EDE, isMetaType, RCODE, TYPE } from "../wire/protocol.ts";
import type { Query } from "../wire/query.ts";

/** What to answer: an RCODE, NOERROR meaning that the query goes on, and the Extended DNS Error that says why. */
export interface Verdict {
  readonly rcode: number;
  readonly ede: number;
}

const GO_ON: Verdict = { rcode: RCODE.NOERROR, ede: EDE.NONE };
const NOT_SUPPORTED: Verdict = { rcode: RCODE.REFUSED, ede: EDE.NOT_SUPPORTED };
const NO_QUESTION: Verdict = { rcode: RCODE.FORMERR, ede: EDE.INVALID_QUERY_TYPE };
/** RFC 8914, 4.21: who asks without RD is told that fdns knows nothing of its own. */
const NOT_KNOWN: Verdict = { rcode: RCODE.REFUSED, ede: EDE.NOT_AUTHORITATIVE };

/** Screens a well-formed query. */
export function screenQuery(query: Query): Verdict {
  // Chaos class names belong to the server asked (RFC 4892); other classes are not in use.
  if (query.qclass !== CLASS_IN) return NOT_SUPPORTED;
  // Resolvers answer these with FORMERR, which would look like a complaint about fdns' own query.
  if (isMetaType(query.qtype)) return NO_QUESTION;
  // They are answered with streams that would hold up the connection all clients share.
  if (query.qtype === TYPE.IXFR || query.qtype === TYPE.AXFR) return NOT_SUPPORTED;
  // "Answer from what you know": sent on, such queries could go round between forwarders for ever.
  return query.rd ? GO_ON : NOT_KNOWN;
}
