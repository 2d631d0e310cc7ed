/** Octets as the character-strings of zone files (RFC 1035, 5.1). Nothing in them can steer a terminal. */

/** An octet as \DDD. */
export function decimalEscape(octet: number): string {
  return `\\${String(octet).padStart(3, "0")}`;
}

/** In quotes: printable ASCII as it is, quotes and backslashes behind a backslash, the rest as \DDD. */
export function quotedText(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) {
    const char = String.fromCharCode(octet);
    if (char === '"' || char === "\\") text += `\\${char}`;
    else text += octet >= 0x20 && octet < 0x7f ? char : decimalEscape(octet);
  }
  return `"${text}"`;
}
