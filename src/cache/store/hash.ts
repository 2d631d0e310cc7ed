/**
 * The keyed hash of questions: HalfSipHash-1-3 (Aumasson, Bernstein: SipHash, 2012; the variant for 32 bits) over the
 * question, its name in lower case, four octets at a time. Keyed, because whoever could foresee hashes could make
 * names that crowd one place of the index.
 */

import type { Random } from "../../runtime/runtime.ts";

/** The keyed hash of the question (name, type, class) at octets[at, at + questionOctets): 32 bits, unsigned. */
export type QuestionHash = (octets: Uint8Array, at: number, questionOctets: number) => number;

/** The hash under a key of its own, for those who have no cache to take it from. */
export function keyedHash(random: Random): QuestionHash {
  const key = new Uint8Array(8);
  random.fill(key);
  const [seedA = 0, seedB = 0] = new Int32Array(key.buffer);
  return (octets, at, questionOctets) => questionHash(seedA, seedB, octets, at, questionOctets);
}

/** See QuestionHash. Flags of a key do not count: it is known before they have been read. */
export function questionHash(
  seedA: number,
  seedB: number,
  octets: Uint8Array,
  at: number,
  questionOctets: number,
): number {
  const nameEnd = at + questionOctets - 4;
  let v0 = seedA | 0;
  let v1 = seedB | 0;
  // The length is in the state from the start: a round less than as a last word.
  let v2 = 0x6c796765 ^ v0 ^ questionOctets;
  let v3 = 0x74656462 ^ v1;
  // The name, its type and class, and three rounds more.
  const ofType = (questionOctets - 1) >> 2;
  for (let i = 0; i < ofType + 4; i++) {
    let word = 0;
    if (i < ofType) word = foldedWord(octets, at + i * 4, nameEnd);
    else if (i === ofType) word = wordAt(octets, nameEnd);
    else if (i === ofType + 1) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}

function wordAt(octets: Uint8Array, at: number): number {
  return octets[at]! | (octets[at + 1]! << 8) | (octets[at + 2]! << 16) | (octets[at + 3]! << 24);
}

/** The name's four octets at `at`, those behind its end left out, in lower case. */
function foldedWord(octets: Uint8Array, at: number, nameEnd: number): number {
  // The octets behind a name are its type and class, so all four can be read.
  const spare = at + 4 - nameEnd;
  const word = spare > 0 ? wordAt(octets, at) & (-1 >>> (spare * 8)) : wordAt(octets, at);
  // In each octet, without its top bit: the top bit of the sum says whether it is at least "A", and whether above "Z".
  const seven = word & 0x7f7f7f7f;
  const fromA = (seven + 0x3f3f3f3f) | 0;
  const aboveZ = (seven + 0x25252525) | 0;
  return word | ((fromA & ~aboveZ & ~word & 0x80808080) >>> 2);
}
