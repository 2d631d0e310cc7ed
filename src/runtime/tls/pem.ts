/** Certificates in PEM, under each label that is in use (RFC 7468, 5; OpenSSL's PEM_read_bio_X509_AUX). */

const BLOCK = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----([^-]+)-----END \1-----/g;

/** DER tags (ITU-T X.690): a sequence, and the implicitly tagged one that holds rejected purposes. */
const SEQUENCE = 0x30;
const REJECTED = 0xa0;
/** id-kp-serverAuth (RFC 5280, 4.2.1.12) and anyExtendedKeyUsage, as OBJECT IDENTIFIERs in hexadecimal DER. */
const SERVER_PURPOSES: readonly string[] = ["06082b06010505070301", "0604551d2500"];

interface Element {
  readonly tag: number;
  readonly contents: Uint8Array;
  /** Octets of tag, length and contents. */
  readonly octets: number;
}

/**
 * Every certificate of the text as a block of its own, labelled CERTIFICATE. One labelled TRUSTED carries for which
 * purposes it is trusted behind it: it is left out where that excludes TLS servers, as OpenSSL does.
 */
export function certificateBlocks(text: string): string[] {
  return [...text.matchAll(BLOCK)].flatMap(([block, label, base64]) => {
    if (label === "CERTIFICATE") return [block];
    const octets = Buffer.from(base64!, "base64");
    const certificate = elementAt(octets, 0);
    if (certificate === undefined) return [];
    const settings = elementAt(octets, certificate.octets);
    if (settings !== undefined && !isForServers(settings.contents)) return [];
    const der = octets.subarray(0, certificate.octets).toString("base64");
    return [`-----BEGIN CERTIFICATE-----\n${der.replace(/(.{64})(?=.)/g, "$1\n")}\n-----END CERTIFICATE-----`];
  });
}

/** X509_CERT_AUX: purposes it is trusted for (all, if none is named), and those it is rejected for. */
function isForServers(settings: Uint8Array): boolean {
  for (let at = 0, element = elementAt(settings, at); element !== undefined; element = elementAt(settings, at)) {
    const isNamed = SERVER_PURPOSES.some((purpose) => listOf(element!.contents).includes(purpose));
    if (element.tag === SEQUENCE && !isNamed) return false;
    if (element.tag === REJECTED && isNamed) return false;
    at += element.octets;
  }
  return true;
}

/** The elements of a list, in hexadecimal. */
function listOf(contents: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 0, element = elementAt(contents, at); element !== undefined; element = elementAt(contents, at)) {
    found.push(Buffer.from(contents.subarray(at, at + element.octets)).toString("hex"));
    at += element.octets;
  }
  return found;
}

/** The DER element at `at`; undefined if there is none, or not all of it. */
function elementAt(octets: Uint8Array, at: number): Element | undefined {
  if (at + 2 > octets.length) return undefined;
  let length = octets[at + 1]!;
  let start = at + 2;
  if (length >= 0x80) {
    const lengthOctets = length & 0x7f;
    if (lengthOctets === 0 || lengthOctets > 3 || start + lengthOctets > octets.length) return undefined;
    length = 0;
    for (let i = 0; i < lengthOctets; i++) length = (length << 8) | octets[start + i]!;
    start += lengthOctets;
  }
  if (start + length > octets.length) return undefined;
  return { tag: octets[at]!, contents: octets.subarray(start, start + length), octets: start + length - at };
}
