/** What is answered without asking anyone, because of what is asked and not of who asks. */

import { CLASS_IN, EDE, RCODE, TYPE } from "../wire/protocol.ts";
import type { Query } from "../wire/query.ts";

/** What to answer: an RCODE, NOERROR meaning that the query goes on, and the Extended DNS Error that says why. */
export interface Verdict {
  readonly rcode: number;
  readonly ede: number;
}

const GO_ON: Verdict = { rcode: RCODE.NOERROR, ede: EDE.NONE };
const NOT_SUPPORTED: Verdict = { rcode: RCODE.REFUSED, ede: EDE.NOT_SUPPORTED };
const NOT_KNOWN: Verdict = { rcode: RCODE.REFUSED, ede: EDE.PROHIBITED };

/** Screens a well-formed query. */
export function screenQuery(query: Query): Verdict {
  // Chaos class names belong to the server asked (RFC 4892); other classes are not in use.
  if (query.qclass !== CLASS_IN) return NOT_SUPPORTED;
  // 249 to 252: TKEY and TSIG are no questions, IXFR and AXFR answer with streams that would hold up the connection
  // all clients share. 41: an OPT is never asked for.
  if (query.qtype === TYPE.OPT || (query.qtype >= TYPE.TKEY && query.qtype <= TYPE.AXFR)) return NOT_SUPPORTED;
  // "Answer from what you know": sent on, such queries could go round between forwarders for ever.
  return query.rd ? GO_ON : NOT_KNOWN;
}
