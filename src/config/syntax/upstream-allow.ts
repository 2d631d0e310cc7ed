/** `--upstream-allow`: which upstreams an operator (or an image) permits, however one is given. */

import { bounded, quoted } from "../../observe/quoted.ts";
import { formatIpAddress, parseIpAddress, unmapIpv4 } from "../../wire/ip-address.ts";
import { type UpstreamAddress, UsageError } from "../config.ts";
import { parseHostName } from "./host-and-port.ts";

/** An address in its one spelling, or a name in lower case. @throws UsageError */
export function parseAllowedUpstream(text: string): string {
  const octets = parseIpAddress(text.replace(/^\[(.*:.*)\]$/, "$1"));
  if (octets !== undefined) return formatIpAddress(unmapIpv4(octets));
  const name = parseHostName(text);
  if (name !== undefined) return name;
  throw new UsageError(
    `${quoted(text)} is neither an IP address nor a host name; either is allowed, without port or #NAME`,
  );
}

/**
 * Checks one upstream. It is permitted if the name it is authenticated by is in the list, or if every address it would
 * be dialled at is. An empty list permits all.
 * @throws UsageError that names the upstream and the list
 */
export function checkAllowed(upstream: UpstreamAddress, allowed: readonly string[]): void {
  if (allowed.length === 0) return;
  // Whatever is dialled must prove to be this name.
  if (upstream.adn !== undefined && allowed.includes(upstream.adn)) return;
  const { addresses } = upstream;
  if (addresses.length > 0 && addresses.every((address) => allowed.includes(address))) return;
  throw new UsageError(
    `${quoted(upstream.text)} is not in --upstream-allow; ${bounded(allowed.join(", "))} is allowed`,
  );
}
