/**
 * Who a server must prove to be, always strictly (RFC 8310, 5): a chain to a trusted root, a SAN that names it, a
 * pinned key where pins were given. Chain, dates, key usage and TLS version are the TLS library's; here is the rest,
 * and the words for what failed.
 */

import { createHash, X509Certificate } from "node:crypto";
import { bounded } from "../observe/quoted.ts";
import { systemErrorText } from "../observe/system-error.ts";
import { type PeerLeaf, type TlsOutcome, UNVERIFIED } from "../runtime/runtime.ts";

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

/** What an operator should read for the codes of the TLS library, which name the check and not the cause. */
const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet (is the clock of this host right?)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate chain ends in a root that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate does not lead to a trusted root",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate does not lead to a trusted root",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate does not lead to a trusted root",
  INVALID_PURPOSE: "its certificate is not for servers (extended key usage)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it speaks no protocol version of TLS that is accepted (1.2 or later)",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it speaks no protocol version of TLS that is accepted (1.2 or later)",
  ERR_SSL_INVALID_ALPN_PROTOCOL: 'it selected an ALPN protocol that was not offered; only "dot" or none is accepted',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
    'it refused the ALPN protocol "dot": what answers there, or on the way, speaks no DNS over TLS',
  [UNVERIFIED]:
    "its certificate was refused: untrusted issuer, expired, not valid yet or not for servers (this runtime does not say which)",
  EMFILE: "this host has no free descriptors: this process may open no more (ulimit -n, LimitNOFILE=)",
  ENFILE: "this host has no free descriptors: no process may open more (fs.file-max)",
  ENOBUFS: "this host has no memory for a connection",
  ENOMEM: "this host has no memory for a connection",
  // Of connect(2): no address of ours reaches that family or scope, or every port of it is taken.
  EADDRNOTAVAIL: "this host has no address or no free port to connect from",
  EAFNOSUPPORT: "this host has no sockets of its address family",
  EINVAL: "this host cannot connect to such an address",
  EACCES: "this host does not permit the connection (a firewall, or a sandbox)",
  EPERM: "this host does not permit the connection (a firewall, or a sandbox)",
};

const MAX_NAMES = 10;

/** One phrase for a failed connection or handshake, to follow "upstream X: ". */
export function describeFailure(error: Error | undefined): string {
  if (error === undefined) return "it closed the connection during the handshake";
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return `${REASONS[code]}: ${firstNames(firstLine(error.message))}`;
  return systemErrorText(error, REASONS);
}

/** Whether an error says that the network failed, rather than that TLS refused. */
export function isNetworkFailure(error: Error | undefined): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  return code.startsWith("E") && !code.startsWith("ERR_");
}

/** A certificate can be for thousands of names; the first ones show whose it is. */
function firstNames(text: string): string {
  const names = text.split(", ").map(bounded);
  if (names.length <= MAX_NAMES) return names.join(", ");
  return `${names.slice(0, MAX_NAMES).join(", ")} and ${names.length - MAX_NAMES} more`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}
