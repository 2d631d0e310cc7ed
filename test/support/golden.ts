/**
 * What programs print, kept in files under test/e2e/golden/ and compared as a whole. Written anew, to be read and
 * committed, by FDNS_GOLDEN=write scripts/test query.
 */

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { escapeControls } from "../../src/observe/log.ts";
import { projectRoot } from "./sources.ts";

const isWriting = process.env.FDNS_GOLDEN === "write";

/** One file of sections, each headed by "### its name". */
export class Golden {
  readonly #path: string;
  readonly #sections = new Map<string, string>();

  constructor(name: string) {
    this.#path = join(projectRoot, "test/e2e/golden", name);
    if (!existsSync(this.#path)) return;
    for (const section of readFileSync(this.#path, "utf8").split(/^### /m).slice(1)) {
      const end = section.indexOf("\n");
      this.#sections.set(section.slice(0, end), section.slice(end + 1).trimEnd());
    }
  }

  /** Compares with the section of that name; there must be one. */
  expectSame(name: string, text: string): void {
    if (isWriting) this.#write(name, text.trimEnd());
    expect(text.trimEnd()).toBe(this.#sections.get(name) ?? `no section "${name}" in ${this.#path}`);
  }

  #write(name: string, text: string): void {
    this.#sections.set(name, text);
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, [...this.#sections].map(([title, body]) => `### ${title}\n${body}\n`).join("\n"));
  }
}

/** What differs from run to run, or from host to host, and the word that stands for it in the golden files. */
const MASKS: readonly (readonly [pattern: RegExp, word: string])[] = [
  [/\b\d+\.\d ms\b/g, "N.N ms"],
  [/("(?:connect|handshake|answer)Ms":)[\d.]+/g, "$1N"],
  [/sha256\/[A-Za-z0-9+/]{43}=/g, "sha256/KEY"],
  [/\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "DATE"],
  [/\b\d+ days? left/g, "N days left"],
  [/("daysLeft":)\d+/g, "$1N"],
  // A host without AES instructions prefers another, and so do some versions of the runtimes.
  [/\bTLS_[A-Z0-9_]+|\bECDHE-[A-Z0-9-]+/g, "CIPHER"],
  [/\b(127\.0\.0\.1|dot\.test):\d+/g, "$1:PORT"],
  [/("port":)\d+/g, "$1PORT"],
  [/\/\S*?\/fdns-test-[^/\s]+\//g, "FOLDER/"],
  // The same address, as Bun and Deno write it.
  [/IP Address:(0:0:0:0:0:0:0:1|::1)\b/g, "IP Address:::1"],
];

/** The text with each of them replaced, control characters made visible, and line ends of a terminal as in a file. */
export function masked(text: string): string {
  const lines = text.replaceAll("\r\n", "\n").split("\n").map(escapeControls).join("\n");
  return MASKS.reduce((so, [pattern, word]) => so.replace(pattern, word), lines);
}
