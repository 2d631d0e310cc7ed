/** Whether octets[at, end) are UTF-8 (RFC 3629, 4): neither longer forms than needed, nor surrogates, nor above U+10FFFF. */
export function isUtf8(octets: Uint8Array, at: number, end: number): boolean {
  while (at < end) {
    const length = sequenceOctets(octets[at]!);
    if (length === 0 || at + length > end) return false;
    if (length > 1 && !isSecondOctet(octets[at]!, octets[at + 1]!)) return false;
    for (let i = at + 2; i < at + length; i++) if (octets[i]! >> 6 !== 2) return false;
    at += length;
  }
  return true;
}

/** Octets of the sequence that begins with this one; 0 if none does. */
function sequenceOctets(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

function isSecondOctet(first: number, second: number): boolean {
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  return second >= least && second <= most;
}
