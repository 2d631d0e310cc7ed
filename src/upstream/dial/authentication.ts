/**
 * Who a server must prove to be, always strictly (RFC 8310, 5): a chain to a trusted root, a SAN that names it, a
 * pinned key where pins were given. Chain, dates, key usage and TLS version are the TLS library's; here is the rest.
 */

import { createHash, X509Certificate } from "node:crypto";
import type { PeerLeaf, TlsOutcome } from "../../runtime/runtime.ts";

/** The only protocol fdns speaks over TLS (RFC 7858; registered by RFC 8310's IANA entry "dot"). */
export const ALPN_DOT = "dot";

/**
 * Checks what the TLS library does not: names count in the SAN only (RFC 9525, 6.3: the library falls back to the CN
 * where there is no DNS name in the SAN), and the leaf's key is one of the pins, if there are any.
 */
export function checkLeaf(adn: string | undefined, spkiPins: readonly Uint8Array[], leaf: PeerLeaf): Error | undefined {
  if (adn !== undefined && !hasDnsName(leaf.subjectAltName ?? "")) {
    return new Error(`its certificate has no DNS name in the SAN, so it is not for ${adn} (a CN does not count)`);
  }
  if (spkiPins.length === 0) return undefined;
  let hash: Buffer;
  try {
    hash = spkiHash(leaf.raw);
  } catch (cause) {
    return new Error("its key is of a kind that cannot be compared with a pin", { cause });
  }
  if (spkiPins.some((pin) => hash.equals(pin))) return undefined;
  return new Error(`its key is none of the pinned ones; it is pin=sha256/${hash.toString("base64")}`);
}

/** Other kinds of names hold what their owner likes, in quotes where it could be misread: ` URI:"x, DNS:y" ` is no DNS name. */
function hasDnsName(subjectAltName: string): boolean {
  return /(^|, )DNS:/.test(subjectAltName.replace(/"(?:\\.|[^"\\])*"/g, ""));
}

/** SHA-256 of the SubjectPublicKeyInfo of a certificate in DER (RFC 7858, 4.2): what a pin holds. */
export function spkiHash(certificate: Uint8Array): Buffer {
  const spki = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest();
}

/** A server that selects no ALPN protocol is accepted (most of the installed ones), one that selects another is not. */
export function checkOutcome(outcome: TlsOutcome): Error | undefined {
  if (outcome.alpn === undefined || outcome.alpn === ALPN_DOT) return undefined;
  return new Error(`it selected the ALPN protocol ${JSON.stringify(outcome.alpn)}; only "dot" or none is accepted`);
}
