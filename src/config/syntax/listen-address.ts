/**
 * Where fdns listens, as operators write it:
 *
 *   :53               every local address, IPv4 and IPv6
 *   127.0.0.1:53      one address
 *   [::1]:53          one IPv6 address; its port needs the brackets
 *   0.0.0.0:53        every local address of one family; [::]:53 likewise
 *   fe80::1%eth0      a link-local address needs its interface; without a port it is 53
 */

import { quoted } from "../../observe/quoted.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { type ListenAddress, UsageError } from "../config.ts";
import { parsePort } from "./host-and-port.ts";

const DNS_PORT = 53;

/** Stubs on this host only, over whatever families it has. */
export const defaultListenAddresses: readonly ListenAddress[] = [
  { host: "127.0.0.1", port: DNS_PORT, optional: true },
  { host: "::1", port: DNS_PORT, optional: true },
];

/** Reads one address to listen on. Port 0 asks the host for a free one. @throws UsageError */
export function parseListenAddress(text: string): ListenAddress {
  const colonPort = /^:([0-9]+)$/.exec(text);
  if (colonPort !== null) return { host: "*", port: port(text, colonPort[1]!), optional: false };
  const split = splitHostAndPort(text);
  if (split === undefined) throw notAnAddress(text);
  const percent = split.host.indexOf("%");
  const octets = parseIpAddress(percent < 0 ? split.host : split.host.slice(0, percent));
  if (octets === undefined) throw notAnAddress(text);
  const zone = percent < 0 ? undefined : split.host.slice(percent + 1);
  checkZone(text, octets, zone);
  const host = formatIpAddress(octets) + (zone === undefined ? "" : `%${zone}`);
  return { host, port: split.port === undefined ? DNS_PORT : port(text, split.port), optional: false };
}

/** Writes an address so that parseListenAddress reads the same one. */
export function formatListenAddress(address: { readonly host: string; readonly port: number }): string {
  if (address.host === "*") return `:${address.port}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function splitHostAndPort(text: string): { host: string; port: string | undefined } | undefined {
  const match = /^(?:\[([^[\]]*:[^[\]]*)\]|([^:[\]]+))(?::([^:]*))?$/.exec(text);
  if (match !== null) return { host: (match[1] ?? match[2])!, port: match[3] };
  // Two colons or more and no brackets: an IPv6 address alone.
  return /^[^[\]]*:[^[\]]*:[^[\]]*$/.test(text) ? { host: text, port: undefined } : undefined;
}

function checkZone(text: string, octets: Uint8Array, zone: string | undefined): void {
  // fe80::/10 (RFC 4291, 2.5.6): the same address may be on every link.
  const isLinkLocal = octets.length === 16 && octets[0] === 0xfe && (octets[1]! & 0xc0) === 0x80;
  if (isLinkLocal && zone === undefined) {
    throw new UsageError(
      `${quoted(text)} is link-local and needs its interface, as in [${formatIpAddress(octets)}%eth0]:53`,
    );
  }
  if (zone === undefined) return;
  if (!isLinkLocal) throw new UsageError(`${quoted(text)} names an interface; only an address in fe80::/10 has one`);
  if (!/^[\w.@-]{1,15}$/.test(zone)) {
    throw new UsageError(
      `${quoted(text)} names an interface that cannot be; its name has 1 to 15 letters, digits or . _ - @`,
    );
  }
}

function port(text: string, digits: string): number {
  return parsePort(text, digits, 0);
}

function notAnAddress(text: string): UsageError {
  return new UsageError(
    `${quoted(text)} is not an address to listen on; write :53 for every local address, or 127.0.0.1:53, [::1]:53, 0.0.0.0:53`,
  );
}
