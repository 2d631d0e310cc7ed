/** Where fdns answers about itself: a loopback address, as what it says is for this host's operator alone. */

import { quoted } from "../../observe/quoted.ts";
import type { SocketAddress } from "../../runtime/runtime.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { UsageError } from "../config.ts";
import { parsePort } from "./host-and-port.ts";

/** Reads 127.0.0.1:9153 or [::1]:9153; port 0 asks the host for a free one. @throws UsageError */
export function parseAdminAddress(text: string): SocketAddress {
  const [, v6, v4, digits] = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text) ?? [];
  const octets = parseIpAddress(v6 ?? v4 ?? "");
  const isBracketed = v6 !== undefined;
  if (octets === undefined || isBracketed !== (octets.length === 16)) {
    throw new UsageError(`${quoted(text)} is not an address with a port; 127.0.0.1:9153 or [::1]:9153 is allowed`);
  }
  const host = formatIpAddress(octets);
  if (octets.length === 4 ? octets[0] !== 127 : host !== "::1") {
    throw new UsageError(`${quoted(text)} is not on loopback; an address in 127.0.0.0/8 or [::1] is allowed`);
  }
  return { host, port: parsePort(text, digits!, 0) };
}
