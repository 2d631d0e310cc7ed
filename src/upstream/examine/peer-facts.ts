/** What can be said of a peer that passed authentication: by which name, over which chain, with which key. */

import { X509Certificate } from "node:crypto";
import type { PeerLeaf } from "../../runtime/runtime.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";
import { spkiHash } from "../dial/authentication.ts";

/**
 * The entry of the SAN that carries the name or, without one, the address: "DNS:*.example.net", "IP Address:192.0.2.1".
 * Undefined if none does, which authentication would have refused.
 */
export function matchingName(leaf: PeerLeaf, adn: string | undefined, address: string): string | undefined {
  // Kinds of names that may hold a comma are quoted then, and never what is looked for.
  const entries = (leaf.subjectAltName ?? "").replace(/"(?:\\.|[^"\\])*"/g, "").split(", ");
  return entries.find((entry) => {
    const [kind, value = ""] = [entry.slice(0, entry.indexOf(":")), entry.slice(entry.indexOf(":") + 1)];
    return adn === undefined
      ? kind === "IP Address" && sameAddress(value, address)
      : kind === "DNS" && covers(value, adn);
  });
}

/** RFC 9525, 6.3: a wildcard stands for the whole first label. */
function covers(pattern: string, adn: string): boolean {
  const [name, wanted] = [pattern.toLowerCase(), adn.toLowerCase().replace(/\.$/, "")];
  return name === wanted || (name.startsWith("*.") && wanted.slice(wanted.indexOf(".")) === name.slice(1));
}

function sameAddress(a: string, b: string): boolean {
  const [x, y] = [parseIpAddress(a), parseIpAddress(b)];
  return x !== undefined && y !== undefined && Buffer.from(x).equals(y);
}

/** The subjects of a chain in DER, the leaf first, each in one line: "CN=dot.test, O=Example". */
export function subjectsOf(chain: readonly Uint8Array[]): string[] {
  return chain.map((certificate) => nameInOneLine(new X509Certificate(certificate).subject));
}

/** A name may be empty where a SAN says who it is (RFC 5280, 4.1.2.6); Bun then has none, against its type. */
export function nameInOneLine(name: string | undefined): string {
  return name === undefined || name === "" ? "no name" : name.split("\n").join(", ");
}

/** The leaf's key as --upstream takes it, "sha256/BASE64"; undefined for a kind of key that cannot be pinned. */
export function pinOf(leaf: PeerLeaf): string | undefined {
  try {
    return `sha256/${spkiHash(leaf.raw).toString("base64")}`;
  } catch {
    return undefined;
  }
}
