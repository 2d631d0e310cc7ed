/** Files of roots as OpenSSL, Java and browsers write them. */

import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { certificateBlocks } from "../../src/runtime/tls/pem.ts";
import { makeAuthority } from "../../src/testupstream/certificates.ts";

const { caPem } = await makeAuthority("good", ["dot.test"], Date.now);
const der = Buffer.from(caPem.replace(/-----[^-]+-----/g, ""), "base64");
const subject = new X509Certificate(caPem).subject;

function block(label: string, octets: Uint8Array): string {
  const lines = Buffer.from(octets)
    .toString("base64")
    .replace(/(.{64})/g, "$1\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

const sequence = (tag: number, ...parts: number[][]) => [tag, parts.flat().length, ...parts.flat()];
const SERVERS = [6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
const CLIENTS = [6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
const ANY = [6, 4, 0x55, 0x1d, 0x25, 0];
const ALIAS = [0x0c, 2, 0x63, 0x61];
const trusted = (...settings: number[][]) => Buffer.concat([der, Uint8Array.from(sequence(0x30, ...settings))]);

test.each([
  ["CERTIFICATE", der],
  ["X509 CERTIFICATE", der],
  ["TRUSTED CERTIFICATE", der],
  ["TRUSTED CERTIFICATE", trusted()],
  ["TRUSTED CERTIFICATE", trusted(ALIAS)],
  ["TRUSTED CERTIFICATE", trusted(sequence(0x30, CLIENTS, SERVERS))],
  ["TRUSTED CERTIFICATE", trusted(sequence(0x30, ANY), sequence(0xa0, CLIENTS), ALIAS)],
])("%s %#: the certificate", (label, octets) => {
  const found = certificateBlocks(`text before\n${block(label, octets)}text behind\n`);
  expect(found.map((pem) => new X509Certificate(pem).subject)).toEqual([subject]);
  expect(found[0]).toStartWith("-----BEGIN CERTIFICATE-----\n");
});

test.each([
  ["trusted for clients alone", trusted(sequence(0x30, CLIENTS))],
  ["trusted for nothing", trusted(sequence(0x30))],
  ["rejected for servers", trusted(sequence(0xa0, SERVERS))],
  ["rejected for everything", trusted(sequence(0x30, SERVERS), sequence(0xa0, ANY))],
])("TRUSTED CERTIFICATE, %s: none", (_what, octets) => {
  expect(certificateBlocks(block("TRUSTED CERTIFICATE", octets))).toEqual([]);
});

test("several in one file, and labels that do not fit each other", () => {
  const all = block("X509 CERTIFICATE", der) + caPem + block("TRUSTED CERTIFICATE", trusted(ALIAS));
  expect(certificateBlocks(all)).toHaveLength(3);
  expect(certificateBlocks(caPem.replace("END CERTIFICATE", "END X509 CERTIFICATE"))).toEqual([]);
  for (const cut of [0, 1, 2, 3, 4, der.length - 1]) {
    expect(certificateBlocks(block("TRUSTED CERTIFICATE", der.subarray(0, cut)))).toEqual([]);
  }
});
