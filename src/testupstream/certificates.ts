/**
 * Certificates made on the spot, good and bad, under a throw-away CA. The library is loaded when the first is made:
 * it costs 13 ms that no other command should pay.
 */

import type { X509Certificate } from "@peculiar/x509";

export const CERTIFICATES = {
  good: "right in everything",
  expiring: "good, ends in three days",
  expired: "ended yesterday",
  "not-yet-valid": "begins tomorrow",
  "self-signed": "right name, signed by its own key",
  "wrong-name": "for wrong.invalid only",
  "cn-only": "the name is the Common Name, there is no SAN (RFC 9525, 6.3 forbids using it)",
  "wrong-ca": "signed by another throw-away CA with the same name",
  "client-only-eku": "extended key usage is client authentication only",
  "rotated-key": "good, with a new key every --rotate-every connections and on SIGHUP",
  wildcard: "*.test for dot.test, which TLS libraries refuse right below the top; *.dot.test for a.dot.test is good",
  intermediate: "good, signed by an intermediate CA that is sent along",
  "empty-subject": "good, without a subject: who it is stands in the SAN alone",
  "no-intermediate": "signed by an intermediate CA that is not sent",
} as const;

export type CertificateKind = keyof typeof CERTIFICATES;

export const DEFAULT_NAMES: readonly string[] = ["dot.test", "127.0.0.1", "::1"];

const DAY_MS = 86_400_000;
const SIGNING = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export interface IssuedCertificate {
  /** Leaf first. */
  readonly chainPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
  /** "sha256/" and the base64 of the SHA-256 of the leaf's public key (RFC 7858, 4.2). */
  readonly spkiPin: string;
}

export interface CertificateAuthority {
  /** The certificate a client is told to trust. */
  readonly caPem: string;
  /** A leaf of the kind asked for, with a new key each time. */
  issue(): Promise<IssuedCertificate>;
}

type X509 = typeof import("@peculiar/x509");

interface Signer {
  readonly certificate: X509Certificate;
  readonly keys: CryptoKeyPair;
}

function isAddress(name: string): boolean {
  return name.includes(":") || /^[0-9]+(\.[0-9]+){3}$/.test(name);
}

/** The CN of every throw-away CA. */
export const CA_NAME = "fdns test CA";

function base64(octets: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(octets)));
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(SIGNING, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

function newSerialNumber(): string {
  // 16 octets, the first from 0x40 to 0x7f: positive and without leading zeros (RFC 5280, 4.1.2.2).
  const octets = crypto.getRandomValues(new Uint8Array(16));
  octets[0] = (octets[0]! & 0x3f) | 0x40;
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

async function makeCa(x509: X509, commonName: string, nowMs: number, issuer?: Signer): Promise<Signer> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject: `CN=${commonName}`,
    issuer: issuer?.certificate.subject ?? `CN=${commonName}`,
    notBefore: new Date(nowMs - 60 * DAY_MS),
    notAfter: new Date(nowMs + 60 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

/** The names the SAN lists for a kind; undefined: there is no SAN. */
function alternativeNames(kind: CertificateKind, names: readonly string[]): readonly string[] | undefined {
  if (kind === "cn-only") return undefined;
  if (kind === "wrong-name") return ["wrong.invalid"];
  if (kind !== "wildcard") return names;
  return names.filter((name) => !isAddress(name)).map((name) => `*.${name.split(".").slice(1).join(".") || name}`);
}

function validity(kind: CertificateKind, nowMs: number): { notBefore: Date; notAfter: Date } {
  const lives: Partial<Record<CertificateKind, readonly [from: number, to: number]>> = {
    expiring: [-57, 3],
    expired: [-30, -1],
    "not-yet-valid": [1, 30],
  };
  const [notBefore, notAfter] = (lives[kind] ?? [-1, 30]).map((day) => new Date(nowMs + day * DAY_MS)) as [Date, Date];
  return { notBefore, notAfter };
}

async function issueLeaf(
  x509: X509,
  kind: CertificateKind,
  names: readonly string[],
  issuer: Signer,
  nowMs: number,
): Promise<IssuedCertificate> {
  const keys = await newKeys();
  const commonName = kind === "wrong-name" ? "wrong.invalid" : (names[0] ?? "dot.test");
  const subject = kind === "empty-subject" ? "" : `CN=${commonName}`;
  const selfSigned = kind === "self-signed";
  const listed = alternativeNames(kind, names);
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject,
    issuer: selfSigned ? subject : issuer.certificate.subject,
    ...validity(kind, nowMs),
    publicKey: keys.publicKey,
    signingKey: (selfSigned ? keys : issuer.keys).privateKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | (selfSigned ? x509.KeyUsageFlags.keyCertSign : 0),
        true,
      ),
      new x509.ExtendedKeyUsageExtension([kind === "client-only-eku" ? CLIENT_AUTH : SERVER_AUTH]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create((selfSigned ? keys : issuer.keys).publicKey),
      ...(listed
        ? [
            new x509.SubjectAlternativeNameExtension(
              listed.map((value) => ({ type: isAddress(value) ? ("ip" as const) : ("dns" as const), value })),
              // RFC 5280, 4.2.1.6: critical where there is no subject.
              kind === "empty-subject",
            ),
          ]
        : []),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
  const chain = kind === "intermediate" ? [leaf, issuer.certificate] : [leaf];
  return {
    chainPem: chain.map((certificate) => `${certificate.toString("pem")}\n`).join(""),
    keyPem: `-----BEGIN PRIVATE KEY-----\n${base64(pkcs8).replace(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`,
    spkiPin: `sha256/${base64(await crypto.subtle.digest("SHA-256", spki))}`,
  };
}

/** Makes a CA and whatever else the kind needs. `names` are DNS names and addresses, `wallMs` tells the time of day. */
export async function makeAuthority(
  kind: CertificateKind,
  names: readonly string[],
  wallMs: () => number,
): Promise<CertificateAuthority> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const ca = await makeCa(x509, CA_NAME, wallMs());
  let issuer = ca;
  if (kind === "wrong-ca") issuer = await makeCa(x509, CA_NAME, wallMs());
  if (kind === "intermediate" || kind === "no-intermediate") {
    issuer = await makeCa(x509, "fdns test intermediate CA", wallMs(), ca);
  }
  return {
    caPem: `${ca.certificate.toString("pem")}\n`,
    issue: () => issueLeaf(x509, kind, names, issuer, wallMs()),
  };
}
