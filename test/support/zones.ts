/** The zones the real name server serves: the files beside, what is too large to write by hand, and signatures. */

import { appendFileSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./sources.ts";
import { runToEnd } from "./toolchain.ts";

export const zones = [".", "plain.test", "signed.test", "expired.test", "2.0.192.in-addr.arpa"] as const;

/** 255 octets on the wire (RFC 1035, 2.3.4): labels of 63, 63, 63 and 50 octets below plain.test. */
export const longestName = longName("a");
/** The same, as the target of a CNAME. */
export const longestTarget = longName("t");

function longName(letter: string): string {
  return `${[63, 63, 63, 50].map((octets) => letter.repeat(octets)).join(".")}.plain.test.`;
}

/** Where the file of a zone, ready to be served, is. */
export function zoneFile(folder: string, zone: string): string {
  return join(folder, `${zone === "." ? "root" : zone}.zone`);
}

/** Writes the zones into the folder and signs two of them. Resolves to the files with their trust anchors. */
export async function writeZones(folder: string): Promise<string[]> {
  for (const zone of zones)
    copyFileSync(zoneFile(join(projectRoot, "test/support/zones"), zone), zoneFile(folder, zone));
  appendFileSync(
    zoneFile(folder, "plain.test"),
    largeRecords()
      .map((line) => `${line}\n`)
      .join(""),
  );
  // NSEC3 without salt and further iterations (RFC 9276, 3.1); good for a month.
  const signed = await sign(folder, "signed.test", ["-n", "-t", "0"]);
  const expired = await sign(folder, "expired.test", ["-i", "20200101000000", "-e", "20200201000000"]);
  return [signed, expired];
}

function largeRecords(): string[] {
  const strings = (count: number): string =>
    Array.from({ length: count }, (_, i) => `"${String(i).padStart(255, "0123456789")}"`).join(" ");
  return [
    `txt-4k TXT ${strings(16)}`,
    `one-60k TXT ${strings(236)}`,
    // 232 records of 12 octets of fixed fields, name pointer included, and 248 of RDATA: 60,320 octets.
    ...Array.from({ length: 232 }, (_, i) => `many-60k TXT "${String(i).padStart(247, "many records of text ")}"`),
    // Just above and below what an answer over UDP may have.
    ...Array.from({ length: 60 }, (_, i) => `addresses A 198.51.100.${i}`),
    ...Array.from({ length: 90 }, (_, i) => `more-addresses A 198.51.100.${i}`),
    `${longestName} A 192.0.2.20`,
    `longest CNAME ${longestTarget}`,
    `${longestTarget} A 192.0.2.21`,
  ];
}

/** Signs the zone's file with a key made now. Resolves to the file with its DNSKEY. */
async function sign(folder: string, zone: string, flags: readonly string[]): Promise<string> {
  const file = zoneFile(folder, zone);
  const key = join(folder, (await tool(folder, "ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone)).trim());
  await tool(folder, "ldns-signzone", ...flags, "-o", zone, "-f", `${file}.signed`, file, key);
  copyFileSync(`${file}.signed`, file);
  if (!readFileSync(file, "latin1").includes("RRSIG")) throw new Error(`${file} is not signed`);
  return `${key}.key`;
}

async function tool(cwd: string, ...command: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runToEnd(command, { cwd });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr}`);
  return stdout;
}
