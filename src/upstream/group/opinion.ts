/** An error that an upstream answered with, while another is asked: what the client gets when that one has nothing to say. */

import { ResponseLayout } from "../../wire/response.ts";
import type { Exchange } from "../exchange.ts";

/** The octets of a response, whose layout says how many they are. */
export function copyOf(octets: Uint8Array, start: number, layout: ResponseLayout): Uint8Array {
  return octets.slice(start, start + Math.max(layout.bodyOctets, layout.optionsEnd));
}

/** Answers the exchange with what was copied. */
export function give(opinion: Uint8Array, exchange: Exchange): void {
  const layout = new ResponseLayout();
  layout.scan(opinion, 0, opinion.length);
  exchange.onResponse(opinion, 0, layout);
}
