/** The roots a host trusts, and those the executable carries. */

import { X509Certificate } from "node:crypto";
import * as tls from "node:tls";
import { readGivenFile } from "../files/given-file.ts";
import { certificateBlocks } from "./pem.ts";

/**
 * Where systems keep their roots in one file. Read directly, because the runtimes' own view of "the system's roots"
 * follows SSL_CERT_FILE, SSL_CERT_DIR and NODE_EXTRA_CA_CERTS, and whom fdns trusts must not depend on those.
 */
const SYSTEM_FILES: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Arch, Alpine, distroless images
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
  "/etc/pki/tls/certs/ca-bundle.crt", // older RHEL, OpenWrt
  "/etc/ssl/ca-bundle.pem", // SUSE
  "/etc/ssl/cert.pem", // Alpine, BSDs, macOS
];

export interface Roots {
  readonly pem: readonly string[];
  /** Where they came from, for the start-up line. */
  readonly origin: string;
}

/** The certificates of a PEM file that parse. @throws if the file cannot be read or holds none. */
export function rootsFromFile(path: string): Roots {
  const text = readGivenFile(path);
  const pem = certificateBlocks(text).filter(parses);
  if (pem.length === 0) throw new Error("it holds no certificate in PEM form that can be read and is for servers");
  return { pem, origin: path };
}

/** The host's roots; undefined if there are none. */
export function systemRoots(): Roots | undefined {
  for (const path of SYSTEM_FILES) {
    try {
      return rootsFromFile(path);
    } catch {
      // not this kind of system
    }
  }
  return undefined;
}

/** The roots of Mozilla's programme, as the runtime was built with them. */
export function bundledRoots(): Roots {
  return { pem: tls.rootCertificates, origin: "the built-in roots" };
}

function parses(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
