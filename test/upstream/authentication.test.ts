import "reflect-metadata";
import { beforeAll, describe, expect, test } from "bun:test";
import { createHash, webcrypto } from "node:crypto";
import type { PeerLeaf } from "../../src/runtime/runtime.ts";
import {
  checkLeaf,
  checkOutcome,
  describeFailure,
  isNetworkFailure,
  spkiHash,
} from "../../src/upstream/authentication.ts";

let raw: Uint8Array;
let pin: Uint8Array;

beforeAll(async () => {
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const keys = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=dns.test",
    keys: keys as CryptoKeyPair,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  raw = new Uint8Array(certificate.rawData);
  // The key as it was made, not as it was read from the certificate.
  pin = createHash("sha256")
    .update(new Uint8Array(await webcrypto.subtle.exportKey("spki", keys.publicKey)))
    .digest();
});

const leaf = (subjectAltName: string | undefined): PeerLeaf => ({ raw, subjectAltName, notAfterMs: 0 });
const other = new Uint8Array(32).fill(7);

describe("names count in the SAN only", () => {
  test.each([
    ["DNS:dns.test"],
    ["DNS:a.test, DNS:dns.test"],
    ["IP Address:192.0.2.1, DNS:dns.test"],
    ['URI:"http://x, y", DNS:dns.test'],
  ])("%s: the library compares the names", (san) => {
    expect(checkLeaf("dns.test", [], leaf(san))).toBeUndefined();
  });
  test.each([
    [undefined],
    [""],
    ["IP Address:192.0.2.1"],
    ["email:DNS:dns.test"],
    ['URI:"http://x, DNS:dns.test"'],
    ['URI:"http://x\\", DNS:dns.test"'],
  ])("%p and a CN: refused", (san) => {
    expect(checkLeaf("dns.test", [], leaf(san))?.message).toBe(
      "its certificate has no DNS name in the SAN, so it is not for dns.test (a CN does not count)",
    );
  });
  test("an upstream without a name is compared by its address", () => {
    expect(checkLeaf(undefined, [], leaf("IP Address:192.0.2.1"))).toBeUndefined();
  });
});

describe("pins", () => {
  const san = "DNS:dns.test";
  test("the right one passes, alone and among others", () => {
    expect(checkLeaf("dns.test", [pin], leaf(san))).toBeUndefined();
    expect(checkLeaf("dns.test", [other, pin], leaf(san))).toBeUndefined();
    expect([...spkiHash(raw)]).toEqual([...pin]);
  });
  test("a wrong one is refused, and the key it has is said", () => {
    const text = `its key is none of the pinned ones; it is pin=sha256/${Buffer.from(pin).toString("base64")}`;
    expect(checkLeaf("dns.test", [other], leaf(san))?.message).toBe(text);
    expect(checkLeaf(undefined, [other, other], leaf(undefined))?.message).toBe(text);
  });
  test("a right pin makes up for no name", () => {
    expect(checkLeaf("dns.test", [pin], leaf(undefined))).toBeInstanceOf(Error);
  });
  test("a certificate that cannot be read is refused and throws nothing", () => {
    const broken = { raw: new Uint8Array(5), subjectAltName: san, notAfterMs: 0 };
    expect(checkLeaf("dns.test", [pin], broken)).toBeInstanceOf(Error);
  });
});

describe("the handshake's outcome", () => {
  const outcome = (alpn: string | undefined) => ({ protocol: "TLSv1.3", cipher: "", alpn, resumed: undefined });
  test.each([undefined, "dot"])("ALPN %p passes", (alpn) => expect(checkOutcome(outcome(alpn))).toBeUndefined());
  test.each(["h2", "DOT", "", "dot "])("ALPN %p does not", (alpn) => {
    expect(checkOutcome(outcome(alpn))).toBeInstanceOf(Error);
  });
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
    ["ESOMETHING", "technical (ESOMETHING)"],
  ])("%s", (code, text) => expect(describeFailure(failure(code))).toBe(text));

  test("of a certificate for thousands of names, the first ones", () => {
    const names = Array.from({ length: 2000 }, (_, i) => `DNS:host-${i}.example.net`).join(", ");
    const text = describeFailure(failure("ERR_TLS_CERT_ALTNAME_INVALID", `not among: ${names}`));
    expect(text).toStartWith("its certificate is for another name: not among: DNS:host-0.example.net, DNS:host-1.");
    expect(text).toEndWith("DNS:host-9.example.net and 1990 more");
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
