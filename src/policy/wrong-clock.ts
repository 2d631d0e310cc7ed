/**
 * A clock that is behind, and what may be asked then. No certificate can be checked with it, and the names of the time
 * servers that would set it are themselves asked for over TLS: so those, and only those, may be asked for by another
 * proof (upstream/dates-waived.ts).
 */

import { fold } from "../wire/name.ts";
import type { Query } from "../wire/query.ts";

/** Whether the clock says a time before fdns was made; both in milliseconds since 1970. */
export function isBehind(wallMs: number, builtMs: number): boolean {
  return wallMs < builtMs;
}

/** The names that the operator listed, each itself alone: nothing below it, and nothing above. */
export class TimeServerNames {
  readonly #names: ReadonlySet<string>;

  /** Host names in text, without a dot at the end. */
  constructor(names: readonly string[]) {
    this.#names = new Set(names.map((name) => keyOf(wireForm(name))));
  }

  /** Whether the query, well-formed, asks for one of them, in whatever case (RFC 4343) and for whatever type. */
  has({ question, questionOctets }: Query): boolean {
    return this.#names.has(keyOf(question.subarray(0, questionOctets - TYPE_AND_CLASS_OCTETS)));
  }
}

const TYPE_AND_CLASS_OCTETS = 4;

/** "a.test" as labels behind their lengths, and the root's zero (RFC 1035, 3.1). */
function wireForm(name: string): Uint8Array {
  const labels = name.split(".").map((label) => [label.length, ...Buffer.from(label, "latin1")]);
  return Uint8Array.from([...labels.flat(), 0]);
}

/** The octets, case folded, as text of one character an octet. */
function keyOf(name: Uint8Array): string {
  return Buffer.from(name.map(fold)).toString("latin1");
}
