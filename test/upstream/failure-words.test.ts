/** Every code of the TLS library has words of ours. */

import { describe, expect, test } from "bun:test";
import { describeFailure, isNetworkFailure } from "../../src/upstream/failure-words.ts";

/** X509_V_ERR_... of OpenSSL's x509_vfy.h (up to 3.6) and of BoringSSL's, in their order; 0 is X509_V_OK. */
const CODES = `
UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_CRL UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE
UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY CERT_SIGNATURE_FAILURE CRL_SIGNATURE_FAILURE CERT_NOT_YET_VALID CERT_HAS_EXPIRED
CRL_NOT_YET_VALID CRL_HAS_EXPIRED ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CERT_NOT_AFTER_FIELD
ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD OUT_OF_MEM DEPTH_ZERO_SELF_SIGNED_CERT
SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE CERT_CHAIN_TOO_LONG
CERT_REVOKED NO_ISSUER_PUBLIC_KEY PATH_LENGTH_EXCEEDED INVALID_PURPOSE CERT_UNTRUSTED CERT_REJECTED
SUBJECT_ISSUER_MISMATCH AKID_SKID_MISMATCH AKID_ISSUER_SERIAL_MISMATCH KEYUSAGE_NO_CERTSIGN UNABLE_TO_GET_CRL_ISSUER
UNHANDLED_CRITICAL_EXTENSION KEYUSAGE_NO_CRL_SIGN UNHANDLED_CRITICAL_CRL_EXTENSION INVALID_NON_CA
PROXY_PATH_LENGTH_EXCEEDED KEYUSAGE_NO_DIGITAL_SIGNATURE PROXY_CERTIFICATES_NOT_ALLOWED INVALID_EXTENSION
INVALID_POLICY_EXTENSION NO_EXPLICIT_POLICY DIFFERENT_CRL_SCOPE UNSUPPORTED_EXTENSION_FEATURE UNNESTED_RESOURCE
PERMITTED_VIOLATION EXCLUDED_VIOLATION SUBTREE_MINMAX APPLICATION_VERIFICATION UNSUPPORTED_CONSTRAINT_TYPE
UNSUPPORTED_CONSTRAINT_SYNTAX UNSUPPORTED_NAME_SYNTAX CRL_PATH_VALIDATION_ERROR PATH_LOOP SUITE_B_INVALID_VERSION
SUITE_B_INVALID_ALGORITHM SUITE_B_INVALID_CURVE SUITE_B_INVALID_SIGNATURE_ALGORITHM SUITE_B_LOS_NOT_ALLOWED
SUITE_B_CANNOT_SIGN_P_384_WITH_P_256 HOSTNAME_MISMATCH EMAIL_MISMATCH IP_ADDRESS_MISMATCH DANE_NO_MATCH
EE_KEY_TOO_SMALL CA_KEY_TOO_SMALL CA_MD_TOO_WEAK INVALID_CALL STORE_LOOKUP NO_VALID_SCTS PROXY_SUBJECT_NAME_VIOLATION
OCSP_VERIFY_NEEDED OCSP_VERIFY_FAILED OCSP_CERT_UNKNOWN UNSUPPORTED_SIGNATURE_ALGORITHM SIGNATURE_ALGORITHM_MISMATCH
SIGNATURE_ALGORITHM_INCONSISTENCY INVALID_CA PATHLEN_INVALID_FOR_NON_CA PATHLEN_WITHOUT_KU_KEY_CERT_SIGN
KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA ISSUER_NAME_EMPTY SUBJECT_NAME_EMPTY MISSING_AUTHORITY_KEY_IDENTIFIER
MISSING_SUBJECT_KEY_IDENTIFIER EMPTY_SUBJECT_ALT_NAME EMPTY_SUBJECT_SAN_NOT_CRITICAL CA_BCONS_NOT_CRITICAL
AUTHORITY_KEY_IDENTIFIER_CRITICAL SUBJECT_KEY_IDENTIFIER_CRITICAL CA_CERT_MISSING_KEY_USAGE EXTENSIONS_REQUIRE_VERSION_3
EC_KEY_EXPLICIT_PARAMS RPK_UNTRUSTED OCSP_RESP_INVALID OCSP_SIGNATURE_FAILURE OCSP_NOT_YET_VALID OCSP_HAS_EXPIRED
OCSP_NO_RESPONSE NAME_CONSTRAINTS_WITHOUT_SANS`
  .trim()
  .split(/\s+/);

test.each(CODES)("%s", (code) => {
  const error = Object.assign(new Error("raw words of the library"), { code });
  expect(describeFailure(error)).not.toContain("raw");
  expect(describeFailure(error)).not.toContain(code);
  expect(isNetworkFailure(error)).toBe(false);
});

describe("what an operator reads", () => {
  const failure = (code: string, message = "technical\nmore") => Object.assign(new Error(message), { code });
  test.each([
    ["CERT_HAS_EXPIRED", "its certificate has expired"],
    ["CERT_NOT_YET_VALID", "its certificate is not valid yet (is the clock of this host right?)"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is self-signed"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "its certificate chain ends in a root that is not trusted"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its certificate does not lead to a trusted root"],
    ["INVALID_PURPOSE", "its certificate is not for servers (extended key usage)"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name: technical"],
    ["ECONNREFUSED", "connection refused"],
    ["UNSPECIFIED", "its certificate was refused: technical"],
    [
      "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
      'it ended the handshake with the alert "handshake failure" (ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE)',
    ],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "the TLS handshake failed: wrong version number (ERR_SSL_WRONG_VERSION_NUMBER)"],
    ["ESOMETHING", "technical (ESOMETHING)"],
  ])("%s", (code, text) => expect(describeFailure(failure(code))).toBe(text));

  test("of a certificate for thousands of names, the first ones", () => {
    const names = Array.from({ length: 2000 }, (_, i) => `DNS:host-${i}.example.net`).join(", ");
    const text = describeFailure(failure("ERR_TLS_CERT_ALTNAME_INVALID", `not among: ${names}`));
    expect(text).toStartWith("its certificate is for another name: not among: DNS:host-0.example.net, DNS:host-1.");
    expect(text).toEndWith("DNS:host-9.example.net and 1990 more");
  });

  test("what Deno's library says of the server is not told as an alert that the server sent", () => {
    const code = "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE";
    const told = (verdict: string) => describeFailure(failure(code, `peer misbehaved: ${verdict}`));
    expect(told("SelectedUnofferedApplicationProtocol")).toStartWith("it selected an ALPN protocol");
    expect(told("MissingKeyShare")).toBe("it broke the rules of TLS (MissingKeyShare)");
  });

  test("errors without a code, and none at all", () => {
    expect(describeFailure(new Error("its key is wrong\nat x"))).toBe("its key is wrong");
    expect(describeFailure(undefined)).toBe("it closed the connection during the handshake");
  });

  test.each([
    ["ECONNREFUSED", true],
    ["ETIMEDOUT", true],
    ["ERR_SSL_WRONG_VERSION_NUMBER", false],
    ["CERT_HAS_EXPIRED", false],
    ["", false],
  ])("%p is the network: %p", (code, is) => expect(isNetworkFailure(failure(code))).toBe(is));
});
