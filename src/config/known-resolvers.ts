/**
 * Public resolvers that speak DNS over TLS on port 853: their addresses, and the name their certificate carries
 * (the authentication domain name of RFC 8310). With this table `--upstream 9.9.9.9` is authenticated by name, and
 * `--upstream dns.quad9.net` needs nobody to resolve it.
 *
 * Sources: the operators' own pages, collected in the public list of AdguardTeam/KnowledgeBaseDNS
 * (docs/general/dns-providers.md) and in getdnsapi/stubby's stubby.yml.example; Mullvad's and NextDNS's from theirs.
 */

import { formatIpAddress, parseIpAddress } from "../wire/ip-address.ts";

export interface KnownResolver {
  /** Names its certificate carries, in lower case; the first is the one to verify. */
  readonly names: readonly string[];
  /** Whether names below the first (one label, the customer's) mean the same addresses. */
  readonly subdomains?: true;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** As the operator states it; undefined where we know of no statement. Upstreams used together should agree. */
  readonly validates: boolean | undefined;
  readonly filters: boolean | undefined;
}

type Policy = readonly [validates: boolean | undefined, filters: boolean | undefined];

function resolver(names: string, ipv4: string, ipv6: string, [validates, filters]: Policy): KnownResolver {
  return { names: names.split(" "), ipv4: ipv4.split(" "), ipv6: ipv6.split(" "), validates, filters };
}

const validatingUnfiltered: Policy = [true, false];
const validatingFiltered: Policy = [true, true];
const unfiltered: Policy = [undefined, false];
const filtered: Policy = [undefined, true];
const unstated: Policy = [undefined, undefined];

export const knownResolvers: readonly KnownResolver[] = [
  resolver(
    "cloudflare-dns.com one.one.one.one",
    "1.1.1.1 1.0.0.1",
    "2606:4700:4700::1111 2606:4700:4700::1001",
    validatingUnfiltered,
  ),
  resolver(
    "security.cloudflare-dns.com",
    "1.1.1.2 1.0.0.2",
    "2606:4700:4700::1112 2606:4700:4700::1002",
    validatingFiltered,
  ),
  resolver(
    "family.cloudflare-dns.com",
    "1.1.1.3 1.0.0.3",
    "2606:4700:4700::1113 2606:4700:4700::1003",
    validatingFiltered,
  ),
  resolver("dns.quad9.net", "9.9.9.9 149.112.112.112", "2620:fe::fe 2620:fe::9", validatingFiltered),
  resolver("dns10.quad9.net", "9.9.9.10 149.112.112.10", "2620:fe::10 2620:fe::fe:10", [false, false]),
  resolver("dns11.quad9.net", "9.9.9.11 149.112.112.11", "2620:fe::11 2620:fe::fe:11", validatingFiltered),
  resolver("dns.google", "8.8.8.8 8.8.4.4", "2001:4860:4860::8888 2001:4860:4860::8844", validatingUnfiltered),
  resolver("dns.adguard-dns.com", "94.140.14.14 94.140.15.15", "2a10:50c0::ad1:ff 2a10:50c0::ad2:ff", filtered),
  resolver("unfiltered.adguard-dns.com", "94.140.14.140 94.140.14.141", "2a10:50c0::1:ff 2a10:50c0::2:ff", unfiltered),
  resolver("dns.mullvad.net", "194.242.2.2", "2a07:e340::2", unfiltered),
  resolver("adblock.dns.mullvad.net", "194.242.2.3", "2a07:e340::3", filtered),
  resolver("base.dns.mullvad.net", "194.242.2.4", "2a07:e340::4", filtered),
  resolver("extended.dns.mullvad.net", "194.242.2.5", "2a07:e340::5", filtered),
  resolver("family.dns.mullvad.net", "194.242.2.6", "2a07:e340::6", filtered),
  resolver("dot.sb", "185.222.222.222 45.11.45.11", "2a09:: 2a11::", unfiltered),
  resolver("dns.opendns.com", "208.67.222.222 208.67.220.220", "2620:119:35::35 2620:119:53::53", unstated),
  resolver("p0.freedns.controld.com", "76.76.2.0 76.76.10.0", "2606:1a40:: 2606:1a40:1::", unfiltered),
  {
    ...resolver("dns.nextdns.io", "45.90.28.0 45.90.30.0", "2a07:a8c0:: 2a07:a8c1::", unstated),
    subdomains: true,
  },
  resolver("unfiltered.joindns4.eu", "86.54.11.100 86.54.11.200", "2a13:1001::86:54:11:100", unfiltered),
  resolver("wikimedia-dns.org", "185.71.138.138", "2001:67c:930::1", unfiltered),
  resolver("odvr.nic.cz", "193.17.47.1 185.43.135.1", "2001:148f:ffff::1 2001:148f:fffe::1", validatingUnfiltered),
  resolver(
    "security-filter-dns.cleanbrowsing.org",
    "185.228.168.9 185.228.169.9",
    "2a0d:2a00:1::2 2a0d:2a00:2::2",
    filtered,
  ),
  resolver(
    "private.canadianshield.cira.ca",
    "149.112.121.10 149.112.122.10",
    "2620:10a:80bb::10 2620:10a:80bc::10",
    unfiltered,
  ),
  resolver("dns.switch.ch", "130.59.31.248", "2001:620:0:ff::2", filtered),
  resolver("ordns.he.net", "74.82.42.42", "2001:470:20::2", unfiltered),
  resolver("dns.digitale-gesellschaft.ch", "185.95.218.43", "2a05:fc84::43", validatingUnfiltered),
  resolver("anycast.censurfridns.dk", "91.239.100.100", "2001:67c:28a4::", validatingUnfiltered),
  resolver("dns.alidns.com", "223.5.5.5 223.6.6.6", "2400:3200::1 2400:3200:baba::1", unstated),
  resolver("common.dot.dns.yandex.net", "77.88.8.8 77.88.8.1", "2a02:6b8::feed:ff 2a02:6b8:0:1::feed:ff", unstated),
];

/**
 * Who is asked when nobody said: two operators, so that the fall of one is not the fall of all, with the same policy
 * (validating, unfiltered), so that an answer does not depend on which of them gave it.
 */
export const defaultUpstreamNames: readonly string[] = ["cloudflare-dns.com", "dns.google"];

/** The resolver that has this address, written in any form. */
export function knownByAddress(address: string): KnownResolver | undefined {
  const octets = parseIpAddress(address);
  if (octets === undefined) return undefined;
  const text = formatIpAddress(octets);
  return knownResolvers.find((known) => known.ipv4.includes(text) || known.ipv6.includes(text));
}

/** The resolver that has this name (lower case, no trailing dot). */
export function knownByName(name: string): KnownResolver | undefined {
  const parent = name.slice(name.indexOf(".") + 1);
  return knownResolvers.find(
    (known) => known.names.includes(name) || (known.subdomains === true && parent === known.names[0]),
  );
}
