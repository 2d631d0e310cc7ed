/** What an operator reads for the codes of the TLS library and the system, which name the check and not the cause. */

import { bounded } from "../observe/quoted.ts";
import { systemErrorText } from "../observe/system-error.ts";
import { UNVERIFIED } from "../runtime/runtime.ts";

const UNTRUSTED = "its certificate does not lead to a trusted root";
const WEAK = "a key or signature in its certificate chain is too weak";
const CA_RULES = "a certificate of its chain may not issue others, or not this one";
const NAME_RULES = "its certificate breaks the rules for names of the CA above it";
const POLICY = "the policies of its certificate chain do not fit";
const UNREADABLE = "its certificate chain holds what cannot be read";
const MALFORMED = "its certificate chain breaks the rules of RFC 5280";
const REVOKED = "its certificate was revoked";
const NO_REVOCATION = "whether its certificate was revoked could not be found out";
const NO_RIGHT_NAME = "its certificate is for another name";
const PROXY = "its certificate is a proxy certificate that is not allowed";
const OTHER_PROTOCOL = 'it selected an ALPN protocol that was not offered; only "dot" or none is accepted';
const OWN_FAULT = "this host could not check its certificate";

/**
 * Each reason of OpenSSL's and BoringSSL's x509_vfy.h (X509_V_ERR_...), as Bun, Deno and Node name them. "UNSPECIFIED"
 * is not among them: its reason is in the message alone.
 */
const CERTIFICATE_REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet (is the clock of this host right?)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate chain ends in a root that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_UNTRUSTED: "its root is not trusted for servers",
  CERT_REJECTED: "its root is not to be used for servers",
  RPK_UNTRUSTED: UNTRUSTED,
  STORE_LOOKUP: OWN_FAULT,
  OUT_OF_MEM: OWN_FAULT,
  INVALID_CALL: OWN_FAULT,
  APPLICATION_VERIFICATION: OWN_FAULT,
  INVALID_PURPOSE: "its certificate is not for servers (extended key usage)",
  KEYUSAGE_NO_DIGITAL_SIGNATURE: "its certificate is not for servers (key usage)",
  HOSTNAME_MISMATCH: NO_RIGHT_NAME,
  EMAIL_MISMATCH: NO_RIGHT_NAME,
  IP_ADDRESS_MISMATCH: "its certificate is for another address",
  DANE_NO_MATCH: "its certificate is none of those that DANE names",
  NO_VALID_SCTS: "its certificate is in no log of certificate transparency",
  CERT_SIGNATURE_FAILURE: "a signature in its certificate chain is wrong",
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: "a signature in its certificate chain is wrong",
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: "the key of an issuer in its certificate chain cannot be read",
  NO_ISSUER_PUBLIC_KEY: "the key of an issuer in its certificate chain cannot be read",
  UNSUPPORTED_SIGNATURE_ALGORITHM: "its certificate chain is signed in a way that is not known here",
  SIGNATURE_ALGORITHM_MISMATCH: MALFORMED,
  SIGNATURE_ALGORITHM_INCONSISTENCY: MALFORMED,
  ERROR_IN_CERT_NOT_BEFORE_FIELD: "the date in its certificate from which it is valid cannot be read",
  ERROR_IN_CERT_NOT_AFTER_FIELD: "the date in its certificate until which it is valid cannot be read",
  CERT_CHAIN_TOO_LONG: "its certificate chain is too long",
  PATH_LENGTH_EXCEEDED: "its certificate chain is longer than a CA in it allows",
  PATH_LOOP: "its certificate chain leads in a circle",
  INVALID_CA: CA_RULES,
  INVALID_NON_CA: CA_RULES,
  KEYUSAGE_NO_CERTSIGN: CA_RULES,
  SUBJECT_ISSUER_MISMATCH: UNTRUSTED,
  AKID_SKID_MISMATCH: UNTRUSTED,
  AKID_ISSUER_SERIAL_MISMATCH: UNTRUSTED,
  PERMITTED_VIOLATION: NAME_RULES,
  EXCLUDED_VIOLATION: NAME_RULES,
  NAME_CONSTRAINTS_WITHOUT_SANS: NAME_RULES,
  SUBTREE_MINMAX: NAME_RULES,
  UNSUPPORTED_CONSTRAINT_TYPE: NAME_RULES,
  UNSUPPORTED_CONSTRAINT_SYNTAX: NAME_RULES,
  UNSUPPORTED_NAME_SYNTAX: NAME_RULES,
  UNNESTED_RESOURCE: "its certificate is for addresses or networks that the CA above it has not",
  UNHANDLED_CRITICAL_EXTENSION: "its certificate chain makes a condition that is not known here (critical extension)",
  UNSUPPORTED_EXTENSION_FEATURE: UNREADABLE,
  INVALID_EXTENSION: UNREADABLE,
  INVALID_POLICY_EXTENSION: POLICY,
  NO_EXPLICIT_POLICY: POLICY,
  PROXY_CERTIFICATES_NOT_ALLOWED: PROXY,
  PROXY_PATH_LENGTH_EXCEEDED: PROXY,
  PROXY_SUBJECT_NAME_VIOLATION: PROXY,
  EE_KEY_TOO_SMALL: WEAK,
  CA_KEY_TOO_SMALL: WEAK,
  CA_MD_TOO_WEAK: WEAK,
  SUITE_B_INVALID_VERSION: WEAK,
  SUITE_B_INVALID_ALGORITHM: WEAK,
  SUITE_B_INVALID_CURVE: WEAK,
  SUITE_B_INVALID_SIGNATURE_ALGORITHM: WEAK,
  SUITE_B_LOS_NOT_ALLOWED: WEAK,
  SUITE_B_CANNOT_SIGN_P_384_WITH_P_256: WEAK,
  PATHLEN_INVALID_FOR_NON_CA: MALFORMED,
  PATHLEN_WITHOUT_KU_KEY_CERT_SIGN: MALFORMED,
  KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA: MALFORMED,
  ISSUER_NAME_EMPTY: MALFORMED,
  SUBJECT_NAME_EMPTY: MALFORMED,
  MISSING_AUTHORITY_KEY_IDENTIFIER: MALFORMED,
  MISSING_SUBJECT_KEY_IDENTIFIER: MALFORMED,
  EMPTY_SUBJECT_ALT_NAME: MALFORMED,
  EMPTY_SUBJECT_SAN_NOT_CRITICAL: MALFORMED,
  CA_BCONS_NOT_CRITICAL: MALFORMED,
  AUTHORITY_KEY_IDENTIFIER_CRITICAL: MALFORMED,
  SUBJECT_KEY_IDENTIFIER_CRITICAL: MALFORMED,
  CA_CERT_MISSING_KEY_USAGE: MALFORMED,
  EXTENSIONS_REQUIRE_VERSION_3: MALFORMED,
  EC_KEY_EXPLICIT_PARAMS: MALFORMED,
  CERT_REVOKED: REVOKED,
  UNABLE_TO_GET_CRL: NO_REVOCATION,
  UNABLE_TO_GET_CRL_ISSUER: NO_REVOCATION,
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: NO_REVOCATION,
  CRL_SIGNATURE_FAILURE: NO_REVOCATION,
  CRL_NOT_YET_VALID: NO_REVOCATION,
  CRL_HAS_EXPIRED: NO_REVOCATION,
  ERROR_IN_CRL_LAST_UPDATE_FIELD: NO_REVOCATION,
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: NO_REVOCATION,
  KEYUSAGE_NO_CRL_SIGN: NO_REVOCATION,
  UNHANDLED_CRITICAL_CRL_EXTENSION: NO_REVOCATION,
  DIFFERENT_CRL_SCOPE: NO_REVOCATION,
  CRL_PATH_VALIDATION_ERROR: NO_REVOCATION,
  OCSP_VERIFY_NEEDED: NO_REVOCATION,
  OCSP_VERIFY_FAILED: NO_REVOCATION,
  OCSP_CERT_UNKNOWN: NO_REVOCATION,
  OCSP_RESP_INVALID: NO_REVOCATION,
  OCSP_SIGNATURE_FAILURE: NO_REVOCATION,
  OCSP_NOT_YET_VALID: NO_REVOCATION,
  OCSP_HAS_EXPIRED: NO_REVOCATION,
  OCSP_NO_RESPONSE: NO_REVOCATION,
};

const REASONS: Readonly<Record<string, string>> = {
  ...CERTIFICATE_REASONS,
  ERR_TLS_CERT_ALTNAME_INVALID: NO_RIGHT_NAME,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it speaks no protocol version of TLS that is accepted (1.2 or later)",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it speaks no protocol version of TLS that is accepted (1.2 or later)",
  ERR_SSL_INVALID_ALPN_PROTOCOL: OTHER_PROTOCOL,
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

/** A verdict of Deno's TLS library on the server; its code is that of the alert that is sent, not of one that came. */
const VERDICT = /^peer misbehaved: (\w+)/;

/** An alert that the server sent (RFC 8446, 6.2), in OpenSSL's names for them. */
const ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_ALERT_(\w+)$/;

/** One phrase for a failed connection or handshake, to follow "upstream X: ". */
export function describeFailure(error: Error | undefined): string {
  if (error === undefined) return "it closed the connection during the handshake";
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const words = firstLine(error.message);
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return `${NO_RIGHT_NAME}: ${firstNames(words)}`;
  if (code === "UNSPECIFIED") return `its certificate was refused: ${bounded(words)}`;
  if (Object.hasOwn(REASONS, code)) return REASONS[code]!;
  const verdict = VERDICT.exec(words)?.[1];
  if (verdict === "SelectedUnofferedApplicationProtocol") return OTHER_PROTOCOL;
  if (verdict !== undefined) return `it broke the rules of TLS (${verdict})`;
  const alert = ALERT.exec(code)?.[1];
  if (alert !== undefined) return `it ended the handshake with the alert "${inWords(alert)}" (${code})`;
  if (code.startsWith("ERR_SSL_")) return `the TLS handshake failed: ${inWords(code.slice(8))} (${code})`;
  return systemErrorText(error);
}

/** A certificate can be for thousands of names; the first ones show whose it is. */
function firstNames(text: string): string {
  const names = text.split(", ").map(bounded);
  if (names.length <= MAX_NAMES) return names.join(", ");
  return `${names.slice(0, MAX_NAMES).join(", ")} and ${names.length - MAX_NAMES} more`;
}

/** Whether an error says that the network failed, rather than that TLS refused: codes of errno(3) have no underscore. */
export function isNetworkFailure(error: Error | undefined): boolean {
  return /^E[A-Z0-9]+$/.test((error as NodeJS.ErrnoException | undefined)?.code ?? "");
}

/** "BAD_RECORD_MAC" as "bad record mac". */
function inWords(name: string): string {
  return name.toLowerCase().replaceAll("_", " ");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}
