/** Address prefixes as operators write them: `192.0.2.0/24`, `2001:db8::/32`, or one address. */

import { quoted } from "../../observe/quoted.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { type AddressPrefix, UsageError } from "../config.ts";

/** ::ffff:0:0/96, in which a dual-stack socket shows IPv4 peers. */
const MAPPED_BITS = 96;

/**
 * Reads `ADDRESS[/BITS]`; without bits it is the one address. A prefix within ::ffff:0:0/96 becomes the IPv4 one.
 * @throws UsageError if the text is no prefix, or has bits set past its length: which network was meant is then unclear.
 */
export function parseAddressPrefix(text: string): AddressPrefix {
  const slash = text.indexOf("/");
  const octets = parseIpAddress(slash < 0 ? text : text.slice(0, slash));
  if (octets === undefined) {
    throw new UsageError(
      `${quoted(text)} is not an address prefix; write one as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1`,
    );
  }
  const longest = octets.length * 8;
  const written = slash < 0 ? String(longest) : text.slice(slash + 1);
  const bits = Number(written);
  if (!/^(?:0|[1-9][0-9]*)$/.test(written) || bits > longest) {
    throw new UsageError(`${quoted(text)} has a wrong prefix length; 0 to ${longest} is allowed for this address`);
  }
  const network = networkOf(octets, bits);
  if (network.some((octet, i) => octet !== octets[i])) {
    throw new UsageError(
      `${quoted(text)} has bits set past its length; for the network write ${formatIpAddress(network)}/${bits}, ` +
        `for the one address ${formatIpAddress(octets)}`,
    );
  }
  const isMapped = formatIpAddress(octets).startsWith("::ffff:") && formatIpAddress(octets).includes(".");
  if (isMapped && bits >= MAPPED_BITS) return { octets: octets.slice(12), bits: bits - MAPPED_BITS };
  return { octets, bits };
}

/** Writes a prefix so that parseAddressPrefix reads the same one. */
export function formatAddressPrefix(prefix: AddressPrefix): string {
  return `${formatIpAddress(prefix.octets)}/${prefix.bits}`;
}

function networkOf(octets: Uint8Array, bits: number): Uint8Array {
  return octets.map((octet, i) => {
    const kept = Math.min(8, Math.max(0, bits - 8 * i));
    return octet & (0xff00 >> kept) & 0xff;
  });
}
