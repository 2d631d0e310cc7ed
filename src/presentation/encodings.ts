/** Octets as text: base16, base32hex and base64 (RFC 4648). */

/** In upper case, as dig has it. */
export function hex(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += octet.toString(16).padStart(2, "0");
  return text.toUpperCase();
}

export function base64(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return btoa(text);
}

/** Without padding, in upper case, as NSEC3 has it (RFC 5155, 3.3). */
export function base32Hex(octets: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const octet of octets) {
    held = ((held << 8) | octet) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += DIGITS[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + DIGITS[(held << (5 - bits)) & 31];
}

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
