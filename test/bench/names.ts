/** The names that are asked, in files that dnsperf and paced.c read. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Of the names that a cache is to hold. */
export const FEW = 1000;
export const MANY = 1_000_000;
/** One in so many queries of the mixed load has a new name. */
const MIXED_NEW_EVERY = 10;
/** Nothing here answers faster. */
const MOST_PER_SECOND = 300_000;
const LINES_A_WRITE = 100_000;

const known = (number: number) => `k${String(number).padStart(7, "0")}.bench.example.net A\n`;

/** Files by name: "new-most" has as many new names as the load of that name can need. */
export class NameFiles {
  readonly #folder: string;
  readonly #written = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  few(): string {
    return this.#file("few", FEW, known);
  }

  many(): string {
    return this.#file("many", MANY, known);
  }

  /** Drawn from the many with Zipf's law: the name of rank r is asked 1/r as often as the first. */
  zipf(): string {
    return this.#file("zipf", 2 * MANY, () => known(zipf()));
  }

  /** New names for one load; the same tag gives the same names again, so each load of one server's life has its own. */
  new(tag: string, seconds: number): string {
    return this.#file(`new-${tag}`, Math.ceil(MOST_PER_SECOND * seconds), (i) => newName(tag, i));
  }

  /** Nine of ten are among the few. */
  mixed(tag: string, seconds: number): string {
    return this.#file(`mixed-${tag}`, Math.ceil(MOST_PER_SECOND * seconds), (i) =>
      i % MIXED_NEW_EVERY === 0 ? newName(`m${tag}`, i) : known(i % FEW),
    );
  }

  #file(name: string, lines: number, line: (index: number) => string): string {
    const written = this.#written.get(name);
    if (written !== undefined) return written;
    const path = join(this.#folder, `${name}.names`);
    writeFileSync(path, "");
    for (let first = 0; first < lines; first += LINES_A_WRITE) {
      const count = Math.min(LINES_A_WRITE, lines - first);
      writeFileSync(path, Array.from({ length: count }, (_, i) => line(first + i)).join(""), { flag: "a" });
    }
    this.#written.set(name, path);
    return path;
  }
}

const newName = (tag: string, number: number) => `n${String(number).padStart(7, "0")}-${tag}.bench.example.net A\n`;

let random = 1;

/** A rank from 0, by inversion of the continuous law, which is close enough: P(rank < r) = ln(r + 1) / ln(MANY + 1). */
function zipf(): number {
  // Park and Miller's generator: every run asks the same.
  random = (random * 48_271) % 0x7fffffff;
  return Math.min(MANY - 1, Math.floor((MANY + 1) ** (random / 0x7fffffff)) - 1);
}
