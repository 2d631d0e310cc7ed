/**
 * TLS to an upstream, always through node:tls: on Bun before 1.4 its own API accepted any certificate for any name
 * (oven-sh/bun#33755), and one path is one path to audit.
 *
 * Every connection is checked the same way, whatever the environment says: the roots are passed explicitly, so
 * SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and the like change nothing, and NODE_TLS_REJECT_UNAUTHORIZED is overruled.
 */

import * as tls from "node:tls";
import { localCause } from "../net/local-cause.ts";
import { NodeStream } from "../net/streams.ts";
import {
  type ByteStream,
  type PeerLeaf,
  type StreamHandler,
  type TlsDialOptions,
  type TrustAnchors,
  UNVERIFIED,
} from "../runtime.ts";

/** RFC 9325, 3.1.1: nothing below 1.2. */
const MIN_VERSION = "TLSv1.2";

/** No chain in use is longer; what the runtime shows could lead in a circle. */
const MAX_CHAIN = 16;

const isDeno = "Deno" in globalThis;

/** Groups without a post-quantum one: 257 octets of ClientHello on Bun, instead of 1,479. */
const SMALL_HELLO_GROUPS = "X25519:P-256:P-384";

/** Deno's ClientHello is small, and it takes no other groups. */
export const choosesHello = !isDeno;

/** Deno gives this for an untrusted issuer, wrong dates and a wrong key usage alike. */
const AMBIGUOUS = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";

/** Parses the roots once; the context is shared by every connection that trusts them. @throws if one does not parse. */
export function trustAnchors(pem: readonly string[]): TrustAnchors {
  if (pem.length === 0) throw new Error("no trusted certificate"); // an empty list would mean the runtime's defaults
  return { pem, context: tls.createSecureContext({ ca: [...pem], minVersion: MIN_VERSION }) };
}

/** Made when first needed: the groups belong to the context, and parsing all roots once more takes time. */
const smallHelloContexts = new WeakMap<TrustAnchors, tls.SecureContext>();

function contextOf({ trust, hello }: TlsDialOptions): tls.SecureContext {
  if (hello !== "small" || !choosesHello) return trust.context as tls.SecureContext;
  let context = smallHelloContexts.get(trust);
  if (context === undefined) {
    context = tls.createSecureContext({ ca: [...trust.pem], minVersion: MIN_VERSION, ecdhCurve: SMALL_HELLO_GROUPS });
    smallHelloContexts.set(trust, context);
  }
  return context;
}

/** Starts connecting at once. Until onSecure nothing may be written; a refused peer ends in onClose with the reason. */
export function dialTls(options: TlsDialOptions): ByteStream {
  let refusal: Error | undefined;
  let checked = false;
  const socket = tls.connect({
    host: options.address.host,
    port: options.address.port,
    // SNI carries names only (RFC 6066, 3); "" keeps the address out of it.
    servername: options.adn ?? "",
    secureContext: contextOf(options),
    minVersion: MIN_VERSION,
    // Without it the handshake still proves that the server holds the leaf's key.
    rejectUnauthorized: options.datesWaived !== true,
    ALPNProtocols: [...options.alpn],
    ...(options.session === undefined ? {} : { session: Buffer.from(options.session) }),
    checkServerIdentity: (_name: string, certificate: tls.PeerCertificate) => {
      checked = true;
      refusal = checkLeaf(options, certificate);
      return refusal;
    },
  });
  const stream = new NodeStream(socket);
  stream.handle(isDeno ? tellingApart(options.handler) : namingLocalCause(options));
  if (options.onConnect !== undefined) socket.once("connect", options.onConnect);
  socket.on("session", (session: Uint8Array) => options.onSession(session));
  socket.on("secureConnect", () => {
    const waived = options.datesWaived === true && isRefusedForDates(socket);
    if (waived) {
      // The runtime asks checkServerIdentity only after the chain passed.
      checked = true;
      refusal = checkLeaf(options, socket.getPeerCertificate());
    }
    // Two belts: the runtime says the chain passed, and our own check was called and said nothing.
    if (refusal !== undefined) stream.destroy(refusal);
    else if (!(socket.authorized || waived) || !checked) stream.destroy(unauthorized(socket));
    else {
      options.onChain?.(verifiedChain(socket));
      options.onSecure(outcome(socket));
    }
  });
  return stream;
}

function checkLeaf(options: TlsDialOptions, certificate: tls.PeerCertificate): Error | undefined {
  if (certificate?.raw === undefined) return new Error("the certificate could not be read");
  const leaf: PeerLeaf = {
    raw: certificate.raw,
    subjectAltName: certificate.subjectaltname,
    notAfterMs: Date.parse(certificate.valid_to),
  };
  const name = options.adn ?? options.address.host;
  return options.checkLeaf(leaf) ?? tls.checkServerIdentity(name, certificate);
}

/** A clock that is behind makes no certificate expire. Deno's code may mean the dates, or something else. */
function isRefusedForDates(socket: tls.TLSSocket): boolean {
  return codeOf(socket.authorizationError) === (isDeno ? AMBIGUOUS : "CERT_NOT_YET_VALID");
}

function unauthorized(socket: tls.TLSSocket): Error {
  const reason = socket.authorizationError as Error | string | undefined;
  if (reason instanceof Error) return reason;
  const error = new Error(`the certificate was not verified${reason ? `: ${reason}` : ""}`);
  return reason ? Object.assign(error, { code: reason }) : error;
}

/** An error has a code; a socket that was told to go on after one holds the code alone. */
function codeOf(error: Error | string | undefined): string | undefined {
  return typeof error === "string" ? error : (error as NodeJS.ErrnoException | undefined)?.code;
}

/** The leaf, then each issuer; a root is its own issuer, or has none. */
function verifiedChain(socket: tls.TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let shown: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  for (; shown?.raw !== undefined && chain.length < MAX_CHAIN; shown = shown.issuerCertificate) {
    chain.push(new Uint8Array(shown.raw));
    if (shown.issuerCertificate === shown) break;
  }
  return chain;
}

function outcome(socket: tls.TLSSocket) {
  return {
    protocol: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher()?.name ?? "unknown",
    alpn: socket.alpnProtocol || undefined,
    // Deno resumes on its own and always says false.
    resumed: isDeno ? undefined : socket.isSessionReused(),
  };
}

function tellingApart(handler: StreamHandler): StreamHandler {
  return {
    onOctets: (octets) => handler.onOctets(octets),
    onEnd: () => handler.onEnd(),
    onDrain: () => handler.onDrain(),
    onClose: (cause) => {
      const ambiguous = codeOf(cause) === AMBIGUOUS;
      handler.onClose(ambiguous ? Object.assign(new Error(cause!.message, { cause }), { code: UNVERIFIED }) : cause);
    },
  };
}

/** What failed on this host is not told as the server's refusal. */
function namingLocalCause({ address, handler }: TlsDialOptions): StreamHandler {
  const close = async (cause: Error | undefined) => {
    const code = await localCause(address);
    handler.onClose(code === undefined ? cause : Object.assign(new Error(code, { cause }), { code }));
  };
  return {
    onOctets: (octets) => handler.onOctets(octets),
    onEnd: () => handler.onEnd(),
    onDrain: () => handler.onDrain(),
    onClose: (cause) => {
      if (codeOf(cause) === "ECONNREFUSED") void close(cause);
      else handler.onClose(cause);
    },
  };
}
