/**
 * IP addresses between text and octets. Strict on purpose: the lenient forms of inet_aton ("127.1", "0x7f.0.0.1",
 * "010.0.0.1") mean different addresses to different programs.
 */

/**
 * Reads an IPv4 address (four decimal numbers, no leading zero) or an IPv6 address in any form of RFC 4291, 2.2.
 * No brackets, no port, no zone.
 * @returns 4 or 16 octets; undefined if the text is no address.
 */
export function parseIpAddress(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/**
 * Writes 4 octets as dotted decimal, 16 as RFC 5952 asks: lower case, the longest run of zeros shortened, and an
 * IPv4-mapped address with its IPv4 part in decimal.
 * @throws RangeError for any other number of octets.
 */
export function formatIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  if (octets.length !== 16) throw new RangeError(`an IP address has 4 or 16 octets, not ${octets.length}`);
  const inner = innerIpv4(octets);
  if (inner !== undefined) return `::ffff:${inner.join(".")}`;
  const groups = Array.from({ length: 8 }, (_, i) => (octets[2 * i]! << 8) | octets[2 * i + 1]!);
  const [start, length] = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  // A single zero group is written out (RFC 5952, 4.2.2).
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** The IPv4 address inside ::ffff:0:0/96 (RFC 4291, 2.5.5.2), as 4 octets; any other address unchanged. */
export function unmapIpv4(octets: Uint8Array): Uint8Array {
  return innerIpv4(octets) ?? octets;
}

function innerIpv4(octets: Uint8Array): Uint8Array | undefined {
  if (octets.length !== 16 || octets[10] !== 0xff || octets[11] !== 0xff) return undefined;
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return undefined;
  return octets.slice(12);
}

const decimalOctet = /^(?:0|[1-9][0-9]{0,2})$/;
const hexGroup = /^[0-9a-fA-F]{1,4}$/;

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const octets = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    if (!decimalOctet.test(part) || Number(part) > 255) return undefined;
    octets[i] = Number(part);
  }
  return octets;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const gapped = halves.length === 2;
  // A dotted IPv4 part may only end the whole address.
  const head = parseGroups(halves[0]!, !gapped);
  const tail = gapped ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const given = head.length + tail.length;
  // "::" stands for at least one group of zeros (RFC 4291, 2.2).
  if (gapped ? given > 14 : given !== 16) return undefined;
  const octets = new Uint8Array(16);
  octets.set(head, 0);
  octets.set(tail, 16 - tail.length);
  return octets;
}

/** The octets of "a:b:c" or, where allowed, "a:b:1.2.3.4"; none for "". */
function parseGroups(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === "") return [];
  const octets: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (hexGroup.test(group)) {
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 0xff);
      continue;
    }
    const dotted = mayEndDotted && i === groups.length - 1 ? parseIpv4(group) : undefined;
    if (dotted === undefined) return undefined;
    octets.push(...dotted);
  }
  return octets;
}

/** Where the longest run of zero groups starts, the first of equals, and how many groups it has. */
function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > best[1]) best = [i, end - i];
    i = Math.max(i, end);
  }
  return best;
}
