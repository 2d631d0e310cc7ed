/**
 * A ServerHello that no TLS library will send: it selects the ALPN protocol "h2" whether or not the client offered it
 * (RFC 7301, 3.2 forbids that). A library as server can only select what was offered, or end the handshake with the alert
 * no_application_protocol. The handshake cannot go on from here: a right client ends it with an alert.
 */

function prefixed(lengthOctets: 1 | 2 | 3, octets: readonly number[]): number[] {
  const length = [octets.length >> 16, (octets.length >> 8) & 0xff, octets.length & 0xff];
  return [...length.slice(3 - lengthOctets), ...octets];
}

function extension(type: number, content: readonly number[]): number[] {
  return [type >> 8, type & 0xff, ...prefixed(2, content)];
}

const HANDSHAKE_RECORD = 22;
const SERVER_HELLO = 2;
const TLS_1_2 = [3, 3];
const ECDHE_ECDSA_AES_128_GCM_SHA256 = [0xc0, 0x2b];
const EXTENSION_ALPN = 16;
const EXTENSION_EXTENDED_MASTER_SECRET = 23;
const EXTENSION_RENEGOTIATION_INFO = 0xff01;

/** One TLS 1.2 record (RFC 5246, 7.4.1.3) that answers a ClientHello. */
export function serverHelloWithUnofferedAlpn(): Uint8Array {
  const random = crypto.getRandomValues(new Uint8Array(32));
  const protocol = new TextEncoder().encode("h2");
  const extensions = [
    ...extension(EXTENSION_RENEGOTIATION_INFO, [0]),
    ...extension(EXTENSION_EXTENDED_MASTER_SECRET, []),
    ...extension(EXTENSION_ALPN, prefixed(2, prefixed(1, [...protocol]))),
  ];
  const noSessionId = 0;
  const noCompression = 0;
  const hello = [
    ...TLS_1_2,
    ...random,
    noSessionId,
    ...ECDHE_ECDSA_AES_128_GCM_SHA256,
    noCompression,
    ...prefixed(2, extensions),
  ];
  return Uint8Array.of(HANDSHAKE_RECORD, ...TLS_1_2, ...prefixed(2, [SERVER_HELLO, ...prefixed(3, hello)]));
}
