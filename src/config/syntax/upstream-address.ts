/**
 * The one syntax for upstreams and bootstrap servers:
 *
 *   [tls://]HOST[:PORT][#NAME][?pin=sha256/BASE64[&pin=...]]
 *
 *   1.1.1.1                       in the table of known resolvers: authenticated by its name there
 *   192.0.2.1                     any other address: its certificate must carry the address (an IP SAN)
 *   9.9.9.9:853#dns.quad9.net     authenticated by the name after #, whatever else is known
 *   tls://dns.google              a name in the table: its addresses are known
 *   dot.example.net               any other name: resolved over the bootstrap servers, authenticated by that name
 *   [2620:fe::fe]:853             IPv6 with a port; without one the brackets may go
 *   192.0.2.1?pin=sha256/…        the leaf's public key must match too (RFC 7858, 4.2); any of several passes
 *
 * The port is 853 unless given (RFC 7858, 3.1).
 */

import { quoted } from "../../observe/quoted.ts";
import { formatIpAddress, parseIpAddress, unmapIpv4 } from "../../wire/ip-address.ts";
import { type UpstreamAddress, UsageError } from "../config.ts";
import { knownByAddress, knownByName } from "../known-resolvers.ts";
import { parseHostName, parsePort } from "./host-and-port.ts";

const DOT_PORT = 853;

export const UPSTREAM_SYNTAX = "[tls://]HOST[:PORT][#NAME][?pin=sha256/BASE64]";

/** Reads one upstream. @throws UsageError that names the part that is wrong and what is allowed there. */
export function parseUpstreamAddress(text: string): UpstreamAddress {
  const [beforePins, pins] = cut(stripScheme(text), "?");
  const [hostAndPort, name] = cut(beforePins, "#");
  const { host, port } = splitHostAndPort(text, hostAndPort);
  const spkiPins = pins === undefined ? [] : pins.split("&").map((pin) => parsePin(text, pin));
  const adn = name === undefined ? undefined : parseName(text, name);
  return { text, port, spkiPins, ...placeOf(text, host, adn) };
}

/** Where to dial, and what its certificate must carry. */
function placeOf(
  text: string,
  host: string,
  adn: string | undefined,
): Pick<UpstreamAddress, "addresses" | "hostName" | "adn"> {
  const octets = parseIpAddress(host);
  if (octets !== undefined) {
    checkDialable(text, octets);
    // A mapped address is the IPv4 one: it must not slip past the table or a list of what is allowed.
    const address = formatIpAddress(unmapIpv4(octets));
    return { addresses: [address], hostName: undefined, adn: adn ?? knownByAddress(address)?.names[0] };
  }
  const name = parseHostName(host);
  if (name === undefined) {
    throw new UsageError(
      `${quoted(text)} has a host that is neither an IP address nor a host name; ${UPSTREAM_SYNTAX} is allowed`,
    );
  }
  const known = knownByName(name);
  if (known === undefined) return { addresses: [], hostName: name, adn: adn ?? name };
  return { addresses: [...known.ipv4, ...known.ipv6], hostName: undefined, adn: adn ?? name };
}

function stripScheme(text: string): string {
  const match = /^([^/?#]*):\/\//.exec(text);
  if (match === null) return text;
  if (match[1]!.toLowerCase() !== "tls") {
    throw new UsageError(`${quoted(text)} asks for another protocol; only DNS over TLS is spoken: tls://HOST or HOST`);
  }
  return text.slice(match[0].length);
}

function splitHostAndPort(text: string, hostAndPort: string): { host: string; port: number } {
  if (hostAndPort === "") throw new UsageError(`${quoted(text)} has no host; ${UPSTREAM_SYNTAX} is allowed`);
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(hostAndPort);
  if (bracketed !== null && bracketed[1]!.includes(":")) {
    return { host: bracketed[1]!, port: portOf(text, bracketed[2]) };
  }
  // Two colons or more and no brackets: an IPv6 address alone.
  if (/:.*:/.test(hostAndPort)) return { host: hostAndPort, port: DOT_PORT };
  const [host, port] = cut(hostAndPort, ":");
  return { host, port: portOf(text, port) };
}

function portOf(text: string, digits: string | undefined): number {
  return digits === undefined ? DOT_PORT : parsePort(text, digits, 1);
}

function parseName(text: string, name: string): string {
  const parsed = parseHostName(name);
  if (parsed !== undefined) return parsed;
  throw new UsageError(
    `${quoted(text)} has no host name after #; allowed are labels of 1 to 63 letters, digits and hyphens, 253 octets in all`,
  );
}

function parsePin(text: string, pin: string): Uint8Array {
  const match = /^pin=sha256\/([a-z0-9+/]{43}=)$/i.exec(pin);
  const octets = match === null ? undefined : Uint8Array.from(atob(match[1]!), (char) => char.charCodeAt(0));
  // The last character of 32 octets in base64 has two spare bits; only zeros are the one right spelling.
  if (octets === undefined || btoa(String.fromCharCode(...octets)) !== match![1]) {
    throw new UsageError(
      `${quoted(text)} has no pin after ?; pin=sha256/ and the base64 of 32 octets is allowed, several joined by &`,
    );
  }
  return octets;
}

/** Refuses what no server has: the unspecified address (a connect would reach this host), multicast, broadcast. */
function checkDialable(text: string, octets: Uint8Array): void {
  const address = unmapIpv4(octets);
  const isUnspecified = address.every((octet) => octet === 0);
  const isMulticast = address.length === 4 ? address[0]! >= 224 : address[0] === 0xff;
  if (isUnspecified || isMulticast) {
    throw new UsageError(`${quoted(text)} is not the address of one host; only such an address is allowed`);
  }
}

function cut(text: string, separator: string): [before: string, after: string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
