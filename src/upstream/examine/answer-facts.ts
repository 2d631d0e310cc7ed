/** What the OPT of an upstream's answer says of the upstream (RFC 6891, 6.1.2), for whoever examines one. */

import { readUint16 } from "../../wire/octets.ts";
import { OPTION } from "../../wire/protocol.ts";
import { ResponseLayout } from "../../wire/response.ts";

const TCP_KEEPALIVE = 11;

export interface AnswerFacts {
  /** For how long it keeps an idle connection (edns-tcp-keepalive, RFC 7828, 3.1); undefined if it does not say. */
  readonly keepaliveMs: number | undefined;
  /** Whether it was padded (RFC 7830); no padding at all is none, a padding of no octets is one. */
  readonly padded: boolean;
}

/** Reads a whole message; of one that is malformed nothing is known. */
export function answerFacts(message: Uint8Array): AnswerFacts {
  const options = optionsOf(message);
  const keepalive = options.get(TCP_KEEPALIVE);
  return {
    // In units of 100 milliseconds.
    keepaliveMs: keepalive?.length === 2 ? readUint16(keepalive, 0) * 100 : undefined,
    padded: options.has(OPTION.PADDING),
  };
}

/** The options by code; of a repeated one the first. */
function optionsOf(message: Uint8Array): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  const layout = new ResponseLayout();
  if (!layout.scan(message, 0, message.length)) return options;
  for (let at = layout.optionsStart; at + 4 <= layout.optionsEnd; ) {
    const behind = at + 4 + readUint16(message, at + 2);
    if (behind > layout.optionsEnd) break;
    const code = readUint16(message, at);
    if (!options.has(code)) options.set(code, message.subarray(at + 4, behind));
    at = behind;
  }
  return options;
}
