import "reflect-metadata";
import { beforeAll, describe, expect, test } from "bun:test";
import { createHash, webcrypto } from "node:crypto";
import type { PeerLeaf } from "../../src/runtime/runtime.ts";
import { checkLeaf, checkOutcome, spkiHash } from "../../src/upstream/dial/authentication.ts";

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
